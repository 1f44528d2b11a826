import type { Octets } from "../wire/octets.ts";

/**
 * Texts in BOOTP and DHCP are NVT ASCII (RFC 2132 section 2). Octets above 127 are read and written as Latin-1, so that
 * whatever arrives can be shown and sent back unchanged; a character beyond Latin-1 becomes a question mark.
 */
export function readText(o: Octets, at: number, len: number): string {
  const { dv } = o;
  let text = "";
  for (let i = at; i < at + len; i++) text += String.fromCharCode(dv.getUint8(i));
  return text;
}

/** Writes `text` from its character `from` on, at most `len` of them, one octet each. */
export function writeText(text: string, from: number, len: number, o: Octets, at: number): void {
  const { dv } = o;
  for (let i = 0; i < len; i++) {
    const c = text.charCodeAt(from + i);
    dv.setUint8(at + i, c > 255 ? QUESTION_MARK : c);
  }
}

/** Octets before the first NUL, `max` when there is none. */
export function lengthToNul(o: Octets, at: number, max: number): number {
  const { dv } = o;
  let len = 0;
  while (len < max && dv.getUint8(at + len) !== 0) len++;
  return len;
}

const QUESTION_MARK = 0x3f;

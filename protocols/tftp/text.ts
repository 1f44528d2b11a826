import type { Octets } from "../wire/octets.ts";

/** Octets as text, one character an octet (allocates). */
export function asciiText(o: Octets, at: number, len: number): string {
  let text = "";
  for (let i = at; i < at + len; i++) text += String.fromCharCode(o.u8[i] ?? 0);
  return text;
}

/** Writes text and a zero octet; returns the offset after it. Characters above 255 keep their low octet. */
export function putAsciiZ(text: string, o: Octets, at: number): number {
  for (let i = 0; i < text.length; i++) o.dv.setUint8(at + i, text.charCodeAt(i) & 0xff);
  o.dv.setUint8(at + text.length, 0);
  return at + text.length + 1;
}

/** Whether octets spell a lower-case word, in whatever case (RFC 1350 mode, RFC 2347 option names). */
export function sameAsciiNoCase(o: Octets, at: number, len: number, lower: string): boolean {
  if (len !== lower.length) return false;
  for (let i = 0; i < len; i++) {
    let c = o.u8[at + i] ?? 0;
    if (c >= 0x41 && c <= 0x5a) c += 0x20;
    if (c !== lower.charCodeAt(i)) return false;
  }
  return true;
}

import type { Octets } from "../wire/octets.ts";

// XDR strings are octets; every machine that is still alive writes file and host names as ASCII or UTF-8. TextDecoder is
// not part of the language, so it is not used here (protocols/ runs in any engine).

const REPLACEMENT = 0xfffd;

/** Octets that `text` takes as UTF-8. */
export function textLen(text: string): number {
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const c = codePoint(text, i);
    if (c > 0xffff) i += 1;
    n += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x1_0000 ? 3 : 4;
  }
  return n;
}

/** Writes `text` as UTF-8 at `at`; returns octets written. A lone surrogate becomes U+FFFD. */
export function writeText(text: string, o: Octets, at: number): number {
  const { dv } = o;
  let p = at;
  for (let i = 0; i < text.length; i++) {
    const c = codePoint(text, i);
    if (c < 0x80) {
      dv.setUint8(p++, c);
      continue;
    }
    if (c < 0x800) {
      dv.setUint8(p++, 0xc0 | (c >> 6));
    } else {
      if (c < 0x1_0000) {
        dv.setUint8(p++, 0xe0 | (c >> 12));
      } else {
        i += 1;
        dv.setUint8(p++, 0xf0 | (c >> 18));
        dv.setUint8(p++, 0x80 | ((c >> 12) & 0x3f));
      }
      dv.setUint8(p++, 0x80 | ((c >> 6) & 0x3f));
    }
    dv.setUint8(p++, 0x80 | (c & 0x3f));
  }
  return p - at;
}

/** Reads `len` octets as UTF-8 text (allocates). Octets that are not UTF-8 become U+FFFD one by one; never throws. */
export function readText(o: Octets, at: number, len: number): string {
  const { u8 } = o;
  const end = at + len;
  let text = "";
  let p = at;
  while (p < end) {
    const b = u8[p] ?? 0;
    const more = b < 0x80 ? 0 : b < 0xc2 ? -1 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : b < 0xf5 ? 3 : -1;
    let c = more <= 0 ? b : b & (0x3f >> more);
    for (let k = 1; k <= more; k++) {
      const next = p + k < end ? (u8[p + k] ?? 0) : 0;
      c = (next & 0xc0) === 0x80 && c >= 0 ? (c << 6) | (next & 0x3f) : -1;
    }
    const valid = more >= 0 && isScalar(c, more);
    text += String.fromCodePoint(valid ? c : REPLACEMENT);
    p += valid ? more + 1 : 1;
  }
  return text;
}

/** Not overlong, not a surrogate, not above U+10FFFF. */
function isScalar(c: number, more: number): boolean {
  const least = more === 0 ? 0 : more === 1 ? 0x80 : more === 2 ? 0x800 : 0x1_0000;
  return c >= least && c <= 0x10_ffff && (c < 0xd800 || c > 0xdfff);
}

function codePoint(text: string, i: number): number {
  const c = text.codePointAt(i) ?? REPLACEMENT;
  return c >= 0xd800 && c <= 0xdfff ? REPLACEMENT : c;
}

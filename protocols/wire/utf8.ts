import type { Octets } from "./octets.ts";

/** Whether `len` octets are UTF-8 (RFC 3629 section 4): no overlong form, no surrogate, nothing above U+10FFFF. */
export function isUtf8(o: Octets, at: number, len: number): boolean {
  const { dv } = o;
  const end = at + len;
  let p = at;
  while (p < end) {
    const b = dv.getUint8(p);
    p += 1;
    if (b < 0x80) continue;
    if (b < 0xc2 || b > 0xf4) return false;
    const more = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
    if (end - p < more) return false;
    const second = dv.getUint8(p);
    const least = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    const most = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let k = 1; k < more; k++) if ((dv.getUint8(p + k) & 0xc0) !== 0x80) return false;
    p += more;
  }
  return true;
}

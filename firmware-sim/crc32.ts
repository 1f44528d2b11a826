import type { Octets } from "../protocols/wire/octets.ts";

const POLYNOMIAL = 0xedb88320;
const TABLE: Int32Array = new Int32Array(256).map((_, i) => {
  let c = i;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  return c;
});

/**
 * CRC-32 of IEEE 802.3 (that of zlib, gzip and U-Boot's `crc32`), continued from `crc`, which is 0 at the start.
 *
 * Returns a uint32.
 */
export function crc32(o: Octets, at: number, len: number, crc = 0): number {
  const { u8 } = o;
  let c = ~crc;
  for (let i = at; i < at + len; i++) c = (c >>> 8) ^ (TABLE[(c ^ (u8[i] ?? 0)) & 255] ?? 0);
  return ~c >>> 0;
}

import type { Octets } from "./octets.ts";

/**
 * One's complement sum of 16-bit words (RFC 1071), not yet folded or inverted.
 *
 * `sum` is the running sum of what came before, which must have had an even length. An odd last octet counts as the high
 * half of a word. The sum of a packet, which has at most 65535 octets, and its pseudo header stays below 2^32.
 */
export function sum16(o: Octets, at: number, len: number, sum: number): number {
  const { dv } = o;
  const end = at + len;
  let total = 0;
  let i = at;
  // Two words a load: half of the bounds checks, and these are most of the cost. 32767 words keep within 31 bits.
  for (; i + 4 <= end; i += 4) {
    const words = dv.getInt32(i);
    total = (total + (words >>> 16) + (words & 0xffff)) | 0;
  }
  if (i + 2 <= end) {
    total = (total + dv.getUint16(i)) | 0;
    i += 2;
  }
  if (i < end) total = (total + (dv.getUint8(i) << 8)) | 0;
  return sum + total;
}

/** Folds a running sum, below 2^32, into the 16-bit checksum that goes on the wire (RFC 1071). */
export function foldChecksum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff;
}

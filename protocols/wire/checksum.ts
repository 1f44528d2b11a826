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
  // Low and high halves of words as they lie in memory, four words a turn: no octets are turned, and nearly all of the cost is
  // loads. 65535 octets keep both within 31 bits.
  let low = 0;
  let high = 0;
  let i = at;
  for (; i + 16 <= end; i += 16) {
    const a = dv.getInt32(i, true);
    const b = dv.getInt32(i + 4, true);
    const c = dv.getInt32(i + 8, true);
    const d = dv.getInt32(i + 12, true);
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  // The sum of turned words is the turned sum (RFC 1071 section 2 (B)).
  let total = swap16(fold16(low + high));
  for (; i + 2 <= end; i += 2) total += dv.getUint16(i);
  if (i < end) total += dv.getUint8(i) << 8;
  return sum + total;
}

/** Folds a running sum, below 2^32, into the 16-bit checksum that goes on the wire (RFC 1071). */
export function foldChecksum(sum: number): number {
  return ~fold16(sum) & 0xffff;
}

function fold16(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

function swap16(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}

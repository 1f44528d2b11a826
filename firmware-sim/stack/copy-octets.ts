import type { Octets } from "../../protocols/wire/octets.ts";

/**
 * A copy of `len` octets that outlives the frame.
 *
 * Not `u8.slice`: a transport's slab may be a Node Buffer, whose `slice` is a window onto the same memory.
 */
export function copyOctets(o: Octets, at: number, len: number): Uint8Array {
  const copy = new Uint8Array(len);
  copy.set(o.u8.subarray(at, at + len));
  return copy;
}

/**
 * Puts the payload behind a header, and returns where it ends; -1 when there is no room for it.
 *
 * To copy a block of a file takes a tenth of a microsecond. That Node hands several pieces to the kernel takes two.
 */
export function append(payload: readonly Uint8Array[], u8: Uint8Array, at: number): number {
  let end = at;
  for (const { length } of payload) end += length;
  if (end > u8.length) return -1;
  let pos = at;
  for (const piece of payload) {
    u8.set(piece, pos);
    pos += piece.length;
  }
  return end;
}

import { type Content, checkEnd } from "./content.ts";

/**
 * A chunk for as long as somebody needs it, across turns of the event loop: its memory is given back to the system when the
 * cache has dropped it and its last borrower is done.
 */
export interface Loan {
  /** Never written to; not to be looked at after `giveBack`. */
  readonly octets: Uint8Array;
  /** Once for each loan, when neither we nor the kernel read it any more. A loan that is never given back is left to the collector. */
  giveBack(): void;
}

/** Borrows a chunk that is in memory. Of content that keeps no account of its loans, the collector takes it. */
export function borrow(c: Content, index: number): Loan | undefined {
  if (c.borrow) return c.borrow(index);
  const octets = c.peek(index);
  return octets && unaccounted(octets);
}

/** Loads a chunk, so that it can be borrowed if that is done at once; undefined: it is in memory. Rejects as `Content.load`. */
export function fill(c: Content, index: number): Promise<unknown> | undefined {
  if (c.fill) return c.fill(index);
  return c.peek(index) ? undefined : c.load(index);
}

/**
 * Collects into `out` the pieces of chunks that make up `len` octets at `at`, and into `loans` what to give back when they were
 * used.
 *
 * Returns -1 when all were in memory, else the index of the first chunk to `fill` (then nothing is borrowed and both are empty).
 */
export function borrowRange(
  c: Content,
  at: number,
  len: number,
  out: Uint8Array[],
  loans: Loan[],
): number {
  checkEnd(c, at, len);
  let pos = at + (c.base ?? 0);
  const end = pos + len;
  while (pos < end) {
    const index = Math.floor(pos / c.chunkLen);
    const loan = borrow(c, index);
    if (!loan) {
      giveAllBack(loans);
      out.length = 0;
      loans.length = 0;
      return index;
    }
    loans.push(loan);
    const from = pos - index * c.chunkLen;
    const piece = loan.octets.subarray(from, Math.min(loan.octets.length, from + (end - pos)));
    if (piece.length === 0) {
      giveAllBack(loans);
      throw new Error(`${c.name}: read past the end`);
    }
    out.push(piece);
    pos += piece.length;
  }
  return -1;
}

export function giveAllBack(loans: readonly Loan[]): void {
  for (const loan of loans) loan.giveBack();
}

/** A loan of what the collector looks after. */
export function unaccounted(octets: Uint8Array): Loan {
  return { octets, giveBack: () => undefined };
}

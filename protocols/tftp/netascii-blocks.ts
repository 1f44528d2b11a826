import type { Octets } from "../wire/octets.ts";
import { NetasciiEncoder } from "./netascii.ts";

/** A place in the text and the half pair that waits there (-1, NUL or LF) in one number: 2^53 / 16 octets are enough. */
const PLACE = 16;

/**
 * Cuts a text into blocks of netascii as they are asked for, in order or from anywhere in the window again.
 *
 * Where a block begins in the text is known only when the one before it was made. Of the blocks that may be asked for once more
 * these places are kept, one number each; the converted text is kept nowhere.
 */
export class NetasciiBlocks {
  private readonly encoder = new NetasciiEncoder();
  private readonly blksize: number;
  /** Where each block of the window begins. */
  private readonly starts: Float64Array;
  private readonly size: number;
  /** The next block that was never made. */
  private front = 1;

  /** `size`: of the text, octets. */
  constructor(size: number, blksize: number, windowsize: number) {
    this.size = size;
    this.blksize = blksize;
    this.starts = new Float64Array(windowsize + 1);
  }

  /** Where in the text block `n` begins, octets; blocks are counted from 1 without wrapping. */
  startOf(n: number): number {
    return Math.floor(this.startAt(n) / PLACE);
  }

  /** Octets of the text that a block can use up at most. */
  needOf(n: number): number {
    return Math.min(this.blksize, this.size - this.startOf(n));
  }

  /** Begins block `n`: the pieces that `needOf` names follow by `add`, in order. */
  begin(n: number): void {
    this.encoder.resume((this.startAt(n) % PLACE) - 1);
  }

  /** Converts a piece of the text into `room` octets; returns octets written. `consumed` is how many of the piece were used. */
  add(src: Octets, at: number, len: number, dst: Octets, dstAt: number, room: number): number {
    return this.encoder.encode(src, at, len, dst, dstAt, room);
  }

  get consumed(): number {
    return this.encoder.consumed;
  }

  /** Block `n` is made, and used `used` octets of the text. */
  end(n: number, used: number): void {
    const place = (this.startOf(n) + used) * PLACE;
    this.starts[(n + 1) % this.starts.length] = place + this.encoder.half + 1;
    if (n >= this.front) this.front = n + 1;
  }

  private startAt(n: number): number {
    if (n > this.front || n <= this.front - this.starts.length) {
      throw new Error(`block ${n} is outside the window`);
    }
    return this.starts[n % this.starts.length] ?? 0;
  }
}

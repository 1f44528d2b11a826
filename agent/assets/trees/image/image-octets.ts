import type { Content } from "../../content.ts";
import { borrow, fill, type Loan } from "../../loan.ts";
import { Refusal } from "../../treatment/refusal.ts";

/**
 * The octets of an image anywhere in it, through the chunks of its content: what is not asked for is not read from disk.
 *
 * One chunk is borrowed at a time, so that going over a large image leaves no memory to the collector.
 */
export class ImageOctets {
  readonly size: number;
  private readonly content: Content;
  private loan: Loan | undefined;
  private index = -1;

  constructor(content: Content) {
    this.content = content;
    this.size = content.size;
  }

  /**
   * `len` octets at `at`: at once when they lie in the chunk that was asked for last. Valid until the next call.
   *
   * Throws, or rejects with, a Refusal where the image ends before; rejects as `Content.load`.
   */
  read(at: number, len: number, what: string): Uint8Array | Promise<Uint8Array> {
    if (at + len > this.size) throw new Refusal(`is cut short in ${what}`);
    const from = at - this.index * this.content.chunkLen;
    if (this.loan && from >= 0 && from + len <= this.loan.octets.length) {
      return this.loan.octets.subarray(from, from + len);
    }
    return this.collect(at, len);
  }

  /** Gives back what is borrowed. */
  close(): void {
    this.loan?.giveBack();
    this.loan = undefined;
  }

  private async collect(at: number, len: number): Promise<Uint8Array> {
    const { chunkLen } = this.content;
    let whole: Uint8Array | undefined;
    for (let done = 0; ; ) {
      const index = Math.floor((at + done) / chunkLen);
      const chunk = await this.chunk(index);
      const from = at + done - index * chunkLen;
      const piece = chunk.subarray(from, from + len - done);
      if (piece.length === len) return piece;
      whole ??= new Uint8Array(len);
      whole.set(piece, done);
      done += piece.length;
      if (done === len) return whole;
      if (piece.length === 0) throw new Refusal(`is cut short at octet ${at + done}`);
    }
  }

  private async chunk(index: number): Promise<Uint8Array> {
    if (this.loan && this.index === index) return this.loan.octets;
    this.close();
    let loan = borrow(this.content, index);
    while (!loan) {
      await fill(this.content, index);
      loan = borrow(this.content, index);
    }
    this.loan = loan;
    this.index = index;
    return loan.octets;
  }
}

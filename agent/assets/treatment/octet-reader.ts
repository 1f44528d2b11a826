import { Refusal } from "./refusal.ts";

const NOTHING = new Uint8Array(0);

/**
 * Reads pieces of any length as if they were one row of octets. Pulls only as it is read, and holds no more than what was
 * asked for and the piece that it came in.
 */
export class OctetReader {
  private readonly pieces: AsyncIterator<Uint8Array>;
  private held: Uint8Array = NOTHING;
  private ended = false;

  constructor(octets: AsyncIterable<Uint8Array>) {
    this.pieces = octets[Symbol.asyncIterator]();
  }

  /** The next `len` octets, or fewer where they end, which are not used up. Valid until the next call. */
  async peek(len: number): Promise<Uint8Array> {
    while (this.held.length < len && !this.ended) {
      const piece = await this.pull();
      if (piece !== undefined) this.held = joined(this.held, piece);
    }
    return this.held.subarray(0, len);
  }

  /** The next octets, at most `max`; undefined at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.held.length === 0) {
      const piece = this.ended ? undefined : await this.pull();
      if (piece === undefined) return undefined;
      this.held = piece;
    }
    const piece = this.held.subarray(0, max);
    this.held = this.held.subarray(piece.length);
    return piece;
  }

  /** The next `len` octets. Throws a Refusal where they end before; `what` says what they would have been. */
  async exactly(len: number, what: string): Promise<Uint8Array> {
    const piece = await this.peek(len);
    if (piece.length < len) throw new Refusal(`is cut short in ${what}`);
    this.held = this.held.subarray(len);
    return piece;
  }

  /** Passes over `len` octets. Throws a Refusal where they end before. */
  async skip(len: number, what: string): Promise<void> {
    for (let left = len; left > 0; ) {
      const piece = await this.some(left);
      if (piece === undefined) throw new Refusal(`is cut short in ${what}`);
      left -= piece.length;
    }
  }

  /** Gives octets back, to be read again before all others. */
  unread(octets: Uint8Array): void {
    if (octets.length > 0) this.held = joined(octets, this.held);
  }

  /** All that is left, in pieces. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = await this.some(Number.MAX_SAFE_INTEGER);
      if (piece === undefined) return;
      yield piece;
    }
  }

  /** Ends the reading where it is; what the octets come from is let go. */
  async close(): Promise<void> {
    this.ended = true;
    this.held = NOTHING;
    await this.pieces.return?.();
  }

  private async pull(): Promise<Uint8Array | undefined> {
    const next = await this.pieces.next();
    if (!next.done) return next.value;
    this.ended = true;
    return undefined;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

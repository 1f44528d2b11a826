import type { OctetReader } from "../octet-reader.ts";
import { Refusal } from "../refusal.ts";

const BUFFER_LEN = 64 * 1024;
/** Octets behind the end that {@link BitReader.peek} may look at. */
const SLACK = 4;

/** Reads bits, the most significant one first. `ensure` waits for octets, the rest does not. */
export class BitReader {
  private readonly reader: OctetReader;
  private readonly buffer: Uint8Array = new Uint8Array(BUFFER_LEN + SLACK);
  /** Octets in the buffer. */
  private len = 0;
  /** Bits used of the buffer. */
  private at = 0;
  private isEnded = false;

  constructor(reader: OctetReader) {
    this.reader = reader;
  }

  /** Has `len` octets at hand, or all that are left. At most 32 KiB. */
  async ensure(len: number): Promise<void> {
    while (!this.holds(len)) {
      const used = this.at >> 3;
      this.buffer.copyWithin(0, used, this.len);
      this.len -= used;
      this.at &= 7;
      const piece = await this.reader.some(BUFFER_LEN - this.len);
      if (piece === undefined) this.isEnded = true;
      else {
        this.buffer.set(piece, this.len);
        this.len += piece.length;
      }
      this.buffer.fill(0, this.len, this.len + SLACK);
    }
  }

  /** Whether `ensure` has nothing to wait for: asked first where a promise for each time would be slow. */
  holds(len: number): boolean {
    return this.isEnded || this.len - (this.at >> 3) >= len;
  }

  /** The next 24 bits, zeros behind the end. */
  peek(): number {
    const at = this.at >> 3;
    const { buffer } = this;
    const word =
      ((buffer[at] ?? 0) << 24) |
      ((buffer[at + 1] ?? 0) << 16) |
      ((buffer[at + 2] ?? 0) << 8) |
      (buffer[at + 3] ?? 0);
    return (word << (this.at & 7)) >>> 8;
  }

  /** Uses up bits. Throws a Refusal where there are none. */
  drop(bits: number): void {
    this.at += bits;
    if (this.at > this.len * 8) throw new Refusal("is cut short");
  }

  /** At most 24 bits. */
  bits(count: number): number {
    const value = this.peek() >>> (24 - count);
    this.drop(count);
    return value;
  }

  word32(): number {
    const high = this.bits(16);
    return ((high << 16) | this.bits(16)) >>> 0;
  }

  /** Goes to the next whole octet. */
  align(): void {
    this.at = (this.at + 7) & ~7;
  }

  /** Whether nothing is left, at a whole octet. */
  async isAtEnd(): Promise<boolean> {
    await this.ensure(1);
    return this.at >> 3 >= this.len;
  }
}

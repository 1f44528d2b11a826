import type { Content } from "./content.ts";
import { borrow, fill, type Loan, unaccounted } from "./loan.ts";

/** One padded form a content, since machines share contents and each form holds a chunk outside of the cache. */
const made = new WeakMap<Content, Map<number, PaddedContent>>();

/**
 * Content with zeros added up to a multiple of `unit` octets.
 *
 * A sun4c PROM hangs when the length of the file it loads is not a multiple of 4. The padded form is what every protocol
 * serves, so that a file has one size and one digest.
 */
export class PaddedContent implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;
  readonly chunkLen: number;
  private readonly inner: Content;
  private last: Uint8Array | undefined;

  private constructor(inner: Content, size: number) {
    this.inner = inner;
    this.name = inner.name;
    this.size = size;
    this.mtimeMs = inner.mtimeMs;
    this.etag = `${inner.etag}-${size}`;
    this.chunkLen = inner.chunkLen;
  }

  /** The content itself when its length fits already. */
  static to(unit: number, inner: Content): Content {
    const size = Math.ceil(inner.size / unit) * unit;
    if (size === inner.size) return inner;
    if (inner.chunkLen % unit !== 0) throw new Error("chunks must hold whole units");
    const forms = made.get(inner) ?? new Map<number, PaddedContent>();
    made.set(inner, forms);
    const padded = forms.get(unit) ?? new PaddedContent(inner, size);
    forms.set(unit, padded);
    return padded;
  }

  peek(index: number): Uint8Array | undefined {
    if (!this.isLast(index)) return this.inner.peek(index);
    return this.last;
  }

  async load(index: number): Promise<Uint8Array> {
    if (!this.isLast(index)) return this.inner.load(index);
    if (!this.last) {
      const padded = new Uint8Array(this.size - index * this.chunkLen);
      padded.set(await this.inner.load(index));
      this.last = padded;
    }
    return this.last;
  }

  borrow(index: number): Loan | undefined {
    if (!this.isLast(index)) return borrow(this.inner, index);
    return this.last && unaccounted(this.last);
  }

  fill(index: number): Promise<unknown> | undefined {
    if (!this.isLast(index)) return fill(this.inner, index);
    return this.last ? undefined : this.load(index);
  }

  private isLast(index: number): boolean {
    return (index + 1) * this.chunkLen >= this.size;
  }
}

import { createHash } from "node:crypto";
import type { Content } from "./content.ts";

/** A rendered text (a boot script, a machine's configuration) as content: one chunk, in memory. */
export class TextContent implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;
  readonly chunkLen: number;
  private readonly octets: Uint8Array;

  /** `mtimeMs`: when the text's sources last changed, so that it is the same for the same octets. */
  constructor(name: string, text: string, mtimeMs: number) {
    this.name = name;
    this.octets = new TextEncoder().encode(text);
    this.size = this.octets.length;
    this.chunkLen = Math.max(1, this.size);
    this.mtimeMs = mtimeMs;
    this.etag = createHash("sha256").update(this.octets).digest("hex").slice(0, 32);
  }

  peek(index: number): Uint8Array | undefined {
    return index === 0 ? this.octets : undefined;
  }

  load(): Promise<Uint8Array> {
    return Promise.resolve(this.octets);
  }
}

import type { ChunkCache } from "../../chunk-cache.ts";
import type { Content } from "../../content.ts";
import { LAYER_CHUNK } from "./content-file.ts";
import { hex8 } from "./records.ts";

/** What a content reads from: the file as it is at that moment. */
export interface LayerSource {
  /** Tells a chunk from what it was before it was last written to; undefined: the file is not open. */
  version(id: number, chunk: number): string | undefined;
  read(id: number, chunk: number): Promise<Uint8Array>;
}

/**
 * A file of a layer, of the size that it has now.
 *
 * Its chunks are what is in the file when they are asked for: a machine that reads and writes a file at once is told what it
 * wrote, and never that the file has changed. What was cut off meanwhile reads as zeros.
 */
export class LayerContent implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;
  readonly chunkLen: number = LAYER_CHUNK;
  private readonly id: number;
  private readonly source: LayerSource;
  private readonly cache: ChunkCache;
  /** Chunks that the file is too short for now. */
  private readonly filled = new Map<number, Uint8Array>();

  constructor(
    id: number,
    stat: { readonly size: number; readonly mtimeMs: number; readonly version: string },
    source: LayerSource,
    cache: ChunkCache,
  ) {
    this.id = id;
    this.name = `overlay/${hex8(id)}`;
    this.size = stat.size;
    this.mtimeMs = stat.mtimeMs;
    this.etag = stat.version;
    this.source = source;
    this.cache = cache;
  }

  peek(index: number): Uint8Array | undefined {
    const filled = this.filled.get(index);
    if (filled) return filled;
    const version = this.source.version(this.id, index);
    const chunk = version === undefined ? undefined : this.cache.peek(version, index);
    return chunk && chunk.length >= this.lenOf(index) ? chunk : undefined;
  }

  async load(index: number): Promise<Uint8Array> {
    for (;;) {
      const before = this.source.version(this.id, index);
      if (before === undefined) return this.fillUp(index, await this.source.read(this.id, index));
      const octets = await this.cache.load(before, index, (i) => this.source.read(this.id, i));
      // Written to while it was read: it may be of both.
      if (this.source.version(this.id, index) !== before) continue;
      return octets.length >= this.lenOf(index) ? octets : this.fillUp(index, octets);
    }
  }

  private fillUp(index: number, octets: Uint8Array): Uint8Array {
    const whole = new Uint8Array(this.lenOf(index));
    whole.set(octets.subarray(0, whole.length));
    this.filled.set(index, whole);
    return whole;
  }

  private lenOf(index: number): number {
    return Math.max(0, Math.min(this.chunkLen, this.size - index * this.chunkLen));
  }
}

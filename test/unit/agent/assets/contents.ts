import type { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { type Content, gather } from "../../../../agent/assets/content.ts";

/** Content of octets in memory that behaves as a file does: a chunk is there only once it was loaded. */
export class SlowContent implements Content {
  readonly name = "slow";
  readonly mtimeMs = 0;
  readonly etag = "slow";
  readonly size: number;
  readonly chunkLen: number;
  loads = 0;
  failure: Error | undefined;
  private readonly octets: Uint8Array;
  private readonly cache: ChunkCache;

  constructor(octets: Uint8Array, cache: ChunkCache) {
    this.octets = octets;
    this.size = octets.length;
    this.cache = cache;
    this.chunkLen = cache.chunkLen;
  }

  peek(index: number): Uint8Array | undefined {
    return this.cache.peek("slow", index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.cache.load("slow", index, async (i) => {
      this.loads += 1;
      await Promise.resolve();
      if (this.failure) throw this.failure;
      return this.octets.slice(i * this.chunkLen, (i + 1) * this.chunkLen);
    });
  }
}

/** All octets of a content, read chunk by chunk. */
export async function octetsOf(content: Content): Promise<Uint8Array> {
  const whole = new Uint8Array(content.size);
  for (let at = 0; at < content.size; at += content.chunkLen) {
    whole.set(await content.load(at / content.chunkLen), at);
  }
  return whole;
}

/** The octets that `gather` collects; undefined when a chunk is missing. */
export function gathered(content: Content, at: number, len: number): number[] | undefined {
  const pieces: Uint8Array[] = [];
  return gather(content, at, len, pieces) < 0 ? pieces.flatMap((piece) => [...piece]) : undefined;
}

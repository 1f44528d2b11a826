/** Chunks that were dropped and are remembered; when there are more, those that are gone are forgotten. */
const MAX_DROPPED = 4_096;

/** A chunk that the cache does not hold any more, and that may be in memory all the same. */
interface Dropped {
  readonly memory: WeakRef<ArrayBufferLike>;
  readonly at: number;
  readonly len: number;
}

/** Reads one chunk: `index` counts in units of the reader's chunk length. */
export type ChunkReader = (index: number) => Promise<Uint8Array>;

/**
 * The one place where file content is held in memory: least recently used chunks are dropped when the budget is spent.
 *
 * A chunk that is being read is read once, however many wait for it. Chunks that were lent stay valid for their borrowers
 * (they are never written to). One that was dropped while it was lent, or that the collector has not taken yet, is found again
 * and not read: a chunk is in memory once, however many readers there are.
 */
export class ChunkCache {
  private readonly chunks = new Map<string, Uint8Array>();
  private readonly reading = new Map<string, Promise<Uint8Array>>();
  private readonly dropped = new Map<string, Dropped>();
  private held = 0;
  /** Octets a chunk. */
  readonly chunkLen: number;
  /** Most octets held: two chunks at least, since a block that lies across two needs both at once. */
  readonly budget: number;

  constructor(chunkLen: number, budget: number) {
    this.chunkLen = chunkLen;
    this.budget = Math.max(budget, 2 * chunkLen);
  }

  /** Octets held now. */
  get octets(): number {
    return this.held;
  }

  /** The chunk when it is in memory; it becomes the most recently used. */
  peek(id: string, index: number): Uint8Array | undefined {
    const key = `${id}#${index}`;
    const chunk = this.chunks.get(key);
    if (!chunk) return this.find(key);
    this.chunks.delete(key);
    this.chunks.set(key, chunk);
    return chunk;
  }

  /** The chunk, read by `read` when it is not in memory. A failed read is not remembered. */
  load(id: string, index: number, read: ChunkReader): Promise<Uint8Array> {
    const key = `${id}#${index}`;
    const chunk = this.peek(id, index);
    if (chunk) return Promise.resolve(chunk);
    const pending = this.reading.get(key);
    if (pending) return pending;
    const reading = read(index)
      .then((octets) => {
        this.insert(key, octets);
        return octets;
      })
      .finally(() => this.reading.delete(key));
    this.reading.set(key, reading);
    return reading;
  }

  private insert(key: string, octets: Uint8Array): void {
    this.chunks.set(key, octets);
    this.held += octets.length;
    for (const [oldest, chunk] of this.chunks) {
      if (this.held <= this.budget || oldest === key) break;
      this.chunks.delete(oldest);
      this.held -= chunk.length;
      this.remember(oldest, chunk);
    }
  }

  /** A dropped chunk that is still in memory; the cache then holds it again. */
  private find(key: string): Uint8Array | undefined {
    const dropped = this.dropped.get(key);
    if (!dropped) return undefined;
    this.dropped.delete(key);
    const memory = dropped.memory.deref();
    if (!memory) return undefined;
    const chunk = new Uint8Array(memory, dropped.at, dropped.len);
    this.insert(key, chunk);
    return chunk;
  }

  private remember(key: string, { buffer, byteOffset, length }: Uint8Array): void {
    this.dropped.set(key, { memory: new WeakRef(buffer), at: byteOffset, len: length });
    if (this.dropped.size <= MAX_DROPPED) return;
    for (const [old, { memory }] of this.dropped) if (!memory.deref()) this.dropped.delete(old);
    for (const old of this.dropped.keys()) {
      if (this.dropped.size <= MAX_DROPPED) break;
      this.dropped.delete(old);
    }
  }
}

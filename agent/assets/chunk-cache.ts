import { freeMemory } from "./free-memory.ts";
import type { Loan } from "./loan.ts";

/** Places for chunks that were found last; a power of two. */
const RECENT = 256;

/** Chunks that were dropped and are remembered; when there are more, those that are gone are forgotten. */
const MAX_DROPPED = 4_096;

/** A chunk that the cache does not hold any more, and that may be in memory all the same. */
interface Dropped {
  /** Gone with its last borrower. */
  readonly chunk: WeakRef<Chunk>;
  readonly memory: WeakRef<ArrayBufferLike>;
  readonly at: number;
  readonly len: number;
}

/** A chunk on its way from disk. */
interface Reading {
  readonly chunk: Promise<Chunk>;
  /** Somebody will have its octets without giving them back. */
  given: boolean;
}

/** Reads one chunk: `index` counts in units of the reader's chunk length. Its octets are memory that nobody else has. */
export type ChunkReader = (index: number) => Promise<Uint8Array>;

/**
 * The one place where file content is held in memory: least recently used chunks are dropped when the budget is spent.
 *
 * A chunk that is being read is read once, however many wait for it. One that was borrowed alone is freed as soon as the cache
 * has dropped it and the last loan was given back. What `peek` and `load` gave out stays valid for as long as anybody has it, and
 * the collector takes it. As long as a chunk is there it is found again and not read: a chunk is in memory once, however many
 * readers there are.
 */
export class ChunkCache {
  private readonly chunks = new Map<string, Chunk>();
  /** By number, without a key to put together: what is served is asked for some hundred times a chunk. */
  private readonly recent: (Chunk | undefined)[] = new Array(RECENT).fill(undefined);
  private readonly reading = new Map<string, Reading>();
  private readonly dropped = new Map<string, Dropped>();
  /** The most recently used one. */
  private newest: Chunk | undefined;
  private held = 0;
  private lent = 0;
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

  /** Loans that were not given back yet. */
  get loans(): number {
    return this.lent;
  }

  /** The chunk when it is in memory; it becomes the most recently used. */
  peek(id: string, index: number): Uint8Array | undefined {
    const chunk = this.find(id, index);
    if (!chunk) return undefined;
    chunk.given = true;
    return chunk.octets;
  }

  /** The chunk when it is in memory, to be given back; it becomes the most recently used. */
  borrow(id: string, index: number): Loan | undefined {
    const chunk = this.find(id, index);
    if (!chunk) return undefined;
    chunk.loans += 1;
    this.lent += 1;
    return chunk;
  }

  /** The chunk, read by `read` when it is not in memory. A failed read is not remembered. */
  load(id: string, index: number, read: ChunkReader): Promise<Uint8Array> {
    const octets = this.peek(id, index);
    if (octets) return Promise.resolve(octets);
    const reading = this.read(id, index, read);
    reading.given = true;
    return reading.chunk.then((chunk) => chunk.octets);
  }

  /** Sees to it that the chunk can be borrowed, if that is done at once; undefined: it is in memory. Rejects as `load`. */
  fill(id: string, index: number, read: ChunkReader): Promise<unknown> | undefined {
    return this.find(id, index) ? undefined : this.read(id, index, read).chunk;
  }

  private read(id: string, index: number, read: ChunkReader): Reading {
    const key = keyOf(id, index);
    const pending = this.reading.get(key);
    if (pending) return pending;
    const chunk = read(index).then(
      (octets) => {
        // Before it can be dropped again: who comes after that has to read anew.
        this.reading.delete(key);
        const fresh = this.newChunk(key, id, index, octets, reading.given);
        this.insert(fresh);
        return fresh;
      },
      (error: unknown) => {
        this.reading.delete(key);
        throw error;
      },
    );
    const reading: Reading = { chunk, given: false };
    this.reading.set(key, reading);
    return reading;
  }

  private newChunk(
    key: string,
    id: string,
    index: number,
    octets: Uint8Array,
    given: boolean,
  ): Chunk {
    return new Chunk(key, id, index, octets, given, (back) => this.takeBack(back));
  }

  private insert(fresh: Chunk): void {
    this.chunks.set(fresh.key, fresh);
    this.newest = fresh;
    fresh.held = true;
    this.held += fresh.octets.length;
    for (const chunk of this.chunks.values()) {
      if (this.held <= this.budget || chunk === fresh) break;
      this.chunks.delete(chunk.key);
      chunk.held = false;
      this.held -= chunk.octets.length;
      const place = chunk.index & (RECENT - 1);
      if (this.recent[place] === chunk) this.recent[place] = undefined;
      if (chunk.given || chunk.loans > 0) this.remember(chunk);
      else free(chunk);
    }
  }

  /** A chunk that is in memory; one that was dropped is then held again. */
  private find(id: string, index: number): Chunk | undefined {
    const place = index & (RECENT - 1);
    const last = this.recent[place];
    if (last?.held && last.index === index && last.id === id) {
      if (last !== this.newest) this.renew(last);
      return last;
    }
    const key = keyOf(id, index);
    const chunk = this.chunks.get(key) ?? this.recall(key, id, index);
    if (!chunk) return undefined;
    if (chunk.held) this.renew(chunk);
    else this.insert(chunk);
    this.recent[place] = chunk;
    return chunk;
  }

  private renew(chunk: Chunk): void {
    this.chunks.delete(chunk.key);
    this.chunks.set(chunk.key, chunk);
    this.newest = chunk;
  }

  /** A dropped chunk that is still there. */
  private recall(key: string, id: string, index: number): Chunk | undefined {
    const dropped = this.dropped.get(key);
    if (!dropped) return undefined;
    this.dropped.delete(key);
    const chunk = dropped.chunk.deref();
    if (chunk) return chunk;
    const memory = dropped.memory.deref();
    if (!memory) return undefined;
    return this.newChunk(key, id, index, new Uint8Array(memory, dropped.at, dropped.len), true);
  }

  private takeBack(chunk: Chunk): void {
    this.lent -= 1;
    if (chunk.loans > 0 || chunk.held || chunk.given) return;
    if (this.dropped.get(chunk.key)?.chunk.deref() === chunk) this.dropped.delete(chunk.key);
    free(chunk);
  }

  private remember(chunk: Chunk): void {
    const { buffer, byteOffset, length } = chunk.octets;
    this.dropped.set(chunk.key, {
      chunk: new WeakRef(chunk),
      memory: new WeakRef(buffer),
      at: byteOffset,
      len: length,
    });
    if (this.dropped.size <= MAX_DROPPED) return;
    for (const [old, { memory }] of this.dropped) if (!memory.deref()) this.dropped.delete(old);
    for (const old of this.dropped.keys()) {
      if (this.dropped.size <= MAX_DROPPED) break;
      this.dropped.delete(old);
    }
  }
}

/** A chunk in memory, and who has it. */
class Chunk implements Loan {
  readonly key: string;
  readonly id: string;
  readonly index: number;
  readonly octets: Uint8Array;
  /** By the cache. */
  held = false;
  loans = 0;
  /** Somebody may have it who never says that it is no longer needed. */
  given: boolean;
  private readonly takeBack: (chunk: Chunk) => void;

  constructor(
    key: string,
    id: string,
    index: number,
    octets: Uint8Array,
    given: boolean,
    takeBack: (chunk: Chunk) => void,
  ) {
    this.key = key;
    this.id = id;
    this.index = index;
    this.octets = octets;
    this.given = given;
    this.takeBack = takeBack;
  }

  giveBack(): void {
    if (this.loans === 0) throw new Error("a chunk was given back twice");
    this.loans -= 1;
    this.takeBack(this);
  }
}

function keyOf(id: string, index: number): string {
  return `${id}#${index}`;
}

function free({ octets }: Chunk): void {
  if (octets.length === octets.buffer.byteLength) freeMemory(octets.buffer);
}

import { LRUCache } from "lru-cache";

interface Entry<V> {
  readonly value: V;
  usedMs: number;
}

/**
 * A map that forgets: what was not used for longest when it is full, and any entry that was not used for `idleMs`, by times that are
 * arguments.
 *
 * What is followed across the frames of a capture is kept in these, so that a capture of any size takes the same memory.
 */
export class BoundedMap<K extends string | number, V> {
  private readonly entries: LRUCache<K, Entry<V>>;
  private readonly idleMs: number;

  constructor(limit: number, idleMs: number) {
    this.entries = new LRUCache({ max: limit });
    this.idleMs = idleMs;
  }

  /** Entries kept, those that are too old included. */
  get size(): number {
    return this.entries.size;
  }

  get(key: K, nowMs: number): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (nowMs - entry.usedMs > this.idleMs) {
      this.delete(key);
      return undefined;
    }
    entry.usedMs = nowMs;
    return entry.value;
  }

  set(key: K, value: V, nowMs: number): void {
    this.entries.set(key, { value, usedMs: nowMs });
  }

  /** Everything kept, what was used longest ago first. */
  *values(): Generator<V, void, void> {
    for (const entry of this.entries.rvalues()) if (entry) yield entry.value;
  }

  delete(key: K): void {
    this.entries.delete(key);
  }
}

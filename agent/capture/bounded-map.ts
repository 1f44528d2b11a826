interface Entry<V> {
  readonly value: V;
  usedMs: number;
}

/**
 * A map that forgets: what was not used for long when it is full, and any entry that was not used for `idleMs`.
 *
 * What is followed across the frames of a capture is kept in these, so that a capture of any size takes the same memory.
 *
 * Entries are in two generations of at most half the limit each. What is used moves to the young one; when that is full, the
 * old one is dropped and the young one becomes the old. A look-up costs no more than one in a plain Map.
 */
export class BoundedMap<K, V> {
  private young: Map<K, Entry<V>> = new Map();
  private old: Map<K, Entry<V>> = new Map();
  private readonly half: number;
  private readonly idleMs: number;

  constructor(limit: number, idleMs: number) {
    this.half = Math.max(1, limit >> 1);
    this.idleMs = idleMs;
  }

  /** Entries kept, those that are too old included. */
  get size(): number {
    return this.young.size + this.old.size;
  }

  get(key: K, nowMs: number): V | undefined {
    const recent = this.young.get(key);
    const entry = recent ?? this.old.get(key);
    if (entry === undefined) return undefined;
    if (nowMs - entry.usedMs > this.idleMs) {
      this.delete(key);
      return undefined;
    }
    entry.usedMs = nowMs;
    if (recent === undefined) {
      this.old.delete(key);
      this.add(key, entry);
    }
    return entry.value;
  }

  set(key: K, value: V, nowMs: number): void {
    this.old.delete(key);
    this.add(key, { value, usedMs: nowMs });
  }

  /** Everything kept, in no order that means something. */
  *values(): Generator<V, void, void> {
    for (const { value } of this.old.values()) yield value;
    for (const { value } of this.young.values()) yield value;
  }

  delete(key: K): void {
    this.young.delete(key);
    this.old.delete(key);
  }

  private add(key: K, entry: Entry<V>): void {
    if (this.young.size >= this.half && !this.young.has(key)) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, entry);
  }
}

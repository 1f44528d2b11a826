/** Time that only moves when it is told to. */
export class VirtualClock {
  nowMs: number;

  constructor(startMs = 0) {
    this.nowMs = startMs;
  }

  /** Moves forward, never back. */
  advanceTo(ms: number): void {
    if (ms > this.nowMs) this.nowMs = ms;
  }
}

/** A seeded source of uint32 values (mulberry32): the same seed gives the same test. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Uniform uint32 values that a seed decides (mulberry32): a storm can be had again. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** What is below 1 of a uint32. */
export function fraction(random: () => number): number {
  return random() / 0x1_0000_0000;
}

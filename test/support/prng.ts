/** Numbers in [0, 1) that a seed decides (mulberry32): for loss and reordering that can be repeated. */
export type Prng = () => number;

export function prng(seed: number): Prng {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Octets that a seed decides. */
export function randomOctets(seed: number, len: number): Uint8Array {
  const next = prng(seed);
  return Uint8Array.from({ length: len }, () => next() * 256);
}

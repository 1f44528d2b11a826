/** Time as services see it, so that tests can run it by hand. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls `fn` once after `ms`; the returned function takes that back. */
  after(ms: number, fn: () => void): () => void;
}

/** The host's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

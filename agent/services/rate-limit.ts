/** How often something may happen. */
export interface Rate {
  /** At once, after a rest. */
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  lastMs: number;
}

/**
 * Lets each key do something so often and no oftener. Bounded: of more keys than `maxKeys` the one that was seen longest ago is
 * forgotten, which gives it a new start and costs nobody else anything.
 */
export class RateLimit {
  private readonly buckets = new Map<string, Bucket>();
  private readonly rate: Rate;
  private readonly maxKeys: number;
  private readonly now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(rate: Rate, maxKeys: number, now: () => number) {
    this.rate = rate;
    this.maxKeys = maxKeys;
    this.now = now;
  }

  /** Whether it may happen once more now; counts as having happened. */
  admits(key: string): boolean {
    const nowMs = this.now();
    const bucket = this.bucketOf(key, nowMs);
    const { burst, perSecond } = this.rate;
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.lastMs) / 1000) * perSecond);
    bucket.lastMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  private bucketOf(key: string, nowMs: number): Bucket {
    const known = this.buckets.get(key);
    // Whoever was seen last stands at the end.
    if (known) this.buckets.delete(key);
    else if (this.buckets.size >= this.maxKeys) {
      const oldest = this.buckets.keys().next().value;
      if (oldest !== undefined) this.buckets.delete(oldest);
    }
    const bucket = known ?? { tokens: this.rate.burst, lastMs: nowMs };
    this.buckets.set(key, bucket);
    return bucket;
  }
}

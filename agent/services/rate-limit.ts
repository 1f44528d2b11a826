import { LRUCache } from "lru-cache";

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
  private readonly buckets: LRUCache<string, Bucket>;
  private readonly rate: Rate;
  private readonly now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(rate: Rate, maxKeys: number, now: () => number) {
    this.rate = rate;
    this.buckets = new LRUCache({ max: maxKeys });
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
    if (known) return known;
    const bucket = { tokens: this.rate.burst, lastMs: nowMs };
    this.buckets.set(key, bucket);
    return bucket;
  }
}

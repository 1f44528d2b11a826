import { LRUCache } from "lru-cache";

/** More things than go wrong at a time; the one that was told longest ago is forgotten. */
const MAX_KEYS = 1_024;

/** Lets one thing be told only once in a while, however often it happens. */
export class Occasionally {
  private readonly everyMs: number;
  private readonly toldMs = new LRUCache<string, number>({ max: MAX_KEYS });

  constructor(everyMs: number) {
    this.everyMs = everyMs;
  }

  /** Whether it is time to tell this; then it is taken to be told now. */
  due(key: string, nowMs: number): boolean {
    const told = this.toldMs.get(key);
    if (told !== undefined && nowMs - told < this.everyMs) return false;
    this.toldMs.set(key, nowMs);
    return true;
  }
}

import { describe, expect, it } from "vitest";
import { RateLimit } from "../../../../agent/services/rate-limit.ts";

describe("a rate limit", () => {
  it("admits a burst, then so many a second, each key for itself", () => {
    let nowMs = 0;
    const limit = new RateLimit({ burst: 3, perSecond: 2 }, 10, () => nowMs);
    const admitted = (key: string, times: number): number =>
      Array.from({ length: times }, () => limit.admits(key)).filter((yes) => yes).length;
    expect(admitted("a", 10)).toBe(3);
    expect(admitted("b", 2)).toBe(2);
    nowMs = 500;
    expect(admitted("a", 10)).toBe(1);
    nowMs = 60_000;
    expect(admitted("a", 10)).toBe(3);
  });

  it("remembers those that were seen last", () => {
    const limit = new RateLimit({ burst: 1, perSecond: 0 }, 2, () => 0);
    const admitted = ["a", "b", "a", "c", "a", "b"].map((key) => limit.admits(key));
    // "c" pushed "b" out and not "a", which had asked since.
    expect(admitted).toEqual([true, true, false, true, false, true]);
  });
});

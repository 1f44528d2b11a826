import { describe, expect, it } from "vitest";
import { RateSearch } from "../../bench/dhcp/rate-search.ts";

const LIMITS = { start: 128, least: 4, most: 16_000, factor: 1.06 };

/** What is tried of a server that holds up to `capacity`, and what is found. */
function search(capacity: number, limits = LIMITS): { tried: number[]; highest: number } {
  const found = new RateSearch(limits);
  const tried: number[] = [];
  for (let rate = found.next(); rate !== undefined && tried.length < 100; rate = found.next()) {
    tried.push(rate);
    found.tell(rate, rate <= capacity);
  }
  return { tried, highest: found.highest };
}

describe("RateSearch", () => {
  it("doubles, then bisects", () => {
    const { tried, highest } = search(900);
    expect(tried.slice(0, 5)).toEqual([128, 256, 512, 1024, 724]);
    expect(highest).toBeLessThanOrEqual(900);
    expect(highest).toBeGreaterThan(900 / 1.06);
  });

  it.each([4, 5, 9, 31, 127, 128, 129, 1_000, 5_431, 15_999])("comes within 6 % of %d", (n) => {
    const { tried, highest } = search(n);
    expect(highest).toBeLessThanOrEqual(n);
    // Below 17 a step of 6 % is less than one.
    expect(highest).toBeGreaterThan(Math.min(n / 1.06, n - 1));
    expect(tried.length).toBeLessThan(14);
    expect(new Set(tried).size).toBe(tried.length);
  });

  it("halves when the first rate fails", () => {
    expect(search(20).tried.slice(0, 4)).toEqual([128, 64, 32, 16]);
  });

  it("gives up below the least rate", () => {
    expect(search(3)).toEqual({ tried: [128, 64, 32, 16, 8, 4], highest: 0 });
  });

  it("stops at the highest rate that makes sense", () => {
    const { tried, highest } = search(1e9);
    expect(tried.at(-1)).toBe(16_000);
    expect(tried).toHaveLength(8);
    expect(highest).toBe(16_000);
  });

  it("believes no rate above one that failed", () => {
    const found = new RateSearch(LIMITS);
    found.tell(128, true);
    found.tell(256, false);
    expect(found.next()).toBe(181);
    found.tell(181, false);
    expect(found.next()).toBe(152);
    expect(found.highest).toBe(128);
  });
});

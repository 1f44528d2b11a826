import { describe, expect, it } from "vitest";
import { BadLink, type Fate } from "../../../../../agent/cli/storm/faults.ts";
import { seededRandom } from "../../../../../agent/cli/storm/random.ts";

function fates(loss: number, reorder: number, seed: number): Record<Fate, number> {
  const link = new BadLink<number>({ loss, reorder }, seededRandom(seed));
  const counts: Record<Fate, number> = { passes: 0, lost: 0, late: 0 };
  for (let i = 0; i < 10_000; i++) {
    const fate = link.fate();
    counts[fate] += 1;
  }
  return counts;
}

describe("a bad link", () => {
  it("passes all where nothing is asked of it", () => {
    expect(fates(0, 0, 1)).toEqual({ passes: 10_000, lost: 0, late: 0 });
  });

  it("loses and delays about as many as it should, the same ones for the same seed", () => {
    const counts = fates(0.05, 0.1, 7);
    expect(counts.lost).toBeGreaterThan(400);
    expect(counts.lost).toBeLessThan(600);
    expect(counts.late).toBeGreaterThan(850);
    expect(counts.late).toBeLessThan(1_150);
    expect(fates(0.05, 0.1, 7)).toEqual(counts);
    expect(fates(0.05, 0.1, 8)).not.toEqual(counts);
  });

  it("hands over what was late, once, and not before its time", () => {
    const link = new BadLink<string>({ loss: 0, reorder: 1 }, seededRandom(3));
    for (const name of ["a", "b", "c"]) link.hold(name, 100);
    expect(link.due(100)).toEqual([]);
    expect([...link.due(121)].sort()).toEqual(["a", "b", "c"]);
    expect(link.due(1_000)).toEqual([]);
  });

  it("keeps no more than it can hold: the rest is lost", () => {
    const link = new BadLink<number>({ loss: 0, reorder: 1 }, seededRandom(3));
    let kept = 0;
    for (let i = 0; i < 10_000; i++) {
      if (link.fate() !== "late") continue;
      link.hold(i, 0);
      kept += 1;
    }
    expect(kept).toBe(4_096);
    expect(link.lost).toBe(10_000 - kept);
  });
});

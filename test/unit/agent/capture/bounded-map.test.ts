import { describe, expect, it } from "vitest";
import { BoundedMap } from "../../../../agent/capture/bounded-map.ts";

describe("BoundedMap", () => {
  it("never holds more than its limit, and keeps what is used", () => {
    const map = new BoundedMap<number, string>(8, 1_000);
    map.set(-1, "used", 0);
    for (let i = 0; i < 1_000; i++) {
      map.set(i, "x", 0);
      expect(map.get(-1, 0)).toBe("used");
      expect(map.size).toBeLessThanOrEqual(8);
    }
    expect(map.get(0, 0)).toBeUndefined();
    expect(map.get(999, 0)).toBe("x");
  });

  it("forgets what was not used for its time", () => {
    const map = new BoundedMap<string, number>(8, 100);
    map.set("a", 1, 0);
    expect(map.get("a", 100)).toBe(1);
    expect(map.get("a", 200)).toBe(1);
    expect(map.get("a", 301)).toBeUndefined();
    expect(map.size).toBe(0);
  });

  it("holds a key once", () => {
    const map = new BoundedMap<string, number>(2, 100);
    map.set("a", 1, 0);
    map.set("b", 1, 0);
    map.set("a", 2, 0);
    expect(map.get("a", 0)).toBe(2);
    map.delete("a");
    expect(map.get("a", 0)).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { parseMix, spreadMix } from "../../../../../agent/cli/storm/mix.ts";

describe("a mix", () => {
  it("is read as parts", () => {
    expect([...parseMix("sun:10,pxe:60, uefi:20,rpi:0")]).toEqual([
      ["sun", 10],
      ["pxe", 60],
      ["uefi", 20],
      ["rpi", 0],
    ]);
  });

  it.each(["", "sun", "sun:", "sun:x", "sun:-1", "vax:1", "sun:1,sun:2", "sun:0", "sun:1;pxe:2"])(
    "is refused as %j",
    (text) => {
      expect(() => parseMix(text)).toThrow("sun:10,pxe:60");
    },
  );

  it.each([1, 2, 7, 100, 1_000])("gives %i machines, each kind its share", (n) => {
    const families = spreadMix(n, parseMix("sun:10,pxe:60,uefi:20,rpi:10"));
    expect(families).toHaveLength(n);
    for (const [family, share] of [["sun", 0.1] as const, ["pxe", 0.6] as const]) {
      const count = families.filter((f) => f === family).length;
      expect(Math.abs(count - n * share)).toBeLessThan(1);
    }
  });

  it("spreads each kind over the whole", () => {
    const families = spreadMix(100, parseMix("sun:1,pxe:9"));
    for (let i = 0; i < 100; i += 10) {
      expect(families.slice(i, i + 10).filter((f) => f === "sun")).toHaveLength(1);
    }
  });
});

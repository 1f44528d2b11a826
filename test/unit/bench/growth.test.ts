import { describe, expect, it } from "vitest";
import { growth } from "../../bench/growth.ts";

// `make bench` holds growth to 1.5 on an idle machine. Here other tests run beside it, so only a square would be noticed:
// four times the options then cost sixteen times as much, a factor of 4.
const NOISY_LIMIT = 2.5;

describe("cost of codecs", () => {
  it.each(growth().map((g) => [`${g.name}: ${g.from} to ${g.to}`, g] as const))("%s", (_, g) => {
    expect(g.fromNs).toBeGreaterThan(0);
    expect(g.factor).toBeLessThan(NOISY_LIMIT);
  });
});

import { describe, expect, it } from "vitest";
import { ALLOCATION_GATE, octetsPerOperation } from "../../support/allocation.ts";

describe("octetsPerOperation", () => {
  it("sees one small object an operation", () => {
    let kept: unknown;
    const octets = octetsPerOperation(() => {
      kept = new Float64Array(4).subarray(1);
    });
    expect(kept).toBeDefined();
    expect(octets).toBeGreaterThan(ALLOCATION_GATE);
  });

  it("sees far more than one young generation", () => {
    let kept: unknown;
    const octets = octetsPerOperation(() => {
      kept = Array.from({ length: 250 }, (_, i) => i);
    });
    expect(kept).toBeDefined();
    expect(octets).toBeGreaterThan(1000);
  });

  it("reports next to nothing for arithmetic", () => {
    let sum = 0;
    const octets = octetsPerOperation(() => {
      sum = (sum + 1) & 0xffff;
    });
    expect(sum).toBeGreaterThan(0);
    expect(octets).toBeLessThan(16);
  });
});

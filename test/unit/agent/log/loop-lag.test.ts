import { afterEach, describe, expect, it } from "vitest";
import { LoopLag } from "../../../../agent/log/loop-lag.ts";

const lag = new LoopLag();

afterEach(() => lag.stop());

/** Keeps the event loop busy. */
function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("the event loop's lag", () => {
  it("is measured from the first question on, and from each to the next", async () => {
    expect(lag.read().size).toBe(0);
    await turn(30);
    block(200);
    await turn(30);
    const blocked = lag.read();
    expect([...blocked.keys()]).toEqual([0.5, 0.99, 1]);
    expect(blocked.get(1)).toBeGreaterThan(0.1);
    expect(lag.read().get(1)).toBeLessThan(blocked.get(1) ?? 0);
  });

  it("is measured no more when it was stopped", async () => {
    lag.read();
    lag.stop();
    expect(lag.read().size).toBe(0);
  });
});

import { describe, expect, it } from "vitest";
import { CardLimits } from "../../../../agent/services/card-limits.ts";
import { type TestRack, testRack } from "../../../support/test-site.ts";

const RATE = { burst: 5, perSecond: 1 } as const;
/** As agent/services/card-limits.ts has it. */
const BURST = 60;

function stranger(i: number): string {
  return `02:00:00:00:00:${i.toString(16).padStart(2, "0")}`;
}

function named({ plan }: TestRack): string {
  return plan("v100").machine.mac;
}

describe("CardLimits", () => {
  it("hears the machines of the site whatever others ask", async () => {
    const rack = await testRack();
    const limits = new CardLimits(rack.context);
    const strangers = limits.strangers(RATE);
    const heard = [...Array(20).keys()].filter((i) => limits.admits(stranger(i), strangers));
    expect(heard).toEqual([0, 1, 2, 3, 4]);
    expect(limits.admits(named(rack), strangers)).toBe(true);
    rack.clock.advance(2_000);
    expect(limits.admits(stranger(99), strangers)).toBe(true);
  });

  it("has a limit for each card, of the site or not", async () => {
    const rack = await testRack();
    const limits = new CardLimits(rack.context);
    const strangers = limits.strangers({ burst: 1_000, perSecond: 1_000 });
    for (const mac of [named(rack), stranger(1)]) {
      const heard = Array.from({ length: 100 }, () => limits.admits(mac, strangers));
      expect(heard.filter(Boolean)).toHaveLength(BURST);
    }
    expect(limits.admits(stranger(2), strangers)).toBe(true);
  });

  it("lets questions that are refused cost strangers nothing of their own", async () => {
    const rack = await testRack();
    const limits = new CardLimits(rack.context);
    const strangers = limits.strangers({ burst: 1, perSecond: 1 });
    expect(limits.admits(stranger(1), strangers)).toBe(true);
    for (let i = 0; i < 2 * BURST; i++) limits.admits(stranger(2), strangers);
    rack.clock.advance(1_000);
    expect(limits.admits(stranger(2), strangers)).toBe(true);
  });
});

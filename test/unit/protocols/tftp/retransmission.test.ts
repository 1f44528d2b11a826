import { describe, expect, it } from "vitest";
import { RetransmissionTime } from "../../../../protocols/tftp/retransmission.ts";

const POLICY = { defaultTimeoutMs: 1_000, minTimeoutMs: 250, maxTimeoutMs: 5_000 };

describe("RetransmissionTime", () => {
  it("begins at the default, takes the mean and four deviations of what it measures, and has a floor", () => {
    const time = new RetransmissionTime(POLICY, undefined);
    expect(time.ms).toBe(1_000);
    time.sample(200);
    expect(time.ms).toBe(200 + 4 * 100);
    time.sample(200);
    expect(time.ms).toBe(200 + 4 * 75);
    for (let i = 0; i < 50; i++) time.sample(1);
    expect(time.ms).toBe(250);
    for (let i = 0; i < 50; i++) time.sample(60_000);
    expect(time.ms).toBe(5_000);
  });

  it("doubles up to the limit and stays there until something is measured (Karn)", () => {
    const time = new RetransmissionTime(POLICY, undefined);
    time.sample(1);
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      time.backOff();
      seen.push(time.ms);
    }
    expect(seen).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    time.sample(1);
    expect(time.ms).toBe(250);
  });

  it("keeps what the client asked for", () => {
    const time = new RetransmissionTime(POLICY, 7);
    time.sample(1);
    time.backOff();
    expect([time.ms, time.fixed]).toEqual([7_000, true]);
  });
});

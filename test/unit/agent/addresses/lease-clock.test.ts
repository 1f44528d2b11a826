import { describe, expect, it } from "vitest";
import { LeaseClock } from "../../../../agent/addresses/lease-clock.ts";

const DAY_S = 86_400;
const T0 = Date.UTC(2026, 5, 1);

/** A host: its monotonic clock, and the one on its wall, which is undefined while it cannot be right. */
function host(wallMs: number | undefined) {
  const time = { monoMs: 5_000, wallMs };
  return {
    time,
    now: () => time.monoMs,
    wall: () => time.wallMs,
    pass(s: number) {
      time.monoMs += s * 1000;
      if (time.wallMs !== undefined) time.wallMs += s * 1000;
    },
  };
}

describe("the lease clock", () => {
  it("begins at nothing and follows the monotonic clock", () => {
    const h = host(T0);
    const clock = new LeaseClock(undefined, h.now, h.wall);
    h.pass(12.5);
    expect(clock.seconds()).toBe(12.5);
  });

  it("does not care for jumps of the host's clock", () => {
    const h = host(T0);
    const clock = new LeaseClock({ leaseS: 100, wallMs: T0 }, h.now, h.wall);
    expect(clock.seconds()).toBe(100);
    h.time.wallMs = T0 + 400 * DAY_S * 1000;
    h.time.monoMs += 3_000;
    expect(clock.seconds()).toBe(103);
    h.time.wallMs = T0 - 400 * DAY_S * 1000;
    expect(clock.seconds()).toBe(103);
  });

  it("goes on over a restart by what the host's clock says", () => {
    const h = host(T0 + 60_000);
    expect(new LeaseClock({ leaseS: 100, wallMs: T0 }, h.now, h.wall).seconds()).toBe(160);
  });

  it("stands still over a restart in 1970, and makes up for it as soon as the time is known", () => {
    const h = host(undefined);
    const clock = new LeaseClock({ leaseS: 100, wallMs: T0 }, h.now, h.wall);
    h.pass(30);
    expect(clock.seconds()).toBe(130);
    // It was off for an hour, and has run for 30 s since.
    h.time.wallMs = T0 + 3_630_000;
    expect(clock.seconds()).toBe(100 + 3_630);
    h.pass(1);
    expect(clock.seconds()).toBe(100 + 3_631);
  });

  it("never goes back, and takes no clock for right that went back", () => {
    const h = host(T0 - 1_000_000);
    const clock = new LeaseClock({ leaseS: 100, wallMs: T0 }, h.now, h.wall);
    expect(clock.seconds()).toBe(100);
    h.pass(5);
    expect(clock.seconds()).toBe(105);
  });

  it("takes no clock for right that is a hundred years ahead", () => {
    const h = host(T0 + 100 * 365 * DAY_S * 1000);
    expect(new LeaseClock({ leaseS: 7, wallMs: T0 }, h.now, h.wall).seconds()).toBe(7);
  });

  it("leaves a mark that the next run goes on from", () => {
    const h = host(T0);
    const clock = new LeaseClock(undefined, h.now, h.wall);
    h.pass(50);
    const mark = clock.mark();
    expect(mark).toEqual({ leaseS: 50, wallMs: T0 + 50_000 });
    h.pass(10);
    expect(new LeaseClock(mark, h.now, h.wall).seconds()).toBe(60);
  });
});

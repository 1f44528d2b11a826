import { describe, expect, it } from "vitest";
import { Health, type HealthState } from "../../../agent/health.ts";

describe("Health", () => {
  it("is unconfigured without a site, whatever else is wrong", () => {
    const health = new Health();
    expect(health.now).toEqual({ state: "unconfigured", reasons: [] });
    health.say("medium", "a mistake");
    expect(health.now).toEqual({ state: "unconfigured", reasons: ["a mistake"] });
  });

  it("is degraded as long as any part has a reason", () => {
    const health = new Health();
    health.site(true);
    health.say("interface", "eth0 is down");
    health.say("assets", "one", "two");
    health.say("interface");
    expect(health.now).toEqual({ state: "degraded", reasons: ["one", "two"] });
    health.say("assets");
    expect(health.now).toEqual({ state: "serving", reasons: [] });
  });

  it("tells each change once", () => {
    const health = new Health();
    const told: HealthState[] = [];
    const stop = health.follow((now) => told.push(now));
    health.site(true);
    health.site(true);
    health.say("interface");
    health.say("interface", "down");
    health.say("interface", "down");
    stop();
    health.say("interface");
    expect(told).toEqual([
      { state: "serving", reasons: [] },
      { state: "degraded", reasons: ["down"] },
    ]);
  });

  it("keeps reasons to one line, and to a few", () => {
    const health = new Health();
    health.say("assets", "a\n  b", ...Array.from({ length: 20 }, () => "x".repeat(1_000)));
    const { reasons } = health.now;
    expect(reasons).toHaveLength(8);
    expect([reasons[0], reasons[1]?.length]).toEqual(["a b", 300]);
  });
});

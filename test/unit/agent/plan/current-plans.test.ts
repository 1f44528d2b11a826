import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/errors.ts";
import { CurrentPlans } from "../../../../agent/plan/current-plans.ts";
import { overrideRecords } from "../../../../agent/plan/overrides.ts";
import type { Planner } from "../../../../agent/plan/planner.ts";
import type { Question } from "../../../../agent/plan/plans.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { settle } from "../../../support/eventually.ts";
import { MemoryOverrides } from "../../../support/memory-overrides.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { ip, RACK, type TestRack, testRack } from "../../../support/test-site.ts";

const MINIPC = "52:54:00:aa:00:02";
const ROM: Question = { by: "dhcp", family: "pxe-bios", first: true };
const IPXE: Question = { by: "dhcp", family: "ipxe", first: true };
const KERNEL: Question = { by: "dhcp", family: "linux-kernel", first: true };

async function plansOf(
  rack: TestRack,
  records = new MemoryOverrides(),
  planner?: Planner,
  elsewhere?: { macAt(address: number): string | undefined },
) {
  const bugs: unknown[] = [];
  const plans = await CurrentPlans.create({
    planner: planner ?? rack.planner,
    records,
    journal: rack.journal,
    now: () => rack.clock.now(),
    wallMs: () => Date.UTC(2026, 0, 2) + rack.clock.now(),
    problem: (error) => bugs.push(error),
    crash: (bug) => bugs.push(bug),
    ...(elsewhere && { elsewhere }),
  });
  /** The machine asks, and is answered by the plan of this profile. */
  const ask = (question: Question): string | undefined => {
    const plan = plans.byMac(MINIPC);
    if (!plan) throw new Error("no plan");
    return plans.asks(plan, question).machine.profile?.name;
  };
  const profile = (): string | undefined => plans.byIp(ip("172.24.42.60"))?.machine.profile?.name;
  return { plans, records, ask, profile, bugs };
}

describe("CurrentPlans", () => {
  it("overrides one boot, from its first step to the next one's", async () => {
    const rack = await testRack();
    const { plans, ask, profile, records } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva@laptop");
    expect(profile()).toBe("debian");
    expect(plans.overridesOf("minipc")).toEqual([
      {
        kind: "boot",
        profile: "plain",
        by: "eva@laptop",
        since: "2026-01-02T00:00:01.000Z",
        taken: false,
      },
    ]);
    expect(ask(ROM)).toBe("plain");
    expect(profile()).toBe("plain");
    expect(plans.overridesOf("minipc")).toMatchObject([{ profile: "plain", taken: true }]);
    await settle();
    expect(records.records.get("minipc")).toMatchObject({ taken: { profile: "plain" } });
    rack.clock.advance(5_000);
    expect(ask(IPXE)).toBe("plain");
    rack.clock.advance(120_000);
    expect(ask(KERNEL)).toBe("plain");
    rack.clock.advance(20_000);
    expect(ask(ROM)).toBe("debian");
    expect(plans.overridesOf("minipc")).toEqual([]);
    await settle();
    expect(records.records.size).toBe(0);
    expect(rack.journal.entries().map((e) => e.event)).toEqual([
      "its next boot has the profile plain",
      "boots with the profile plain",
      "its boot with the profile plain is over",
    ]);
  });

  it("knows a machine by the address that another server gave it, before what the site says", async () => {
    const rack = await testRack();
    const given = new Map([
      [ip("172.24.42.99"), MINIPC],
      [ip("172.24.42.61"), MINIPC],
      [ip("172.24.42.62"), "02:00:00:00:00:01"],
    ]);
    const elsewhere = { macAt: (address: number) => given.get(address) };
    const { plans } = await plansOf(rack, undefined, undefined, elsewhere);
    const names = ["172.24.42.99", "172.24.42.61", "172.24.42.62", "172.24.42.51"].map(
      (address) => plans.byIp(ip(address))?.machine.name,
    );
    expect(names).toEqual(["minipc", "minipc", undefined, "v100"]);
  });

  it("changes nothing of a boot that has begun", async () => {
    const rack = await testRack();
    const { plans, ask, profile } = await plansOf(rack);
    expect(ask(ROM)).toBe("debian");
    await plans.boot("minipc", "plain", "eva@laptop");
    rack.clock.advance(5_000);
    expect([ask(IPXE), ask(KERNEL), profile()]).toEqual(["debian", "debian", "debian"]);
    expect(ask(ROM)).toBe("plain");
    await plans.release("minipc", "eva@laptop");
    expect(plans.overridesOf("minipc")).toEqual([]);
    expect([ask(IPXE), profile()]).toEqual(["plain", "plain"]);
    rack.clock.advance(60_000);
    expect(ask(ROM)).toBe("debian");
  });

  it("takes the next override right after one that is taken", async () => {
    const rack = await testRack();
    const { plans, ask } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    expect(ask(ROM)).toBe("plain");
    await plans.boot("minipc", "sun", "ada");
    expect(plans.overridesOf("minipc").map((o) => o.by)).toEqual(["eva", "ada"]);
    expect(ask(IPXE)).toBe("plain");
    expect(ask(ROM)).toBe("sun");
    expect(plans.overridesOf("minipc")).toMatchObject([{ by: "ada", taken: true }]);
  });

  it("offers the next boot's files to what does not say what it is, and is taken when it reads", async () => {
    const rack = await testRack();
    const { plans, ask, profile } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    expect(ask({ by: "dhcp", family: "unknown", first: true })).toBe("plain");
    expect(profile()).toBe("debian");
    expect(plans.overridesOf("minipc")).toMatchObject([{ taken: false }]);
    expect(ask({ by: "tftp" })).toBe("plain");
    expect(profile()).toBe("plain");
    expect(plans.overridesOf("minipc")).toMatchObject([{ taken: true }]);
  });

  it("says in its offers whose boot it is, and has its files fetched", async () => {
    const rack = await testRack();
    const { plans } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    expect(rack.assets.slots.get("ipxe-x64")?.wants).toBe(1);
    expect(plans.upcoming("minipc")?.offer("pxe-bios").why).toMatch(/, for this boot by eva$/);
    expect([...plans.all()].map((p) => p.machine.profile?.name)).toContain("plain");
    expect([...plans.all()]).toHaveLength(5);
  });

  it("holds a machine until it is released", async () => {
    const rack = await testRack();
    const { plans } = await plansOf(rack);
    const held = (): string | undefined => plans.heldBy(rack.plan("minipc"));
    await plans.hold("minipc", "eva");
    expect(held()).toBe("eva");
    expect(plans.heldBy(rack.plan("v100"))).toBeUndefined();
    expect(plans.overridesOf("minipc")).toMatchObject([{ kind: "hold", by: "eva" }]);
    await plans.release("minipc", "ada");
    expect(held()).toBeUndefined();
  });

  it("refuses machines and profiles that the site does not have, with the name that may be meant", async () => {
    const { plans } = await plansOf(await testRack());
    await expect(plans.boot("minipc", "plai", "eva")).rejects.toMatchObject({
      code: "E_NOT_FOUND",
      cure: 'Did you mean "plain"?',
    });
    await expect(plans.hold("minpc", "eva")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    await expect(plans.release("nobody", "eva")).rejects.toThrow('has no machine "nobody"');
  });

  it("changes nothing when the disk does not take it", async () => {
    const rack = await testRack();
    const { plans, records, ask, bugs } = await plansOf(rack);
    records.before = () => Promise.reject(new AgentError("E_STATE", "disk full"));
    await expect(plans.boot("minipc", "plain", "eva")).rejects.toMatchObject({ code: "E_STATE" });
    expect(plans.overridesOf("minipc")).toEqual([]);
    expect(ask(ROM)).toBe("debian");
    records.before = () => Promise.resolve();
    await plans.boot("minipc", "plain", "eva");
    records.before = () => Promise.reject(new AgentError("E_STATE", "disk full"));
    rack.clock.advance(60_000);
    expect(ask(ROM)).toBe("plain");
    await settle();
    expect(bugs).toMatchObject([{ code: "E_STATE" }]);
  });

  it("loses nothing when a boot begins while a change is being written", async () => {
    const rack = await testRack();
    const { plans, records, ask } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    let go = (): void => {};
    records.before = () => new Promise((resolve) => (go = resolve));
    const held = plans.hold("minipc", "ada");
    await settle();
    expect(ask(ROM)).toBe("plain");
    records.before = () => Promise.resolve();
    go();
    await held;
    await settle();
    expect(plans.overridesOf("minipc")).toMatchObject([
      { kind: "boot", profile: "plain", taken: true },
      { kind: "hold", by: "ada" },
    ]);
    expect(Object.keys(records.records.get("minipc") ?? {}).sort()).toEqual(["hold", "taken"]);
  });
});

describe("CurrentPlans after a restart", () => {
  it("keeps what was durable: what waits, what runs, what is held", async () => {
    const rack = await testRack();
    const dir = tempDir();
    const first = openDatabase({ dir });
    const before = await CurrentPlans.create({
      planner: rack.planner,
      records: overrideRecords(first),
      journal: rack.journal,
      now: () => rack.clock.now(),
      wallMs: () => 0,
      problem: () => {},
      crash: () => {},
    });
    await before.boot("minipc", "plain", "eva");
    const plan = before.byMac(MINIPC);
    if (plan) before.asks(plan, ROM);
    await before.boot("minipc", "sun", "eva");
    await before.hold("v100", "ada");
    await first.close();

    const second = openDatabase({ dir });
    const after = await CurrentPlans.create({
      planner: rack.planner,
      records: overrideRecords(second),
      journal: rack.journal,
      now: () => rack.clock.now(),
      wallMs: () => 0,
      problem: () => {},
      crash: () => {},
    });
    expect(after.heldBy(rack.plan("v100"))).toBe("ada");
    const ask = (question: Question): string | undefined => {
      const now = after.byMac(MINIPC);
      return now && after.asks(now, question).machine.profile?.name;
    };
    expect([ask(KERNEL), ask({ by: "rpc" }), ask(ROM)]).toEqual(["plain", "plain", "sun"]);
    await after.release("v100", "ada");
    await second.close();
  });
});

describe("CurrentPlans over a change of the site", () => {
  it("goes on with what is there still, and drops the rest with a word", async () => {
    const rack = await testRack();
    const { plans, records, profile, ask } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    expect(ask(ROM)).toBe("plain");
    await plans.boot("minipc", "sun", "eva");
    await plans.boot("v100", "plain", "eva");
    await plans.hold("bare", "eva");
    const text = RACK.replace(/^ {2}plain: \{ files.*\n/m, "")
      .replace(/^ {2}plain: \{ mac.*\n/m, "")
      .replace(/^ {2}bare:.*\n/m, "");
    const { planner } = await testRack(text);
    await plans.replace(planner);
    expect(plans.site.machines.map((m) => m.name)).toEqual(["v100", "minipc"]);
    expect(profile()).toBe("debian");
    expect(plans.overridesOf("minipc")).toMatchObject([{ profile: "sun", taken: false }]);
    expect(plans.overridesOf("v100")).toEqual([]);
    expect([...records.records.keys()]).toEqual(["minipc"]);
    const dropped = rack.journal.entries().filter((e) => e.event.includes("dropped"));
    expect(dropped.map((e) => `${e.event}: ${e.decision}`).sort()).toEqual([
      "an override of bare was dropped: it is not in the site rack7",
      "an override of minipc was dropped: its profile is not in the site rack7",
      "an override of v100 was dropped: its profile is not in the site rack7",
    ]);
    expect(ask(ROM)).toBe("debian");
    rack.clock.advance(60_000);
    expect(ask(ROM)).toBe("sun");
  });

  it("lets a boot go on under its override, with the plans of the new site", async () => {
    const rack = await testRack();
    const { plans, ask } = await plansOf(rack);
    await plans.boot("minipc", "plain", "eva");
    expect(ask(ROM)).toBe("plain");
    await plans.release("minipc", "eva");
    const other = await testRack(RACK.replace("172.24.42.150/24", "172.24.42.151/24"));
    await plans.replace(other.planner);
    expect(plans.byMac(MINIPC)?.server).toBe(ip("172.24.42.151"));
    expect(ask(IPXE)).toBe("plain");
  });
});

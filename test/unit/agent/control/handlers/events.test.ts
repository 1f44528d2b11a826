import { describe, expect, it } from "vitest";
import { createHandlers } from "../../../../../agent/control/handlers/all.ts";
import type { AgentEvent } from "../../../../../agent/control/messages.ts";
import { bundleRecord, byEva, testAgent } from "../../../../support/agent-parts.ts";
import { settle } from "../../../../support/eventually.ts";

async function setUp() {
  const agent = await testAgent();
  const verbs = createHandlers(agent.parts);
  /** A reader who takes events when told to. */
  const follow = (machine?: string) => {
    const hungUp = new AbortController();
    const args = machine === undefined ? {} : { machine };
    const events = verbs["events.follow"](args, byEva(hungUp.signal))[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value, done } = await events.next();
      return done ? "end" : words(value);
    };
    return { next, hungUp, events };
  };
  const step = (machine: string, event: string): void =>
    agent.journal.note({ protocol: "tftp", machine, event, decision: "", outcome: "answered" });
  return { ...agent, follow, step };
}

function words(event: AgentEvent): string {
  if (event.type === "journal") return `${event.entry.machine} ${event.entry.event}`;
  if (event.type === "state") return `state ${event.state} ${event.reasons.join()}`;
  if (event.type === "site") return `site ${event.bundle.serial}`;
  return event.type === "missed" ? `missed ${event.events}` : event.type;
}

describe("events.follow", () => {
  it("begins with the state, then tells of each step, state and bundle", async () => {
    const { follow, step, news } = await setUp();
    const { next, hungUp } = follow();
    expect(await next()).toBe("state serving ");
    step("v100", "a");
    news.state("degraded", ["eth1 is down"]);
    news.state("degraded", ["eth1 is down"]);
    news.site(bundleRecord(7));
    step("minipc", "b");
    expect([await next(), await next(), await next(), await next()]).toEqual([
      "v100 a",
      "state degraded eth1 is down",
      "site 7",
      "minipc b",
    ]);
    const waiting = next();
    hungUp.abort();
    expect(await waiting).toBe("end");
  });

  it("tells of one machine's steps alone where one is named", async () => {
    const { follow, step } = await setUp();
    const { next } = follow("minipc");
    await next();
    step("v100", "a");
    step("minipc", "b");
    expect(await next()).toBe("minipc b");
    expect(() => follow("nobody")).toThrow('has no machine "nobody"');
  });

  it("says every 15 s that it is alive", async () => {
    const { follow, clock } = await setUp();
    const { next, hungUp } = follow();
    await next();
    clock.advance(14_999);
    const first = next();
    clock.advance(1);
    expect(await first).toBe("alive");
    clock.advance(30_000);
    expect([await next(), await next()]).toEqual(["alive", "alive"]);
    hungUp.abort();
    await next();
    expect(clock.pending).toBe(0);
  });

  it("leaves out what a slow reader has no room for, and says how much and where", async () => {
    const { follow, step } = await setUp();
    const { next } = follow();
    await next();
    for (let i = 0; i < 1_250; i++) step("v100", `${i}`);
    expect(await next()).toBe("v100 0");
    step("v100", "late");
    for (let i = 1; i < 1_000; i++) expect(await next()).toBe(`v100 ${i}`);
    expect([await next(), await next()]).toEqual(["missed 250", "v100 late"]);
    for (let i = 0; i < 1_003; i++) step("v100", `${i}`);
    for (let i = 0; i < 1_000; i++) await next();
    expect(await next()).toBe("missed 3");
  });

  it("has a bounded number of readers, and forgets those that are gone", async () => {
    const { follow, clock } = await setUp();
    const readers = Array.from({ length: 32 }, () => follow());
    for (const { next } of readers) await next();
    await expect(follow().next()).rejects.toMatchObject({ code: "E_BUSY" });
    const [first] = readers;
    await first?.events.return?.(undefined);
    expect(await follow().next()).toBe("state serving ");
    for (const { hungUp, next } of readers) {
      const end = next();
      hungUp.abort();
      await end;
    }
    await settle();
    expect(clock.pending).toBe(1);
  });
});

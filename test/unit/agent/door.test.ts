import pino from "pino";
import { describe, expect, it } from "vitest";
import type { RunningAgent } from "../../../agent/compose.ts";
import { Door } from "../../../agent/door.ts";
import { AgentError } from "../../../agent/errors.ts";
import { Health } from "../../../agent/health.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const LOOK_MS = 2_000;
const TENTATIVE = new AgentError("E_INTERFACE", "cannot listen on fe80::1%eth0 port 7458: new");
const TAKEN = new AgentError("E_PORT_IN_USE", "port 7458 of 10.0.0.1 is taken");
const AGENT = {
  name: { current: "rack7" },
  identity: { key: { publicKey: { fingerprint: "abcdefghijklmnopqrst" } } },
  claim: { code: "lxud-4yur" },
} as unknown as RunningAgent;

/** A door whose control server does with each look what stands here, and from then on the last of it. */
function open(...looks: readonly (AgentError | undefined)[]) {
  const clock = new FakeClock();
  const health = new Health();
  health.site(true);
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  let asked = 0;
  const control = {
    port: 7_458,
    local: {},
    stop: () => Promise.resolve(),
    listen: () => {
      const fault = looks[Math.min(asked, looks.length - 1)];
      asked += 1;
      return fault ? Promise.reject(fault) : Promise.resolve();
    },
  };
  const crash = (bug: unknown): never => {
    throw bug;
  };
  const choice = (): { names: undefined; rack: string } => ({ names: undefined, rack: "none0" });
  const door = new Door({ control, agent: AGENT, choice, clock, health, log, crash });
  const next = async (): Promise<void> => {
    clock.advance(LOOK_MS);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const said = (part: string): number => lines.filter((l) => l.includes(part)).length;
  return { door, health, next, said, clock, asked: () => asked };
}

describe("where the agent is steered from", () => {
  it("takes an address that is too new with the next look, without a word", async () => {
    const { door, health, next, said, asked } = open(TENTATIVE, undefined);
    await door.look();
    expect(health.now.state).toBe("serving");
    await next();
    await next();
    expect(asked()).toBe(2);
    expect(health.now.state).toBe("serving");
    expect(said("cannot listen")).toBe(0);
    expect(said("steered as rack7, abcd-efgh-ijkl-mnop")).toBe(1);
    expect(said("claim code lxud-4yur")).toBe(1);
    await door.stop();
  });

  it("says once of an address that stays out of reach, and takes that back", async () => {
    const { door, health, next, said } = open(TENTATIVE, TENTATIVE, TENTATIVE, undefined);
    await door.look();
    await next();
    expect(health.now).toMatchObject({ state: "degraded", reasons: [TENTATIVE.message] });
    await next();
    expect(said("cannot listen")).toBe(1);
    await next();
    expect(health.now.state).toBe("serving");
    await door.stop();
  });

  it("says at once that a port is taken, and stops looking", async () => {
    const { door, health, said, clock } = open(TAKEN);
    await door.look();
    expect(health.now).toMatchObject({ state: "degraded", reasons: [TAKEN.message] });
    expect(said("is taken")).toBe(1);
    await door.stop();
    expect(clock.pending).toBe(0);
  });
});

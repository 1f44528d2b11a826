import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sealBundle } from "../../../agent/bundle/seal-bundle.ts";
import type { VerbName, Verbs } from "../../../agent/control/messages.ts";
import { LocalAgent } from "../../../agent/operator/local-agent.ts";
import { AgentProcess } from "../../support/agent-process.ts";
import { bundleOf } from "../../support/bundles.ts";
import { Namespace } from "../../support/netns.ts";
import { EVA } from "../../support/operator-keys.ts";
import { until } from "../../support/until.ts";
import { seededRandom } from "../../support/virtual-clock.ts";

/* Agents that are started again: in order, and by a power cut. They are steered by the socket of their host. */

const RACK = "rack0";
const KILLS = 20;
/** The longest after which a push is cut off: it takes less where the host has nothing else to do. */
const MOST_MS = 150;
const STEP_MS = 90_000;

let ns: Namespace;
let far: Namespace;
let dir: string;
let state: string;
let agent: AgentProcess | undefined;

beforeAll(async () => {
  ns = await Namespace.create();
  far = await Namespace.create(ns);
  ns.connect(RACK, far, "machine");
  ns.run("ip", "addr", "add", "172.24.42.150/24", "brd", "+", "dev", RACK);
  dir = mkdtempSync(join(tmpdir(), "pilotlight-restart-"));
  const line = `pilotlight-ed25519 ${Buffer.from(EVA.publicKey.octets).toString("base64")} eva`;
  writeFileSync(join(dir, "pilotlight.yaml"), JSON.stringify({ trust: [line] }));
});

afterEach(async () => {
  await agent?.close();
});

afterAll(async () => {
  await far?.close();
  await ns?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A state folder that nothing has used, from now on. */
function blank(): void {
  state = mkdtempSync(join(dir, "state-"));
}

async function start(
  options: readonly string[] = ["--management", "none", "--medium", join(dir, "pilotlight.yaml")],
  environment: readonly string[] = ["-u", "INVOCATION_ID"],
): Promise<AgentProcess> {
  const words = ["serve", "--json", "--state", state, ...options];
  agent = AgentProcess.start(ns, words, ["env", ...environment]);
  await agent.ready();
  return agent;
}

/** A verb on the socket of the host. */
async function call<V extends VerbName>(
  verb: V,
  args: Verbs[V]["args"],
): Promise<Verbs[V]["result"]> {
  const local = await LocalAgent.connect(state);
  if (!local) throw new Error(`nobody is on the socket: ${agent?.stderr}`);
  try {
    return await local.call(verb, args);
  } finally {
    local.close();
  }
}

function bundle(serial: number): Uint8Array {
  const text = `site: s${serial}
network: { interface: ${RACK}, address: 172.24.42.150/24 }
profiles: { sun: { files: {} }, other: { files: {} } }
machines: { u5: { mac: "08:00:20:aa:bb:cc", ip: 172.24.42.51, profile: sun } }
`;
  const files = new Map([["site.yaml", Buffer.from(text)]]);
  return sealBundle(bundleOf({ site: `s${serial}`, serial, files }), EVA);
}

async function push(serial: number): Promise<void> {
  await call("site.put", { bundle: bundle(serial), probationS: 600 });
  await call("site.confirm", { serial });
}

function readies(): number {
  return agent?.stderr.split(" ready: ").length ?? 0;
}

describe("an agent that is told to start again", () => {
  it("does so in its process", { timeout: STEP_MS }, async () => {
    blank();
    const { pid } = await start();
    await push(1);
    const before = readies();
    await call("agent.restart", {});
    await until(
      () => `the agent to be ready again: ${agent?.stderr}`,
      () => readies() > before,
    );
    expect(agent?.pid).toBe(pid);
    const { site } = await call("status.get", {});
    expect(site).toMatchObject({ name: "s1", bundle: { serial: 1, state: "running" } });
  });

  it("ends with status 75 where a supervisor starts it", { timeout: STEP_MS }, async () => {
    blank();
    await start([], ["INVOCATION_ID=0123456789abcdef0123456789abcdef"]);
    await call("agent.restart", {});
    expect(await agent?.exit()).toBe(75);
    expect(agent?.stderr).toContain("restarting");
  });

  it("says of SIGHUP that there is no site file", { timeout: STEP_MS }, async () => {
    blank();
    await start();
    await push(1);
    agent?.signal("SIGHUP");
    await until(
      () => `a word: ${agent?.stderr}`,
      () => agent?.stderr.includes("SIGHUP: there is no site file to read again"),
    );
    expect((await call("status.get", {})).site?.name).toBe("s1");
  });
});

describe("an agent whose power fails", () => {
  it("shows the same claim code, and is the same", { timeout: STEP_MS }, async () => {
    blank();
    const lan = ["--management", RACK];
    const code = async (): Promise<string> =>
      until(
        () => `a claim code: ${agent?.stderr}`,
        () => /claim code (\S+):/.exec(agent?.stderr ?? "")?.[1],
      );
    await start(lan);
    const before = [await code(), (await call("identity.get", {})).fingerprint];
    await agent?.close();
    await start(lan);
    expect([await code(), (await call("identity.get", {})).fingerprint]).toEqual(before);
  });

  it("goes back from what was on probation, and says so", { timeout: STEP_MS }, async () => {
    blank();
    await start();
    await push(1);
    await call("site.put", { bundle: bundle(2), probationS: 600 });
    expect((await call("status.get", {})).site?.probation?.serial).toBe(2);
    await agent?.close();
    await start();
    const { state: now, reasons, site } = await call("status.get", {});
    expect(site).toMatchObject({ name: "s1", bundle: { serial: 1 } });
    const why = "the agent was started again before it was confirmed";
    expect([now, reasons]).toEqual(["degraded", [expect.stringContaining(why)]]);
    expect(agent?.stderr).toContain(`goes back from serial 2 to serial 1: ${why}`);
    const { bundles } = await call("site.history", {});
    expect(bundles.find(({ serial }) => serial === 2)).toMatchObject({ state: "returned" });
  });

  it("has all that it said it had, at whatever moment of a push", {
    timeout: STEP_MS,
  }, async () => {
    blank();
    const random = seededRandom(7);
    await start();
    const { fingerprint } = await call("identity.get", {});
    const operators = (await call("trust.list", {})).operators.map((o) => o.fingerprint);
    await push(1);
    await call("machines.hold", { machine: "u5" });
    let confirmed = 1;
    for (let round = 0; round < KILLS; round++) {
      const serial = (await call("status.get", {})).site?.bundle?.serial ?? 0;
      const next = Math.max(confirmed, serial) + 100 + round;
      const pushed = push(next).then(
        () => true,
        () => false,
      );
      await Promise.race([later(random() % MOST_MS), pushed]);
      await agent?.close();
      const acknowledged = await pushed;
      await start();
      const status = await call("status.get", {});
      const runs = status.site?.bundle?.serial ?? 0;
      // Never one that nobody confirmed; and what was confirmed was not forgotten.
      expect([confirmed, next]).toContain(runs);
      if (acknowledged) expect(runs).toBe(next);
      confirmed = runs;
      expect(status.site?.probation).toBeUndefined();
      expect(status.identity).toMatchObject({ fingerprint, claimable: false });
      const trusted = (await call("trust.list", {})).operators.map((o) => o.fingerprint);
      expect(trusted).toEqual(operators);
      const { machines } = await call("machines.list", {});
      expect(machines[0]?.overrides).toMatchObject([{ kind: "hold" }]);
    }
    expect(readFileSync(join(state, "identity", "key.pem"), "utf8")).toContain("PRIVATE KEY");
  });
});

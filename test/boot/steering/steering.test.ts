import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentStatus, BundleRecord } from "../../../agent/control/messages.ts";
import { capturePath } from "../../golden/captures.ts";
import type { AgentProcess } from "../../support/agent-process.ts";
import { PcapWriter } from "../../support/pcap-writer.ts";
import { until } from "../../support/until.ts";
import { cut } from "./cut.ts";
import {
  blankAgent,
  bootSun,
  claimCode,
  LAN,
  machineWire,
  RACK,
  RackLan,
  Store,
  SUN,
  siteText,
} from "./rack-lan.ts";

/*
 * The life of three agents, from flashed blank on, as their operator and a stranger on the same LAN see it. The steps build
 * on one another and run in this order.
 */

const NAMES = ["rack-a", "rack-b", "rack-c"] as const;
const STORE_PORT = 8_080;
/** The shortest that can be asked for. */
const PROBATION_S = 5;
const STEP_MS = 90_000;
/** After a boot it is half a minute quiet before anything is replaced. */
const QUIET_MS = 60_000;

/** Documented in test/golden/captures/README.md. */
const { STEERING_TRACE } = process.env;
const WRITES = STEERING_TRACE === "write";
const TRACE = "steering.pcap";

let lan: RackLan;
let store: Store;
let publisher: AgentProcess;
let agents: AgentProcess[] = [];

beforeAll(async () => {
  lan = await RackLan.create();
  await lan.record();
  const folder = join(lan.dir, "store");
  mkdirSync(folder);
  writeFileSync(join(folder, "ofwboot.net"), new Uint8Array(20_000).fill(1));
  writeFileSync(join(folder, "netbsd"), new Uint8Array(300_000).fill(2));
  writeFileSync(join(folder, "netbsd-2"), new Uint8Array(310_000).fill(3));
  store = await Store.open(lan.laptop.ns, folder, STORE_PORT);
  agents = NAMES.map((name, n) => blankAgent(lan, n, name, join(lan.dir, `state-${name}`)));
}, STEP_MS);

afterAll(async () => {
  for (const agent of agents) await agent.close();
  await publisher?.close();
  await store.close();
  if (WRITES) keepTrace();
  await lan.close();
}, STEP_MS);

/** What the LAN carried becomes the golden trace. */
function keepTrace(): void {
  const writer = new PcapWriter();
  for (const { octets, timeMs } of cut(lan.recorded)) writer.add(octets, timeMs);
  writer.save(capturePath(TRACE));
}

/** The site of all three racks. `more`: lines for the end; `change`: what to make of the text. */
function siteFile(name: string, change: (text: string) => string = (text) => text): string {
  const url = `http://${LAN.laptop}:${STORE_PORT}`;
  return lan.file(name, change(siteText(url)));
}

const boot = (n: number): Promise<string> => bootSun(lan, n);

async function statusOf(name: string): Promise<AgentStatus> {
  return JSON.parse(await lan.laptop.done("status", name, "--json")) as AgentStatus;
}

/** Waits until an agent is as it should be. */
async function statusSuch(
  name: string,
  is: (status: AgentStatus) => boolean,
): Promise<AgentStatus> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const status = await statusOf(name);
    if (is(status)) return status;
    if (performance.now() > deadline) throw new Error(JSON.stringify(status, null, 1));
  }
}

/** Waits until an agent runs a bundle that `right` accepts. */
async function running(
  name: string,
  right: (bundle: BundleRecord, status: AgentStatus) => boolean,
): Promise<AgentStatus> {
  return statusSuch(name, (status) => {
    const bundle = status.site?.bundle;
    return bundle !== undefined && right(bundle, status);
  });
}

describe("three agents, their operator and a stranger", () => {
  it(
    "are found blank: by name, with board, address and fingerprint",
    async () => {
      for (const agent of agents) await claimCode(agent);
      await lan.laptop.done("keygen");
      await lan.stranger.done("keygen");
      const found = (await lan.laptop.done("discover", "--json"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { name: string; state: string; addresses: string[] });
      const rows = found.map(({ name, state, addresses }) => [name, state, addresses[0]]);
      expect(rows.sort()).toEqual(NAMES.map((name, n) => [name, "unconfigured", LAN.agent(n)]));
    },
    STEP_MS,
  );

  it(
    "boot nothing while they are blank",
    async () => {
      const wire = machineWire(0);
      const how = ["--interface", wire, "--mac", SUN.mac, "--timeout", "3"];
      const { status, stdout } = await lan.laptop.pilotlight("sim", "openfirmware", ...how);
      expect([status, stdout]).toEqual([1, expect.stringContaining("not booted after 3 s")]);
    },
    STEP_MS,
  );

  it(
    "refuse a claim without the code",
    async () => {
      const { status, stderr } = await lan.stranger.pilotlight(
        "claim",
        "rack-a",
        "AAAA-BBBB-CCCC-DDDD",
      );
      expect([status, stderr]).toEqual([1, expect.stringContaining("E_CLAIM")]);
    },
    STEP_MS,
  );

  it(
    "belong to whoever types the code that they show",
    async () => {
      for (const [n, name] of NAMES.entries()) {
        const agent = agents[n] as AgentProcess;
        await lan.laptop.done("claim", name, await claimCode(agent), "--as", "eva");
      }
      const { status, stderr } = await lan.stranger.pilotlight(
        "claim",
        "rack-b",
        await claimCode(agents[1] as AgentProcess),
      );
      expect([status, stderr]).toEqual([1, expect.stringContaining("E_CLAIM")]);
    },
    STEP_MS,
  );

  it(
    "do not take the stranger's configuration, although they find it",
    async () => {
      const site = siteFile("stranger.yaml", (text) => text.replace("three-racks", "not-yours"));
      const server = lan.stranger.start("publish", site, "--any");
      try {
        for (const name of NAMES) {
          await statusSuch(name, ({ search }) => /does not trust/.test(search?.problem ?? ""));
        }
        for (const name of NAMES) expect((await statusOf(name)).state).toBe("unconfigured");
      } finally {
        await server.close();
      }
    },
    2 * STEP_MS,
  );

  it(
    "find their configuration by mDNS, and boot a machine",
    async () => {
      publisher = lan.laptop.start("publish", siteFile("site.yaml"), "--any");
      for (const name of NAMES) {
        const status = await running(name, ({ state }) => state !== "returned");
        expect(status).toMatchObject({ state: "serving", site: { name: "three-racks" } });
        expect(status.site?.bundle).toMatchObject({
          operator: "eva",
          source: expect.stringContaining("fetched"),
        });
      }
      for (const n of NAMES.keys()) expect(await boot(n)).toContain("booted");
    },
    3 * STEP_MS,
  );

  it(
    "are re-steered by one command",
    async () => {
      publisher.signal("SIGTERM");
      expect(await publisher.exit()).toBe(0);
      const site = siteFile("site-2.yaml", (text) => text.replace('/netbsd"', '/netbsd-2"'));
      const said = await lan.laptop.done(
        "push",
        site,
        "--all",
        "--yes",
        "--probation",
        `${PROBATION_S}`,
      );
      for (const name of NAMES) expect(said).toContain(name);
      for (const name of NAMES) {
        const { site: now } = await statusOf(name);
        expect(now?.bundle).toMatchObject({ state: "running" });
        expect(now?.bundle?.changes.join("\n")).toContain("netbsd");
        expect(now?.probation).toBeUndefined();
      }
      await until(
        () => `the other kernel on rack-a: ${agents[0]?.stderr}`,
        () => agents[0]?.journal.some(({ event }) => /^netbsd: \S+ is served now/.test(event)),
        QUIET_MS,
      );
      expect(await boot(0)).toContain("310000");
    },
    3 * STEP_MS,
  );

  it(
    "refuse what they could not serve, and serve on",
    async () => {
      const site = siteFile("bad-address.yaml", (text) =>
        text.replace(RACK.cidr, "172.24.43.1/24").replace("172.24.42.51", "172.24.43.51"),
      );
      const { status, stdout, stderr } = await lan.laptop.pilotlight(
        "push",
        site,
        "rack-a",
        "--yes",
        "--probation",
        `${PROBATION_S}`,
      );
      expect([status, stdout + stderr]).toEqual([1, expect.stringMatching(/E_CONFIG|E_INTERFACE/)]);
      expect(await boot(0)).toContain("booted");
    },
    3 * STEP_MS,
  );

  it(
    "go back by themselves when a configuration cuts them off",
    async () => {
      const before = (await statusOf("rack-b")).site?.bundle?.serial ?? 0;
      const site = siteFile("cut-off.yaml", (text) =>
        text.replace(`[${LAN.interface}]`, `[${RACK.interface}]`),
      );
      const { status, stdout, stderr } = await lan.laptop.pilotlight(
        "push",
        site,
        "rack-b",
        "--yes",
        "--probation",
        `${PROBATION_S}`,
      );
      expect([status, stdout + stderr]).toEqual([1, expect.stringContaining("went back")]);
      const back = await running("rack-b", ({ serial }) => serial === before);
      expect(back).toMatchObject({
        state: "degraded",
        reasons: [expect.stringContaining("nobody confirmed it")],
      });
      const [newest = ""] = (await lan.laptop.done("history", "rack-b", "--json")).split("\n");
      expect(JSON.parse(newest)).toMatchObject({
        state: "returned",
        reason: expect.stringContaining("nobody confirmed it"),
      });
      expect(await boot(1)).toContain("booted");
    },
    3 * STEP_MS,
  );

  it(
    "do nothing that the stranger asks for",
    async () => {
      const site = siteFile("stranger-2.yaml");
      const tries: readonly (readonly string[])[] = [
        ["push", site, "rack-a", "--yes"],
        ["rollback", "rack-a"],
        ["boot", "v100", "netbsd-sparc64", "--once", "--agent", "rack-a"],
        ["hold", "v100", "--agent", "rack-a"],
        ["wake", "v100", "--agent", "rack-a"],
        ["restart", "rack-a"],
      ];
      for (const words of tries) {
        const { status, stdout, stderr } = await lan.stranger.pilotlight(...words);
        expect([words[0], status, stdout + stderr]).toEqual([
          words[0],
          1,
          expect.stringContaining("E_FORBIDDEN"),
        ]);
      }
      expect((await statusOf("rack-a")).site?.bundle?.operator).toBe("eva");
    },
    3 * STEP_MS,
  );

  it(
    "are told from an impostor of the same name",
    async () => {
      const impostor = lan.stranger.start(
        ...["serve", "--json", "--name", "rack-c", "--management", LAN.interface],
        ...["--state", join(lan.dir, "state-impostor")],
      );
      try {
        await claimCode(impostor);
        const { status, stdout, stderr } = await lan.laptop.pilotlight("status", `${LAN.stranger}`);
        expect(status).toBe(0);
        expect(stdout + stderr).toMatch(/first|new/i);
        const again = await lan.laptop.pilotlight("discover");
        expect(again.stdout).toContain("rack-c (2)");
        impostor.signal("SIGTERM");
        expect(await impostor.exit()).toBe(0);
      } finally {
        await impostor.close();
      }
    },
    3 * STEP_MS,
  );

  it(
    "keep booting with the laptop gone, also after a restart",
    async () => {
      await store.close();
      lan.laptop.ns.run("ip", "addr", "flush", "dev", "br0");
      expect(await boot(1)).toContain("booted");
      await agents[2]?.close();
      agents[2] = blankAgent(lan, 2, "rack-c", join(lan.dir, "state-rack-c"));
      await agents[2].ready();
      expect(await boot(2)).toContain("booted");
    },
    3 * STEP_MS,
  );
});

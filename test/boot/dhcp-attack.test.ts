import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LAB_MACHINES, type LabMachine } from "../../agent/cli/lab/machines.ts";
import { layOutExample } from "../../agent/cli/lab/stand-ins.ts";
import { loadSite } from "../../agent/site/load.ts";
import type { Machine } from "../../agent/site/site.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { residentMiB } from "../bench/children.ts";
import { median } from "../bench/outcome.ts";
import { AgentProcess } from "../support/agent-process.ts";
import { NET } from "../support/boot-site.ts";
import { Namespace, type PipedChild } from "../support/netns.ts";
import { until } from "../support/until.ts";

// A rack with a host on its wire that does its worst, all at once: 100 000 cards that want an address, RELEASE and DECLINE in the
// name of others, relays of foreign networks, replies that nobody asked for, RARP of strangers, and a million frames of rubbish.

const ATTACK = fileURLToPath(new URL("../support/dhcp-attack.mjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../dist/agent/pilotlight.js", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../examples/lab", import.meta.url));
const POOL = "172.24.42.100";
/** So many boots of each machine, before anybody attacks, tell how long it takes. */
const CALM_BOOTS = 3;
/** A reserved machine boots within this many times of that. Medians: other tests run beside this one. */
const SLOWER = 2;
/** What the agent has resident at the end, of what it had when half was sent: its tables are full by then. */
const GROWTH = 1.15;
const ATTACK_MS = 180_000;

let inside: Namespace;
let wire: Namespace;
let hosts: readonly Namespace[] = [];
let attacker: Namespace;
let agent: AgentProcess;
let dir: string;
let siteFile: string;
let machines: readonly (readonly [LabMachine, Machine, Namespace])[] = [];

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "pilotlight-boot-"));
  inside = await Namespace.create();
  wire = await Namespace.create(inside);
  attacker = await Namespace.create(inside);
  hosts = [attacker];
  wire.run("ip", "link", "add", "name", "switch", "up", "type", "bridge");
  plug(inside, NET.rack);
  plug(attacker, "eth0");
  // It speaks in everybody's name: a switch that believed it would send the machines' frames to it.
  wire.run("bridge", "link", "set", "dev", `port${ports}`, "learning", "off");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  siteFile = await layOutExample(EXAMPLE, dir);
  const text = readFileSync(siteFile, "utf8").replace(
    `address: ${NET.cidr}\n`,
    `address: ${NET.cidr}\n  dhcp: authoritative\n  pool: ${POOL}-172.24.42.199\nunknown:\n  everybody: {}\n`,
  );
  writeFileSync(siteFile, text);
  const site = await loadSite(siteFile);
  machines = await Promise.all(
    LAB_MACHINES.map(async (lab) => {
      const machine = site.machines.find((m) => m.name === lab.name);
      if (!machine) throw new Error(`the example has no ${lab.name}`);
      const host = await Namespace.create(inside);
      hosts = [...hosts, host];
      plug(host, "eth0");
      return [lab, machine, host] as const;
    }),
  );
  agent = await AgentProcess.serve(inside, siteFile, NET.rack);
});

afterAll(async () => {
  await agent?.close();
  for (const host of hosts) await host.close();
  await wire?.close();
  await inside?.close();
  rmSync(dir, { recursive: true, force: true });
});

let ports = 0;

function plug(host: Namespace, name: string): void {
  ports += 1;
  host.connect(name, wire, `port${ports}`);
  wire.run("ip", "link", "set", `port${ports}`, "master", "switch");
}

/** Powers a machine on; how long its firmware took, from its first word to the last octet that it checked, ms. */
async function boot([lab, machine, host]: (typeof machines)[number]): Promise<number> {
  const file = (asset: string): string =>
    path.join(dir, /file: ([^ }]+)/.exec(lineOf(asset))?.[1] ?? "");
  const expects = lab
    .expects(machine.ip)
    .flatMap(({ asked, asset }) => ["--expect", `${asked}=${file(asset)}`]);
  const options = ["--interface", "eth0", "--mac", machine.mac, ...lab.args, "--json"];
  const child = host.spawn(process.execPath, MAIN, "sim", lab.firmware, ...options, ...expects);
  let said = "";
  child.stdout.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const status = await ended(child);
  if (status !== 0) throw new Error(`${machine.name} did not boot: ${said.slice(-2_000)}`);
  const times = [...said.matchAll(/"time":"([^"]+)"/g)].map(([, time = ""]) => Date.parse(time));
  return Math.max(...times) - Math.min(...times);
}

/** The line of an asset in the site file. */
function lineOf(asset: string): string {
  return readFileSync(siteFile, "utf8").match(new RegExp(`^  ${asset}: .*$`, "m"))?.[0] ?? "";
}

function ended(child: PipedChild): Promise<number> {
  return new Promise((resolve) => {
    child.on("close", (status) => resolve(status ?? -1));
  });
}

function words(times: ReadonlyMap<string, readonly number[]>): string {
  return [...times].map(([name, of]) => `${name} ${of.join(" ")} ms`).join(", ");
}

interface Report {
  readonly sent: Readonly<Record<string, number>>;
  readonly refused: number;
  readonly seconds: number;
}

/** Lets the attacker loose; its report, when it has sent all. */
async function attack(): Promise<{
  readonly report: Promise<Report>;
  readonly over: () => boolean;
}> {
  const targets = machines.map(([, { mac, ip }]) => `${mac},${formatIpv4(ip)}`);
  const args = ["eth0", inside.macOf(NET.rack), NET.agent, POOL, ...targets];
  const child = attacker.spawn(process.execPath, ATTACK, ...args);
  let said = "";
  let over = false;
  child.stdout.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  await until("the attack to begin", () => said.includes("up\n"));
  const report = ended(child).then((status) => {
    over = true;
    if (status !== 0) throw new Error(`the attack ended with ${status}: ${said.slice(-2_000)}`);
    return JSON.parse(said.slice(said.indexOf("{"))) as Report;
  });
  return { report, over: () => over };
}

describe("a hostile host on the rack's wire", () => {
  it("keeps no machine of the site from booting in twice its time, and costs no memory", {
    timeout: ATTACK_MS,
  }, async () => {
    const calm = new Map<string, number[]>();
    const attacked = new Map<string, number[]>();
    const bootAll = async (times: Map<string, number[]>): Promise<void> => {
      for (const machine of machines) {
        const [{ name }] = machine;
        times.set(name, [...(times.get(name) ?? []), await boot(machine)]);
      }
    };
    for (let n = 0; n < CALM_BOOTS; n++) await bootAll(calm);
    const before = residentMiB(agent.pid, "VmRSS");
    const { report, over } = await attack();
    const resident: number[] = [];
    while (!over()) {
      await bootAll(attacked);
      resident.push(residentMiB(agent.pid, "VmRSS"));
    }
    const { sent, refused, seconds } = await report;
    const figures = `calm ${words(calm)}, attacked ${words(attacked)}, ${seconds.toFixed(0)} s, ${JSON.stringify(sent)}, refused ${refused}, ${[before, ...resident].map((mib) => mib.toFixed(0)).join(" ")} MiB`;
    process.stdout.write(`${figures}\n`);
    expect(sent).toMatchObject({ starvation: 100_000, garbage: 1_000_000 });
    expect(attacked.size).toBe(machines.length);
    for (const [name, times] of attacked) {
      expect(times.length, figures).toBeGreaterThanOrEqual(3);
      expect(median(times), figures).toBeLessThan(SLOWER * median(calm.get(name) ?? []));
    }
    const half = resident[Math.floor(resident.length / 2)] ?? 0;
    expect(residentMiB(agent.pid, "VmRSS") / half, figures).toBeLessThan(GROWTH);
    expect(agent.status).toBeUndefined();
  });
});

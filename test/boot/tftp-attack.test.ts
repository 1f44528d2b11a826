import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { residentMiB } from "../bench/children.ts";
import { median } from "../bench/outcome.ts";
import { AgentProcess } from "../support/agent-process.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import { Namespace, type PipedChild } from "../support/netns.ts";
import { randomOctets } from "../support/prng.ts";
import { until } from "../support/until.ts";

// A host on the rack's wire asks for files 10 000 times a second from random ports, in the name of a machine of the site and of
// nobody. Another machine reads a file all the while.

const ATTACK = fileURLToPath(new URL("../support/tftp-attack.mjs", import.meta.url));
const FETCH = fileURLToPath(new URL("../support/tftp-fetch.mjs", import.meta.url));
const PER_SECOND = 10_000;
const SECONDS = 12;
const FILE_LEN = 300_001;
const CALM_READS = 5;
/** Reads that must have succeeded while the attack ran. */
const LEAST_READS = 3;
/** The slowest of them; calm ones take a fraction of a second. */
const SLOWEST_MS = 8_000;
/** What the agent has resident at the end, of what it had in the middle. */
const GROWTH = 1.15;

let rack: Namespace;
let wire: Namespace;
let attacker: Namespace;
let reader: Namespace;
let site: BootSite;
let agent: AgentProcess;
const octets = randomOctets(1, FILE_LEN);

beforeAll(async () => {
  rack = await Namespace.create();
  wire = await Namespace.create(rack);
  attacker = await Namespace.create(rack);
  reader = await Namespace.create(rack);
  wire.run("ip", "link", "add", "name", "switch", "up", "type", "bridge");
  for (const [host, name, address] of [
    [rack, NET.rack, NET.cidr],
    [attacker, "eth0", `${NET.u5.ip}/24`],
    [reader, "eth0", `${NET.v100.ip}/24`],
  ] as const) {
    const port = `to${address.split(".")[3]?.split("/")[0]}`;
    host.connect(name, wire, port);
    wire.run("ip", "link", "set", port, "master", "switch");
    host.run("ip", "addr", "add", address, "brd", "+", "dev", name);
  }
  site = new BootSite();
  writeFileSync(path.join(site.dir, "long.bin"), octets);
  agent = await AgentProcess.serve(rack, site.path, NET.rack);
});

afterAll(async () => {
  await agent?.close();
  for (const ns of [reader, attacker, wire, rack]) await ns?.close();
  site?.remove();
});

/** What a child prints, and its status when it has ended. */
function run(child: PipedChild): { said: () => string; ended: Promise<number> } {
  let said = "";
  const take = (piece: Buffer): void => {
    said += piece.toString();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const ended = new Promise<number>((resolve) => {
    child.on("close", (status) => resolve(status ?? -1));
  });
  return { said: () => said, ended };
}

/** Reads the long file so many times; how long each took, ms. `end`: "jump" never acknowledges the last block. */
async function reads(times: number, end: "ack" | "jump"): Promise<readonly number[]> {
  const args = [FETCH, NET.agent, NET.longFile, String(times), end];
  const { said, ended } = run(reader.spawn(process.execPath, ...args));
  const status = await ended;
  if (status !== 0) throw new Error(`the reader failed: ${said()}`);
  const sha256 = createHash("sha256").update(octets).digest("hex");
  return said()
    .trim()
    .split("\n")
    .map((line) => {
      const read = JSON.parse(line) as { octets: number; ms: number; sha256: string };
      expect(read).toMatchObject({ octets: FILE_LEN, sha256 });
      return read.ms;
    });
}

describe("10 000 TFTP requests a second from random ports", () => {
  it("cost bounded memory and few words, and others read their files", {
    timeout: 120_000,
  }, async () => {
    const calm = await reads(CALM_READS, "ack");
    const before = residentMiB(agent.pid, "VmRSS");
    const macs = [attacker.macOf("eth0"), rack.macOf(NET.rack)];
    const what = [NET.agent, NET.u5.ip, NET.longFile, String(PER_SECOND), String(SECONDS)];
    const { said, ended } = run(attacker.spawn(process.execPath, ATTACK, "eth0", ...macs, ...what));
    await until("the attack to begin", () => said().includes("up\n"));
    let over = false;
    const end = ended.then((status) => {
      over = true;
      return status;
    });
    const attacked: number[] = [];
    const resident: number[] = [];
    while (!over) {
      // Those that are never confirmed and those of the flood are soon as many as may run; they must yield.
      attacked.push(...(await reads(1, "jump")));
      resident.push(residentMiB(agent.pid, "VmRSS"));
    }
    expect(await end, said()).toBe(0);
    const lines = agent.journal.filter(({ protocol }) => protocol === "tftp").length;
    const figures = `calm ${calm.join(" ")} ms, attacked ${attacked.join(" ")} ms, ${said().slice(3).trim()}, ${lines} lines, ${[before, ...resident].map((mib) => mib.toFixed(0)).join(" ")} MiB`;
    process.stdout.write(`${figures}\n`);
    expect(said(), figures).toContain(`"sent":${PER_SECOND * SECONDS}`);
    expect(attacked.length, figures).toBeGreaterThanOrEqual(LEAST_READS);
    expect(Math.max(...attacked), figures).toBeLessThan(SLOWEST_MS);
    expect(median(calm), figures).toBeLessThan(SLOWEST_MS);
    const middle = resident[Math.floor(resident.length / 2)] ?? 0;
    expect(residentMiB(agent.pid, "VmRSS") / middle, figures).toBeLessThan(GROWTH);
    // A hundred a second of the machine's own requests, twenty of the others, and what was read.
    expect(lines, figures).toBeLessThan(PER_SECOND);
    expect(agent.status).toBeUndefined();
  });
});

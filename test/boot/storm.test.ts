import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LinkFaults } from "../../agent/cli/storm/faults.ts";
import { StormContent, stormFiles, writeStorm } from "../../agent/cli/storm/files.ts";
import { stormMachines } from "../../agent/cli/storm/fleet.ts";
import { parseMix, spreadMix } from "../../agent/cli/storm/mix.ts";
import type { StormReport } from "../../agent/cli/storm/report.ts";
import { stormSite } from "../../agent/cli/storm/site-text.ts";
import { type MachineBoot, Storm } from "../../agent/cli/storm/storm.ts";
import { startVirtualAgent } from "../support/virtual-agent.ts";
import { VirtualHost } from "../support/virtual-host.ts";
import { virtualClockOf } from "../support/virtual-ports.ts";
import { VirtualWire } from "../support/virtual-wire.ts";

const MAIN = fileURLToPath(new URL("../../dist/agent/main.js", import.meta.url));
if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first (make build)`);

const NETWORK = 0x0a4d0000;
const SIZES = { loader: 20_001, kernel: 150_001, small: 30_001 };
const FILES = stormFiles(SIZES);
const MACHINES = stormMachines(NETWORK, spreadMix(20, parseMix("sun:1,pxe:2,uefi:1,rpi:1")));
const LIMIT_MS = 600_000;

let dir = "";

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "pilotlight-storm-"));
  const address = NETWORK + 1;
  const site = { interfaceName: "eth0", address, prefixLen: 16, files: FILES, machines: MACHINES };
  await writeStorm(dir, stormSite(site), FILES);
});

afterAll(() => rmSync(dir, { recursive: true }));

/** A storm on a virtual wire, with the agent's own services at its other end. `files`: what the machines expect. */
async function storm(
  faults: LinkFaults,
  seed: number,
  files = FILES,
): Promise<readonly MachineBoot[]> {
  const agent = await startVirtualAgent(
    path.join(dir, "site.yaml"),
    Uint8Array.of(2, 0, 0, 0, 0, 1),
  );
  try {
    expect(agent.problems).toEqual([]);
    const card = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 2), address: 0x0a000001 });
    const content = new StormContent(files);
    const clock = virtualClockOf(card);
    const limits = { withinMs: 1_000, timeoutMs: LIMIT_MS };
    const run = new Storm(
      { machines: MACHINES, content, clock, ...limits, faults, seed },
      card.frameLane(),
    );
    let over = false;
    run.run().then(() => {
      over = true;
    });
    const wire = new VirtualWire().join(card, agent.host);
    while (!over) await wire.runAsync(1_000, agent.isBusy);
    return run.machines;
  } finally {
    await agent.stop();
  }
}

describe("a storm on a virtual wire", { timeout: 120_000 }, () => {
  it("boots every machine, and nobody asks twice", async () => {
    const machines = await storm({ loss: 0, reorder: 0 }, 1);
    expect(machines.filter((m) => !m.booted)).toEqual([]);
    const asked = Object.fromEntries(machines.map((m) => [m.name, m.repeats + m.retries.length]));
    expect(Object.values(asked).every((n) => n === 0)).toBe(true);
    for (const m of machines) expect(m.endMs - m.startMs, m.name).toBeLessThan(10_000);
  });

  it.each([1, 2])("boots every machine through loss and reordering, seed %i", async (seed) => {
    const machines = await storm({ loss: 0.05, reorder: 0.05 }, seed);
    expect(machines.filter((m) => !m.booted).map((m) => `${m.name}: ${m.reason}`)).toEqual([]);
    for (const family of ["sun", "pxe", "uefi", "rpi"]) {
      const some = machines.filter((m) => m.family === family);
      expect(
        some.reduce((n, m) => n + m.repeats, 0),
        family,
      ).toBeGreaterThan(0);
    }
  });

  it("finds an octet that is not as expected, and boots nobody who got it", async () => {
    const files = FILES.map((file) => {
      if (file.asset !== "pi-kernel") return file;
      const octets = Uint8Array.from(file.octets);
      octets[29_000] = (octets[29_000] ?? 0) ^ 1;
      return { ...file, octets };
    });
    const machines = await storm({ loss: 0, reorder: 0 }, 1, files);
    for (const m of machines) {
      expect(m.booted, m.name).toBe(m.family !== "rpi");
      if (!m.booted) expect(m.reason).toMatch(/^kernel8\.img: it is not as expected/);
    }
  });
});

/** Runs the built program in its namespaces. */
function run(...args: string[]): Promise<{ status: number; report: StormReport; err: string }> {
  const all = [MAIN, "sim", "storm", "--json", ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, { timeout: 110_000 }, (error, out, err) => {
      const status = typeof error?.code === "number" ? error.code : error ? -1 : 0;
      const line = out.trimEnd().split("\n").at(-1) ?? "";
      if (line === "") reject(new Error(`status ${status}: ${err}`));
      else resolve({ status, report: JSON.parse(line), err });
    });
  });
}

const SMALL = ["--kernel", "128k", "--loader", "32k", "--small", "32k"];

describe("pilotlight sim storm", { timeout: 120_000 }, () => {
  it("boots a hundred machines from an agent of its own", async () => {
    // How fast, and in how much memory, is a measurement: other tests run beside this one.
    const { status, report, err } = await run(
      "-n",
      "100",
      "--ratio",
      "100",
      "--memory",
      "1000",
      ...SMALL,
    );
    expect(err).toBe("");
    expect(report.failures).toEqual([]);
    expect(report.all).toMatchObject({ machines: 100, booted: 100 });
    expect(report.families.pxe).toMatchObject({ machines: 60, booted: 60 });
    expect(report.agent?.memory).toBeGreaterThan(10_000_000);
    expect(status).toBe(0);
  });

  it("boots more PCs at once than the board serves connections, and none begins again", async () => {
    const many = ["-n", "150", "--mix", "pxe:1", "--within", "100ms", "--loader", "4k"];
    const board = ["--board", "raspberry-pi-zero-2-w", "--ratio", "100", "--memory", "1000"];
    const { report } = await run(...many, "--kernel", "1M", ...board);
    expect(report.failures).toEqual([]);
    expect(report.all).toMatchObject({ booted: 150, restarts: 0 });
    expect(report.retries).toEqual([]);
  });

  it("boots them through loss and reordering", async () => {
    const faults = ["--loss", "5%", "--reorder", "5%", "--seed", "7", "--memory", "1000"];
    const { status, report } = await run(
      "-n",
      "100",
      "--loader",
      "8k",
      "--small",
      "8k",
      "--kernel",
      "64k",
      ...faults,
    );
    expect(report.failures).toEqual([]);
    expect(report.all.booted).toBe(100);
    expect(report.framesLost).toBeGreaterThan(0);
    expect(report.framesReordered).toBeGreaterThan(0);
    expect(report.all.retransmissions).toBeGreaterThan(0);
    expect(status).toBe(0);
  });

  it("fails when a limit is broken, though all boot", async () => {
    const { status, report } = await run("-n", "2", "--memory", "1", ...SMALL);
    expect(report.all.booted).toBe(2);
    expect(report.complaints).toEqual([expect.stringMatching(/^the agent took \d+ MB/)]);
    expect(status).toBe(1);
  });
});

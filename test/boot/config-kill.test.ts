import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { KeptConfig } from "../../agent/config/open-config.ts";
import { systemClock } from "../../agent/link/clock.ts";
import { loadSite } from "../../agent/site/load.ts";
import { openDatabase } from "../../agent/state/database.ts";
import { plainTools } from "../support/plain-bundles.ts";
import { prng } from "../support/prng.ts";
import { tempDir } from "../support/temp-dir.ts";

const PROGRAM = fileURLToPath(new URL("../support/apply-bundles.mjs", import.meta.url));
const ROUNDS = 100;
/** One bundle takes some milliseconds: the kill falls into the first few. */
const LONGEST_MS = 40;

/** A process that applies bundles as soon as it is told from which serial number on. */
class Applier {
  /** The last serial numbers that it answered for. */
  applied = 0;
  confirmed = 0;
  private readonly child: ChildProcess;
  private readonly ready: Promise<void>;

  constructor(dir: string) {
    const child = spawn(process.execPath, [PROGRAM, dir], { stdio: ["pipe", "pipe", "inherit"] });
    this.child = child;
    this.ready = new Promise((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [word, serial] = line.split(" ");
        if (word === "ready") resolve();
        if (word === "applied") this.applied = Number(serial);
        if (word === "confirmed") this.confirmed = Number(serial);
      });
    });
  }

  /** Lets it begin, and kills it after so many milliseconds. */
  async run(serial: number, ms: number): Promise<void> {
    await this.ready;
    this.child.stdin?.write(`${serial}\n`);
    await later(ms);
    await this.kill();
  }

  async kill(): Promise<void> {
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

/** What an agent finds at its next start: what it serves, and the highest serial number that it ever accepted. */
async function startAgain(dir: string): Promise<{ current: number; highest: number }> {
  const database = openDatabase({ dir: `${dir}/db` });
  const served: (string | undefined)[] = [];
  const keeper = new KeptConfig({
    database,
    dir: `${dir}/config`,
    bundles: plainTools,
    loadSite,
    siteChanges: () => [],
    serve: async (site) => {
      served.push(site?.name);
    },
    fault: () => undefined,
    clock: systemClock,
    wallMs: Date.now,
    told: () => {},
    changed: () => {},
    crash: (bug) => {
      throw bug;
    },
  });
  await keeper.start();
  const current = keeper.current?.serial ?? 0;
  expect(served.at(-1)).toBe(current === 0 ? undefined : `s${current}`);
  expect(keeper.probation).toBeUndefined();
  for (const { serial, digest, state } of keeper.history()) {
    expect(state).not.toBe("probation");
    expect(state === "running").toBe(serial === current);
    const octets = keeper.octetsOf(serial);
    expect(octets && createHash("sha256").update(octets).digest("hex")).toBe(digest);
  }
  // Who is killed early has no folder yet.
  const kept = existsSync(`${dir}/config`) ? readdirSync(`${dir}/config`) : [];
  expect(kept).toHaveLength(2 * keeper.history().length);
  const { highestSerial: highest } = keeper;
  await keeper.stop();
  await database.close();
  return { current, highest };
}

it("an agent that is killed while it applies bundles serves the old one or the new one", async () => {
  const dir = tempDir();
  const random = prng(20_260_801);
  let serial = 1;
  let current = 0;
  let cut = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const applier = new Applier(dir);
    await applier.run(serial, random() * LONGEST_MS);
    const { applied, confirmed } = applier;
    const found = await startAgain(dir);
    // What was answered holds; what was not may hold.
    expect(found.highest).toBeGreaterThanOrEqual(applied);
    expect(found.current).toBeGreaterThanOrEqual(Math.max(current, confirmed));
    if (found.highest > applied) cut += 1;
    current = found.current;
    serial = Math.max(serial, found.highest + 1);
  }
  expect(current).toBeGreaterThan(0);
  expect(cut).toBeGreaterThan(0);
}, 300_000);

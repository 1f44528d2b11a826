import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import path from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LeasePromises } from "../../support/lease-promises.ts";
import { tempDir } from "../../support/temp-dir.ts";

const KILLS = 1000;
/** Agents that are killed at the same time, each with its own folder. */
const RACKS = 3;
const WORKER = path.resolve("test/unit/agent/addresses/lease-worker.mjs");
/** Machines that ask at the same time, and all of them. */
const IN_FLIGHT = 24;
const MACHINES = 240;
/** The longest that an agent gives addresses, ms. */
const LIFE_MS = 40;
/** The share of those that are killed while they open their database. */
const EARLY = 10;
const EARLY_MS = 200;

describe("an agent that is killed while it gives addresses to many", () => {
  it(`has kept each that it promised over ${KILLS} kills, and gives none twice`, {
    timeout: 600_000,
  }, async () => {
    const racks = Array.from({ length: RACKS }, (_, n) =>
      killing(tempDir(), Math.ceil((KILLS - n) / RACKS)),
    );
    const all = await Promise.all(racks);
    for (const { kills, ready, promises } of all) {
      // Otherwise they were killed before they did anything.
      expect(ready).toBeGreaterThan(kills / 2);
      expect(promises.made).toBeGreaterThan(kills * 5);
      expect(promises.passedOn).toBeGreaterThan(kills);
    }
    expect(all.reduce((sum, { kills }) => sum + kills, 0)).toBe(KILLS);
  });
});

async function killing(
  dir: string,
  kills: number,
): Promise<{ readonly kills: number; readonly ready: number; readonly promises: LeasePromises }> {
  const promises = new LeasePromises();
  let ready = 0;
  for (let kill = 0; kill < kills; kill++) {
    const lines = await killedWorker(dir);
    expect(promises.run(lines), `kill ${kill}`).toEqual([]);
    ready += lines.includes("ready") ? 1 : 0;
  }
  return { kills, ready, promises };
}

/** Whole lines that a worker said until it was killed. */
async function killedWorker(dir: string): Promise<readonly string[]> {
  const args = [WORKER, dir, String(IN_FLIGHT), String(MACHINES)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const speaks = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      resolve();
    });
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  if (randomInt(EARLY) === 0) {
    await later(randomInt(EARLY_MS));
  } else {
    await Promise.race([speaks, ended]);
    await later(randomInt(LIFE_MS));
  }
  child.kill("SIGKILL");
  await ended;
  expect(errors).toBe("");
  expect(child.signalCode).toBe("SIGKILL");
  return out.split("\n").slice(0, -1);
}

import path from "node:path";
import { describe, expect, it } from "vitest";
import { LeasePromises } from "../../support/lease-promises.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { type Kill, killedWorker } from "../support/killed-worker.ts";

const KILLS = 1000;
/** Agents that are killed at the same time, each with its own folder. */
const RACKS = 3;
const WORKER = path.resolve("test/unit/agent/addresses/lease-worker.mjs");
/** Machines that ask at the same time, and all of them. */
const IN_FLIGHT = 24;
const MACHINES = 240;
/** While they give addresses; some while they open their database. */
const KILL: Kill = { lifeMs: 40, early: 10, earlyMs: 200 };

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
    const lines = await killedWorker([WORKER, dir, String(IN_FLIGHT), String(MACHINES)], KILL);
    expect(promises.run(lines), `kill ${kill}`).toEqual([]);
    ready += lines.includes("ready") ? 1 : 0;
  }
  return { kills, ready, promises };
}

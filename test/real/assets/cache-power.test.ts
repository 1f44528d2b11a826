import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { prng } from "../../support/prng.ts";
import { nthCut, type WorkTime } from "../support/power-cuts.ts";
import { type Boot, PowerGuest } from "../support/power-guest.ts";
import { brokenPromises, type Promises, promisesOf } from "./cache-promises.ts";

const CUTS = 20;
const SEED = 20_251_121;
const LIMIT = 30_000_000;
const DISK_LEN: number = 256 * 1024 * 1024;
const WORK: WorkTime = { leastMs: 500, mostMs: 6_000 };
const EVIDENCE = "test-output/real/cache-power";

describe("a cache whose host loses its power", () => {
  it(`is whole after each of ${CUTS} power cuts`, { timeout: 900_000 }, async () => {
    const next = prng(SEED);
    const guest = await PowerGuest.make({
      worker: "test/real/assets/power-worker.mjs",
      packages: ["lmdb", "cbor-x"],
      diskLen: DISK_LEN,
      evidence: EVIDENCE,
    });
    let before: Promises | undefined;
    const keepsThem = (boot: Boot): void => {
      const broken = before ? brokenPromises(before, boot.lines) : [];
      if (broken.length > 0) throw guest.fault(`broke promises: ${broken.join("; ")}`);
    };
    const count = { worked: 0, updated: 0, kept: 0, suspended: 0, resumed: 0, lost: 0 };
    try {
      for (let cut = 0; cut < CUTS; cut++) {
        const args = [String(LIMIT), `${SEED}-${cut}`, "work"];
        const boot = await guest.runUntilCut(args, /^working$/m, nthCut(cut, next, WORK));
        keepsThem(boot);
        before = promisesOf(boot.lines);
        const said = (word: string): number =>
          boot.lines.filter((line) => line.startsWith(`${word} `)).length;
        count.worked += boot.writes > 0 && boot.flushes > 0 ? 1 : 0;
        count.updated += said("updated");
        count.kept += said("kept");
        count.suspended += said("suspended");
        count.resumed += said("resumed");
        count.lost += boot.lost;
      }
      keepsThem(await guest.runToEnd([String(LIMIT), `${SEED}-last`, "last"]));
    } finally {
      await guest.close();
    }
    expect(count.worked).toBe(CUTS);
    expect(count.updated).toBeGreaterThan(CUTS);
    expect(count.kept).toBeGreaterThan(CUTS);
    expect(count.suspended).toBeGreaterThan(0);
    expect(count.resumed).toBeGreaterThan(0);
    // Otherwise the disk was flushed whenever the power failed.
    expect(count.lost).toBeGreaterThan(0);
    rmSync(EVIDENCE, { recursive: true, force: true });
  });
});

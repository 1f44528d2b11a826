import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LeasePromises } from "../../support/lease-promises.ts";
import { type Prng, prng } from "../../support/prng.ts";
import { nthCut, type WorkTime } from "../support/power-cuts.ts";
import { PowerGuest } from "../support/power-guest.ts";

const CUTS = 50;
/** Guests at the same time. */
const GUESTS = 2;
const SEED = 20_261_121;
const DISK_LEN: number = 64 * 1024 * 1024;
const IN_FLIGHT = 12;
const MACHINES = 120;
const WORK: WorkTime = { leastMs: 50, mostMs: 1_000 };
const EVIDENCE = "test-output/real/lease-power";

describe("an agent whose host loses its power", () => {
  it(`has kept each address that it promised over ${CUTS} power cuts, and gives none twice`, {
    timeout: 900_000,
  }, async () => {
    const guests = Array.from({ length: GUESTS }, (_, n) => cutting(n, CUTS / GUESTS));
    const all = await Promise.all(guests);
    const sum = (f: (c: Cuts) => number): number => all.reduce((n, c) => n + f(c), 0);
    expect(sum((c) => c.cuts)).toBe(CUTS);
    // Some are cut off before they wrote anything more.
    expect(sum((c) => c.worked)).toBeGreaterThan(CUTS * 0.8);
    expect(sum((c) => c.promises.made)).toBeGreaterThan(CUTS * 5);
    expect(sum((c) => c.promises.passedOn)).toBeGreaterThan(CUTS);
    // Otherwise the disk was flushed whenever the power failed.
    expect(sum((c) => c.lost)).toBeGreaterThan(0);
    rmSync(EVIDENCE, { recursive: true, force: true });
  });
});

interface Cuts {
  readonly promises: LeasePromises;
  cuts: number;
  /** In which something was written and flushed. */
  worked: number;
  /** Sectors. */
  lost: number;
}

async function cutting(n: number, cuts: number): Promise<Cuts> {
  const next: Prng = prng(SEED + n);
  const guest = await PowerGuest.make({
    worker: "test/unit/agent/addresses/lease-worker.mjs",
    packages: ["lmdb", "cbor-x"],
    diskLen: DISK_LEN,
    evidence: `${EVIDENCE}/${n}`,
  });
  const count: Cuts = { promises: new LeasePromises(), cuts: 0, worked: 0, lost: 0 };
  const keeps = (lines: readonly string[]): void => {
    const broken = count.promises.run(lines);
    if (broken.length > 0) throw guest.fault(`broke promises: ${broken.join("; ")}`);
  };
  const args = [String(IN_FLIGHT), String(MACHINES)];
  try {
    for (; count.cuts < cuts; count.cuts++) {
      const boot = await guest.runUntilCut(args, /^bound /m, nthCut(count.cuts, next, WORK));
      keeps(boot.lines);
      count.worked += boot.writes > 0 && boot.flushes > 0 ? 1 : 0;
      count.lost += boot.lost;
    }
    keeps((await guest.runToEnd([...args, "0"])).lines);
  } finally {
    await guest.close();
  }
  return count;
}

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type FileStep, randomStep } from "../../support/file-ops/file-step.ts";
import { makeLowerRoot } from "../../support/file-ops/lower-root.ts";
import { type Prng, prng } from "../../support/prng.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { nthCut, type WorkTime } from "../support/power-cuts.ts";
import { type Boot, PowerGuest } from "../support/power-guest.ts";
import { Answers } from "./power/answers.ts";
import { LayerPromises } from "./power/layer-promises.ts";

const { POWER_CUTS, POWER_SEED } = process.env;
const CUTS = Number(POWER_CUTS ?? 12);
/** Guests at the same time. */
const GUESTS = 2;
const SEED = Number(POWER_SEED ?? 20_261_122);
const DISK_LEN: number = 96 * 1024 * 1024;
const MACHINES = ["sun1", "sun2", "sun3"];
/** Of each machine, more than it comes to before the power is cut. */
const STEPS = 1_500;
const WORK: WorkTime = { leastMs: 200, mostMs: 4_000 };
const EVIDENCE = "test-output/real/overlay-power";

describe("an agent whose host loses its power while machines write", () => {
  it(`has all that was answered, after each of ${CUTS} power cuts`, {
    timeout: 120_000 + CUTS * 30_000,
  }, async () => {
    const guests = Array.from({ length: GUESTS }, (_, n) => cutting(n, CUTS / GUESTS));
    const all = await Promise.all(guests);
    const sum = (f: (c: Cuts) => number): number => all.reduce((n, c) => n + f(c), 0);
    expect(sum((c) => c.cuts)).toBe(CUTS);
    expect(sum((c) => c.answered)).toBeGreaterThan(CUTS * 10);
    expect(sum((c) => c.answers.wrote)).toBeGreaterThan(CUTS * 10);
    expect(sum((c) => c.answers.stored)).toBeGreaterThan(CUTS);
    // Otherwise the disk was flushed whenever the power failed.
    expect(sum((c) => c.lost)).toBeGreaterThan(0);
    rmSync(EVIDENCE, { recursive: true, force: true });
  });
});

interface Cuts {
  readonly answers: Answers;
  cuts: number;
  /** Steps. */
  answered: number;
  /** Sectors. */
  lost: number;
}

async function cutting(n: number, cuts: number): Promise<Cuts> {
  const next: Prng = prng(SEED + n);
  const { data, steps } = makeData(cuts, next);
  const dir = tempDir();
  const lower = path.join(data, "lower");
  const machines = await Promise.all(MACHINES.map((one) => LayerPromises.make(one, lower, dir)));
  const guest = await PowerGuest.make({
    worker: "test/real/nfs/power/worker.mjs",
    imports: [
      ...["console", "layers", "swap", "uploads"].map((one) => `test/real/nfs/power/${one}.mjs`),
      "test/support/file-ops/tree-steps.mjs",
    ],
    data,
    packages: ["lmdb", "cbor-x", "lru-cache"],
    diskLen: DISK_LEN,
    evidence: `${EVIDENCE}/${n}`,
  });
  const count: Cuts = { answers: new Answers(), cuts: 0, answered: 0, lost: 0 };
  const keeps = async ({ lines }: Boot, did: readonly FileStep[][]): Promise<void> => {
    const broken = [...count.answers.run(lines)];
    for (const [i, one] of machines.entries()) broken.push(...(await one.run(lines, did[i] ?? [])));
    if (broken.length > 0) throw guest.fault(`broke promises:\n${broken.join("\n")}\n`);
  };
  try {
    for (; count.cuts < cuts; count.cuts++) {
      const cut = nthCut(n * cuts + count.cuts, next, WORK);
      const boot = await guest.runUntilCut([String(count.cuts), "work"], /^working$/m, cut);
      await keeps(boot, steps[count.cuts] ?? []);
      count.lost += boot.lost;
    }
    await keeps(await guest.runToEnd([String(cuts), "look"]), []);
  } finally {
    await guest.close();
  }
  count.answered = machines.reduce((sum, one) => sum + one.answered, 0);
  return count;
}

/** The folder of what the guest is given: a root that all machines share, and for each boot what they do. */
function makeData(
  cuts: number,
  next: Prng,
): { readonly data: string; readonly steps: readonly FileStep[][][] } {
  const data = path.join(tempDir(), "data");
  mkdirSync(path.join(data, "lower"), { recursive: true });
  makeLowerRoot(path.join(data, "lower"));
  const steps = Array.from({ length: cuts + 1 }, (_, boot) => {
    const all = MACHINES.map(() => Array.from({ length: STEPS }, () => randomStep(next)));
    const byMachine = Object.fromEntries(MACHINES.map((machine, i) => [machine, all[i]]));
    writeFileSync(path.join(data, `steps-${boot}.json`), JSON.stringify(byMachine));
    return all;
  });
  return { data, steps };
}

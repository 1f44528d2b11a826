import path from "node:path";
import { describe, expect, it } from "vitest";
import { FileExerciser } from "../../../../../support/file-ops/file-exerciser.ts";
import { LocalFiles } from "../../../../../support/file-ops/local-files.ts";
import { copyRoot, makeLowerRoot } from "../../../../../support/file-ops/lower-root.ts";
import { prng } from "../../../../../support/prng.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";
import { overlay } from "./fixture.ts";

const { FSX_SECONDS, FSX_SEED } = process.env;
const SECONDS = Number(FSX_SECONDS ?? 4);
/** Between two comparisons of everything. */
const STEPS = 30;

describe("an overlay, beside a local directory", () => {
  const seed = Number(FSX_SEED ?? Date.now() % 1_000_000);

  it(`is the same after everything at random (FSX_SEED=${seed})`, {
    timeout: SECONDS * 1000 + 20_000,
  }, async () => {
    const o = await overlay();
    makeLowerRoot(o.lowerDir);
    const local = path.join(tempDir(), "local");
    await copyRoot(o.lowerDir, local);
    const random = prng(seed);
    const exerciser = new FileExerciser(o.files, new LocalFiles(local), random);
    await exerciser.compare();
    const endMs = Date.now() + SECONDS * 1000;
    while (Date.now() < endMs) {
      for (let i = 0; i < STEPS; i++) await exerciser.step();
      if (random() < 0.1) await o.files.reopen();
      await exerciser.compare();
    }
    // Otherwise it did nothing but ask for what is not there.
    expect(exerciser.succeeded).toBeGreaterThan(exerciser.count / 10);
  });
});

import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { killedWorker } from "../../../../../real/support/killed-worker.ts";
import { FileExerciser } from "../../../../../support/file-ops/file-exerciser.ts";
import { doStep, type FileStep, randomStep } from "../../../../../support/file-ops/file-step.ts";
import { LocalFiles } from "../../../../../support/file-ops/local-files.ts";
import { copyRoot, makeLowerRoot } from "../../../../../support/file-ops/lower-root.ts";
import { prng } from "../../../../../support/prng.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";
import { type OverlayFixture, overlay } from "./fixture.ts";

const WORKER = path.resolve("test/unit/agent/assets/trees/overlay/overlay-worker.mjs");
const { OVERLAY_KILLS } = process.env;
const KILLS = Number(OVERLAY_KILLS ?? 4);
const STEPS = 10_000;

/** Whether the overlay is as a local directory is after these steps. */
async function matches(o: OverlayFixture, steps: readonly FileStep[]): Promise<string | undefined> {
  const local = path.join(tempDir(), "local");
  await copyRoot(o.lowerDir, local);
  const model = new LocalFiles(local);
  for (const step of steps) await doStep(model, step);
  try {
    await new FileExerciser(o.files, model, prng(0)).compare();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

describe("an overlay whose process is killed", () => {
  it(`has all that was answered, after each of ${KILLS} kills`, {
    timeout: 20_000 + KILLS * 10_000,
  }, async () => {
    let done = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const o = await overlay();
      await o.overlays.close();
      makeLowerRoot(o.lowerDir);
      const random = prng(Date.now() + kill);
      const steps = Array.from({ length: STEPS }, () => randomStep(random));
      const file = path.join(tempDir(), "steps.json");
      writeFileSync(file, JSON.stringify(steps));
      const said = await killedWorker([WORKER, o.stateDir, o.lowerDir, file], {
        lifeMs: 1_500,
        early: 20,
        earlyMs: 300,
      });
      const answered = said.filter((line) => line.startsWith("did ")).length;
      done += answered;
      await o.reopenAfterKill();
      const before = await matches(o, steps.slice(0, answered));
      const after = before && (await matches(o, steps.slice(0, answered + 1)));
      // A write that nobody was told of may be there in part.
      if (steps[answered]?.op !== "write") expect(before && after).toBeUndefined();
      await o.tree.layer.ready();
      const dir = o.overlays.filesOf("sun1/sun", 1);
      // Killed before it wrote into any file, it has none.
      for (const name of existsSync(dir) ? readdirSync(dir) : [])
        expect(name).toMatch(/^[0-9a-f]{8}$/);
    }
    expect(done).toBeGreaterThan(KILLS);
  });
});

import { execFile } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../../../agent/assets/chunk-cache.ts";
import { DirectoryTree } from "../../../../../../agent/assets/trees/directory-tree.ts";
import { Overlays } from "../../../../../../agent/assets/trees/overlay/overlays.ts";
import type { Tree } from "../../../../../../agent/assets/trees/tree.ts";
import { FileExerciser } from "../../../../../support/file-ops/file-exerciser.ts";
import { LocalFiles } from "../../../../../support/file-ops/local-files.ts";
import { TreeFiles } from "../../../../../support/file-ops/tree-files.ts";
import { prng } from "../../../../../support/prng.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";

const { FSX_SECONDS, FSX_SEED } = process.env;
const SECONDS = Number(FSX_SECONDS ?? 4);
const OWNER = { machine: "sun1", profile: "sun" };
const OLD_S = Date.UTC(2001) / 1000;

/** A root that has a bit of everything, by the names that the exerciser uses. */
function makeRoot(dir: string): void {
  for (const name of ["a/b", "b/c/d", "d"]) mkdirSync(path.join(dir, name), { recursive: true });
  for (const [i, name] of ["a/a", "a/b/c", "b/c/a", "b/c/d/b", "c"].entries()) {
    writeFileSync(path.join(dir, name), Buffer.alloc(1 + i * 13_000, 65 + i));
    utimesSync(path.join(dir, name), OLD_S, OLD_S);
  }
  linkSync(path.join(dir, "a/a"), path.join(dir, "b/a"));
  symlinkSync("../c", path.join(dir, "d/a"));
}

async function exercise(seed: number, untilMs: number): Promise<number> {
  const lowerDir = tempDir();
  makeRoot(lowerDir);
  const local = path.join(tempDir(), "local");
  await promisify(execFile)("cp", ["-a", lowerDir, local]);
  const stateDir = tempDir();
  const chunks = new ChunkCache(65_536, 4_000_000);
  let overlays = Overlays.open(stateDir);
  const tree = async (): Promise<Tree> => {
    const lower = await DirectoryTree.open(lowerDir, chunks);
    return overlays.tree(OWNER, 1e9, lower, chunks);
  };
  const ours = new TreeFiles(await tree(), async () => {
    await overlays.close();
    overlays = Overlays.open(stateDir);
    return tree();
  });
  const random = prng(seed);
  const exerciser = new FileExerciser(ours, new LocalFiles(local), random);
  try {
    await exerciser.compare();
    while (Date.now() < untilMs) {
      for (let i = 0; i < 30; i++) await exerciser.step();
      if (random() < 0.1) await ours.reopen();
      await exerciser.compare();
    }
  } finally {
    await overlays.close();
  }
  return exerciser.count;
}

describe("an overlay, beside a local directory", () => {
  const seed = Number(FSX_SEED ?? Date.now() % 1_000_000);

  it(`is the same after everything at random (seed ${seed})`, {
    timeout: SECONDS * 1000 + 20_000,
  }, async () => {
    const untilMs = Date.now() + SECONDS * 1000;
    const count = await exercise(seed, untilMs);
    expect(count).toBeGreaterThan(0);
  });
});

import { execFile } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openDiskCache } from "../../../agent/assets/cache/disk-cache.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { expectIndexResolves, expectWhole } from "../../support/whole-cache.ts";

const WORKER = fileURLToPath(new URL("cache-steps.mjs", import.meta.url));
const LIMIT = 4 * 256 * 1024;
/** Processes at once. */
const LANES = 3;
const NEVER = 1e9;
/** Of the steps, the share after which all is done once more. */
const AGAIN = 4;

/** What a worker printed until its end. */
function run(stateDir: string, step: number, limit = LIMIT): Promise<string[]> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [WORKER, stateDir, String(step), String(limit)],
      (error, out, errors) => {
        if (errors !== "" || (error && error.signal !== "SIGKILL")) reject(error ?? errors);
        else resolve(out.split("\n").slice(0, -1));
      },
    );
  });
}

describe("a cache whose process ends at any step", () => {
  it("is whole, has what was promised, and goes on", { timeout: 180_000 }, async () => {
    const total = Number((await run(tempDir(), NEVER)).at(-1)?.split(" ")[1]);
    expect(total).toBeGreaterThan(100);
    const steps = Array.from({ length: total }, (_, step) => step);
    const lane = async (): Promise<void> => {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) await endedAt(step);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  });
});

async function endedAt(step: number): Promise<void> {
  const stateDir = tempDir();
  const dir = path.join(stateDir, "cache");
  const said = await run(stateDir, step);
  expectIndexResolves(dir);
  const cache = await openDiskCache({ stateDir, limit: LIMIT });
  await expectWhole(cache);
  for (const name of ["a", "b"]) {
    const lines = said.filter((line) => line.includes(` ${name} `)).map((l) => l.split(" "));
    const promised = lines.findLast(([what]) => what === "updated")?.[2];
    const pending = lines.findLast(([what]) => what === "updating")?.[2];
    if (promised) expect([promised, pending]).toContain(cache.asset(name)?.current);
  }
  await cache.close();
  expectIndexResolves(dir);
  if (step % AGAIN !== 0) return;
  // The same again, on what the end left, with room for all: it comes to its end.
  expect((await run(stateDir, NEVER, 2 * LIMIT)).at(-1)).toContain("steps");
}

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * Vitest global set-up of the project "real": a machine that cannot run these tests fails the run
 * once, with what to type. Nothing is skipped.
 */
export function setup(): void {
  const cures: string[] = [];
  const check = spawnSync("test/real/prepare", ["--check"], { encoding: "utf8" });
  if (check.status !== 0) {
    const found = `${check.error?.message ?? ""}${check.stderr ?? ""}`.trim();
    cures.push(`sudo test/real/prepare    # ${found.replaceAll("\n", "; ")}`);
  }
  if (!existsSync("dist/agent/main.js")) {
    cures.push("npm run build    # dist/agent/main.js is not there");
  }
  if (process.getuid?.() !== 0) {
    cures.push("sudo make test-real    # network namespaces need root");
  }
  if (cures.length > 0) {
    throw new Error(`this machine cannot run the real clients yet; type:\n  ${cures.join("\n  ")}`);
  }
}

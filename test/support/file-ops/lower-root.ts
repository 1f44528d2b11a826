import { execFile } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const OLD_S = Date.UTC(2001) / 1000;

/** Makes a root that has a bit of everything, by the names that random steps use. */
export function makeLowerRoot(dir: string): void {
  for (const name of ["a/b", "b/c/d", "d"]) mkdirSync(path.join(dir, name), { recursive: true });
  for (const [i, name] of ["a/a", "a/b/c", "b/c/a", "b/c/d/b", "c"].entries()) {
    writeFileSync(path.join(dir, name), Buffer.alloc(1 + i * 13_000, 65 + i));
    utimesSync(path.join(dir, name), OLD_S, OLD_S);
  }
  linkSync(path.join(dir, "a/a"), path.join(dir, "b/a"));
  symlinkSync("../c", path.join(dir, "d/a"));
}

/** A copy with its dates and links. */
export async function copyRoot(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", from, to]);
}

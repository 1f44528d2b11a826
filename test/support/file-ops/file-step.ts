import { isRefusal } from "../../../agent/assets/trees/tree.ts";
import type { Prng } from "../prng.ts";
import type { Done, FileOps } from "./file-ops.ts";

const NAMES = ["a", "b", "c", "d", "Ä ö", "x".repeat(255)];
const DEPTH = 3;
const MAX_SIZE = 100_000;
const MAX_WRITE = 20_000;

/** One thing to do, as data: it can be noted, sent to another process, and done again. */
export type FileStep =
  | { readonly op: "create" | "mkdir" | "setMode"; readonly path: string; readonly mode: number }
  | {
      readonly op: "write";
      readonly path: string;
      readonly at: number;
      readonly len: number;
      readonly octet: number;
    }
  | { readonly op: "truncate"; readonly path: string; readonly size: number }
  | { readonly op: "setMtime"; readonly path: string; readonly mtimeMs: number }
  | { readonly op: "rmdir" | "remove" | "list"; readonly path: string }
  | { readonly op: "rename" | "link"; readonly path: string; readonly to: string }
  | { readonly op: "symlink"; readonly path: string; readonly target: string }
  | { readonly op: "read"; readonly path: string; readonly at: number };

/** A step that `random` decides. Many of them come to nothing, as there is no such path. */
export function randomStep(random: Prng): FileStep {
  const below = (n: number): number => Math.floor(random() * n);
  const path = randomPath(below);
  const to = randomPath(below);
  const mode = 0o600 + below(0o200);
  const any = below(MAX_SIZE);
  // Half of them where blocks begin.
  const at = below(2) === 0 ? any : any - (any % 4_096);
  const n = below(22);
  if (n < 3) return { op: "create", path, mode };
  if (n < 7) return { op: "write", path, at, len: below(MAX_WRITE), octet: 1 + below(255) };
  if (n < 8) return { op: "truncate", path, size: at };
  if (n < 9) return { op: "setMode", path, mode };
  if (n < 10) return { op: "setMtime", path, mtimeMs: Date.UTC(2000) + below(1e6) * 1000 };
  if (n < 12) return { op: "mkdir", path, mode: 0o700 | mode };
  if (n < 13) return { op: "rmdir", path };
  if (n < 15) return { op: "remove", path };
  if (n < 18) return { op: "rename", path, to };
  if (n < 19) return { op: "link", path, to };
  if (n < 20) return { op: "symlink", path, target: to };
  if (n < 21) return { op: "list", path };
  return { op: "read", path, at };
}

/** Does a step, and tells what came of it. */
export async function doStep(files: FileOps, s: FileStep): Promise<unknown> {
  switch (s.op) {
    case "create":
      return files.create(s.path, s.mode);
    case "mkdir":
      return files.mkdir(s.path, s.mode);
    case "setMode":
      return files.setMode(s.path, s.mode);
    case "write":
      return files.write(s.path, s.at, new Uint8Array(s.len).fill(s.octet));
    case "truncate":
      return files.truncate(s.path, s.size);
    case "setMtime":
      return files.setMtime(s.path, s.mtimeMs);
    case "rmdir":
      return files.rmdir(s.path);
    case "remove":
      return files.remove(s.path);
    case "rename":
      return whether(files.rename(s.path, s.to));
    case "link":
      return whether(files.link(s.path, s.to));
    case "symlink":
      return files.symlink(s.path, s.target);
    case "list":
      return files.list(s.path);
    case "read":
      return files.read(s.path, s.at, 8_192);
  }
}

/** A step in one line. */
export function stepText(step: FileStep): string {
  const words = Object.values(step).map((word) => String(word).replaceAll("x".repeat(255), "XX"));
  return words.join(" ");
}

/** Of two paths that are both wrong, either may be complained of. */
async function whether(done: Done): Promise<"done" | "refused"> {
  return isRefusal(await done) ? "refused" : "done";
}

function randomPath(below: (n: number) => number): string {
  const parts = Array.from({ length: 1 + below(DEPTH) }, () => NAMES[below(NAMES.length)]);
  return parts.join("/");
}

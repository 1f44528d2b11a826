import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { programPath } from "../programs.ts";

/** The sources lie in the clone, beside this file's own. */
const SOURCES = join(process.cwd(), "test/bench/files");
const FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"];

/** What the bench compiles: paths of programs. */
export interface Compiled {
  readonly load: string;
  readonly limit: string;
}

/** Makes a folder of them. */
export function compile(dir: string): Compiled {
  mkdirSync(dir);
  return {
    load: build(join(dir, "load"), ["load.c", "load-tftp.c", "load-nfs.c"]),
    limit: build(join(dir, "limit"), ["limit.c"]),
  };
}

function build(program: string, sources: readonly string[]): string {
  const files = sources.map((name) => join(SOURCES, name));
  execFileSync(programPath("cc"), [...FLAGS, "-o", program, ...files], { stdio: "inherit" });
  return program;
}

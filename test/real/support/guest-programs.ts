import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";

/** Room for a disk of programs beside what is on it: tables of ext4 and growth. */
const SPARE_KIB = 16_384;

/** What a guest runs. */
export interface GuestPrograms {
  /** The program that it runs, a file of this repository: `node FILE ARGUMENTS`. Its disk is at /state. */
  readonly worker: string;
  /** Other files of this repository that the worker imports. */
  readonly imports?: readonly string[];
  /** A folder that it finds as /app/data, with its dates and links. */
  readonly data?: string;
  /** Packages that the worker and `dist/` need. */
  readonly packages: readonly string[];
}

/**
 * Makes a read-only disk with this host's node and its libraries, `dist/`, a worker and the packages that they need, all of it
 * under /app as it is in this repository. Returns its file, in `dir`.
 */
export function makeProgramsDisk(dir: string, programs: GuestPrograms): string {
  const { worker, imports = [], data, packages } = programs;
  const root = path.join(dir, "programs");
  for (const folder of ["bin", "dev", "proc", "state", "tmp", "app"]) {
    mkdirSync(path.join(root, folder), { recursive: true });
  }
  const node = realpathSync(process.execPath);
  copy(node, path.join(root, "bin/node"));
  for (const library of librariesOf(node)) copy(realpathSync(library), path.join(root, library));
  for (const one of ["package.json", "dist", worker, ...imports]) {
    copy(one, path.join(root, "app", one));
  }
  if (data !== undefined) execFileSync("cp", ["-a", data, path.join(root, "app/data")]);
  for (const one of withDependencies(packages)) {
    copy(realpathSync(one), path.join(root, "app", one));
  }
  const image = path.join(dir, "programs.img");
  const used = Number(execFileSync("du", ["-sk", root], { encoding: "utf8" }).split("\t")[0]);
  const made = ["-q", "-t", "ext4", "-O", "^has_journal", "-d", root, image];
  execFileSync("mke2fs", [...made, `${used + SPARE_KIB}k`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return image;
}

function copy(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter: (file) => !file.endsWith(".map") });
}

/** Paths of the shared libraries that a program needs, and of its loader. */
function librariesOf(program: string): string[] {
  const said = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...said.matchAll(/(\/\S+) \(0x/g)].map(([, file = ""]) => file);
}

/** Folders of packages and of all that those depend on, where node looks for them. */
function withDependencies(packages: readonly string[]): string[] {
  const found = new Set<string>();
  const next = packages.map((name) => path.join("node_modules", name));
  for (let folder = next.pop(); folder !== undefined; folder = next.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const needs = { ...manifest.dependencies, ...manifest.optionalDependencies };
    for (const name of Object.keys(needs)) {
      const at = [path.join(folder, "node_modules", name), path.join("node_modules", name)];
      const there = at.find((one) => existsSync(path.join(one, "package.json")));
      // What is for another processor is not installed.
      if (there !== undefined) next.push(there);
    }
  }
  return [...found];
}

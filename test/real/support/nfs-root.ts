import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Lab } from "./lab.ts";
import { BUSYBOX, NFSROOT_X86_64 } from "./products.ts";

/** Programs for guests, in C: `test/real/nfs/guest/`. */
const PROGRAMS = ["exerciser", "file-work"];

/** What `file-work` expects below /work. */
const WORK: Readonly<Record<string, string>> = {
  "shared.txt": "shared\n",
  "overwritten.txt": "theirs, and more of it\n",
  "cut.txt": "cut off\n",
  "replaced.txt": "to be replaced\n",
  "moved.txt": "moved\n",
  "doomed.txt": "doomed\n",
  "target.txt": "target\n",
  "modes.txt": "modes\n",
  "times.txt": "times\n",
  "old-dir/within.txt": "within\n",
  "gone-dir/a.txt": "a\n",
};

/** Goes before every init: a console, all of busybox, and memory at /tmp. */
const PROLOGUE = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
exec >/dev/console 2>&1 </dev/console
`;

/**
 * A root file system of a test's own: the lab's, every applet of busybox, the programs of `nfs/guest/`, and what they work on.
 * `init`: lines of shell that run in place of the lab's; `files`: further ones. Returns its folder.
 */
export function makeNfsRoot(
  lab: Lab,
  init: string,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): string {
  const root = path.join(lab.scratch, "root");
  cpSync(NFSROOT_X86_64, root, { recursive: true, verbatimSymlinks: true });
  for (const applet of execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).split("\n")) {
    if (applet !== "" && applet !== "busybox") link(path.join(root, "bin", applet));
  }
  for (const program of PROGRAMS) {
    const source = path.join("test/real/nfs/guest", `${program}.c`);
    const compiled = path.join(root, "bin", program);
    execFileSync("gcc", ["-static", "-O1", "-Wall", "-Werror", "-s", "-o", compiled, source]);
  }
  const work = Object.entries(WORK).map(([name, text]) => [`work/${name}`, text] as const);
  for (const [name, content] of [...work, ...Object.entries(files)]) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  writeFileSync(path.join(root, "sbin/init"), PROLOGUE + init);
  chmodSync(path.join(root, "sbin/init"), 0o755);
  return root;
}

/** The lab's root has a few of these. */
function link(file: string): void {
  try {
    symlinkSync("busybox", file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** `ip=…` of the kernel's command line for one that asks nobody who it is. */
export function fixedAddress(ip: string): string {
  return `ip=${ip}::192.168.77.1:255.255.255.0::eth0:off`;
}

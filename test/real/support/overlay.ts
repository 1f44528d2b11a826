import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import type { Lab } from "./lab.ts";

const MAIN: string = resolve("dist/agent/main.js");

/** What `pilotlight overlay ARGS` prints about this lab's agent; throws when it fails. */
export function overlayCommand(lab: Lab, ...args: string[]): string {
  const command = [MAIN, "overlay", ...args, "--state", lab.scratch];
  return execFileSync(process.execPath, command, { encoding: "utf8" });
}

/** A digest of a folder: names, modes, owners, times and octets of all that is in it. */
export function treeDigest(folder: string): string {
  const tar =
    'tar --sort=name --format=posix --pax-option=delete=atime,delete=ctime -cf - -C "$0" .';
  return execFileSync("sh", ["-c", `${tar} | sha256sum`, folder], { encoding: "utf8" });
}

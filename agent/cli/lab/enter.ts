import { spawn } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { CommandHost } from "../host.ts";
import { diagnose, missingProgram, readNamespaceSettings } from "./diagnosis.ts";
import { run, withSystemPath } from "./run.ts";

/** The descriptor of the lifeline in the inner process. */
export const LIFELINE_FD = 3;

const UNSHARE = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
const AS_ROOT_INSIDE = ["--user", "--map-root-user"];
const GRACE_MS = 3_000;
const FAILED = 1;

/** The network namespace that this process is in, as the kernel names it: "net:[4026531840]". */
export function ownNamespace(): string {
  return readlinkSync("/proc/self/ns/net");
}

/**
 * Runs the lab once more inside private namespaces, and returns when that has ended.
 *
 * The inner process is the first of its own process namespace: whatever it started dies with it. It dies when it is done,
 * when the lifeline (a pipe that only we hold) is closed, and when `unshare` is killed. So nothing is left however this
 * process ends, SIGKILL included.
 *
 * @param command the command's words and its options as the user gave them; it is run with --inside and --scratch added
 */
export async function enterNamespaces(
  host: CommandHost,
  command: readonly string[],
): Promise<void> {
  const env = withSystemPath(host.env);
  const flags = await unshareFlags(host, env);
  const scratch = mkdtempSync(path.join(tmpdir(), "pilotlight-lab-"));
  const inner = [host.entry, ...command, "--inside", ownNamespace(), "--scratch", scratch];
  try {
    const child = spawn("unshare", [...flags, process.execPath, ...inner], {
      env,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    const lifeline = child.stdio[LIFELINE_FD];
    lifeline?.on("error", () => {}); // the other end is gone: so is the lab
    const ended = new Promise<number | null>((resolve) => {
      child.on("error", () => resolve(null));
      child.on("close", (status) => resolve(status));
    });
    let stopping = false;
    host.onStopSignal(() => {
      stopping = true;
      lifeline?.destroy();
      setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
    });
    const status = await ended;
    if (status === null && !stopping) host.stderr.write("the lab was killed from outside\n");
    host.setExitStatus(status ?? FAILED);
  } finally {
    if (host.stdout.isTTY) host.stdout.write("\x1b[?25h"); // the inner one may have died without
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The flags that work here, found by trying. Throws E_NAMESPACE. */
async function unshareFlags(
  { isRoot }: CommandHost,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  for (const program of ["ip", "mount", "nsenter", "taskset"]) {
    const found = await run(program, [program === "ip" ? "-Version" : "--version"], env);
    if (found.missing) throw missingProgram(program);
  }
  const ways = isRoot
    ? [UNSHARE, [...AS_ROOT_INSIDE, ...UNSHARE]]
    : [[...AS_ROOT_INSIDE, ...UNSHARE]];
  let complaint = "";
  for (const flags of ways) {
    // Making one takes a right that AppArmor can leave while it takes those away that make it useful.
    const tried = await run("unshare", [...flags, "ip", "link", "set", "lo", "up"], env);
    if (tried.missing) throw missingProgram("unshare");
    if (tried.ok) return flags;
    complaint ||= tried.complaint;
  }
  throw diagnose(complaint, isRoot, readNamespaceSettings());
}

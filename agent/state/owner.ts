import { readFileSync } from "node:fs";

/** Fields of `/proc/PID/stat` after the command's name; the start time is the 22nd of all (proc(5)). */
const START_TIME = 19;

/**
 * A name for a process that no other process has, before or after a restart of the host: `BOOT:PID:START`.
 *
 * Records that a process makes while it works on something carry it, so that another process can tell a job that goes on
 * from one that a crash cut off.
 */
export function processOwner(): string {
  return `${bootId()}:${process.pid}:${startTime(process.pid) ?? 0}`;
}

/** Whether the process that `owner` names is running now. */
export function ownerAlive(owner: string): boolean {
  const [boot, pid, start] = owner.split(":");
  if (boot !== bootId()) return false;
  return startTime(Number(pid)) === Number(start);
}

/** Whether `owner` ran since the host was started last: what it wrote is then complete, with no power cut in between. */
export function sameBoot(owner: string): boolean {
  return owner.split(":", 1)[0] === bootId();
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return boot;
}

/** Clock ticks since the host started; undefined: there is no such process. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name is in brackets and may hold blanks and brackets of its own.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[START_TIME]);
  } catch {
    return undefined;
  }
}

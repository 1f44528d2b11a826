import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import type { PipedChild } from "../support/netns.ts";

const PATIENCE_MS = 120_000;
/** From the signal to end until the one that cannot be refused. */
const GRACE_MS = 10_000;

/** The processes that a bench started, so that none outlives it. */
export class Children {
  private readonly running = new Set<ChildProcess>();

  own<T extends ChildProcess>(child: T): T {
    this.running.add(child);
    child.once("close", () => this.running.delete(child));
    return child;
  }

  /** Ends one of them and waits until it has. */
  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await closed;
    clearTimeout(patience);
  }

  async endAll(): Promise<void> {
    for (const child of this.running) await this.end(child);
  }
}

/** What a command prints; rejects when its status is none of `fine`. */
export async function output(child: PipedChild, fine: readonly number[] = [0]): Promise<string> {
  let out = "";
  let err = "";
  child.stdout.on("data", (piece) => {
    out += piece;
  });
  child.stderr.on("data", (piece) => {
    err += piece;
  });
  const [status] = await once(child, "close");
  if (!fine.includes(status)) {
    throw new Error(`${child.spawnargs.join(" ")}: status ${status}: ${err}`);
  }
  return out;
}

/** Waits until something holds; looks every few milliseconds. */
export async function waitFor(what: () => string, found: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!found()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what()}`);
    await later(2);
  }
}

/** Its VmHWM begins anew with what is resident now (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Resident memory of a process, MiB: now (VmRSS), or the most it had since `forgetPeak`, or ever (VmHWM). */
export function residentMiB(pid: number, line: "VmRSS" | "VmHWM"): number {
  const status = readText(`/proc/${pid}/status`);
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
}

/** A file's text; none when it is not there. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

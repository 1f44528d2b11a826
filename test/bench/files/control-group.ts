import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { readText } from "../children.ts";

/** What a server and all of its processes had in memory, MiB. */
export interface Memory {
  /** What they share is counted once (proportional set size). */
  readonly pss: number;
  /** What they share is counted for each of them, as `top` shows it. */
  readonly rss: number;
}

/** Enters a group, then becomes the command behind it. */
const ENTER = ["sh", "-c", 'echo $$ > "$0" && exec "$@"'];

/**
 * A server with all the processes that it ever starts, as the kernel's control group (version 2): processor time of children that
 * have ended counts, even when nobody waited for them, as in.tftpd does not.
 */
export class ControlGroup {
  private readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Throws when there are no groups of version 2, or when who runs us may not make one. */
  static create(name: string): ControlGroup {
    const mount = mountOf(readText("/proc/mounts"));
    if (mount === undefined) throw new Error("no control groups of version 2 are mounted");
    const dir = join(mount, `pilotlight-bench-${process.pid}-${name}`);
    mkdirSync(dir);
    return new ControlGroup(dir);
  }

  /** A command that runs another one inside. */
  entered(argv: readonly string[]): readonly string[] {
    return [...ENTER, join(this.dir, "cgroup.procs"), ...argv];
  }

  /** Seconds, user and system, of all processes that were ever in it. */
  cpuSeconds(): number {
    return cpuSecondsOf(readFileSync(join(this.dir, "cpu.stat"), "utf8"));
  }

  /** Of its processes. */
  pids(): readonly number[] {
    return readText(join(this.dir, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
  }

  memory(): Memory {
    const all = this.pids().map((pid) => memoryOf(readText(`/proc/${pid}/smaps_rollup`)));
    const sum = (of: (m: Memory) => number): number => all.reduce((n, m) => n + of(m), 0);
    return { pss: sum((m) => m.pss), rss: sum((m) => m.rss) };
  }

  /** When its processes have ended. */
  remove(): void {
    rmdirSync(this.dir);
  }
}

/** Where groups of version 2 are, by /proc/mounts. */
export function mountOf(mounts: string): string | undefined {
  const lines = mounts.split("\n").map((line) => line.split(" "));
  return lines.find(([, , type]) => type === "cgroup2")?.[1];
}

/** Reads cpu.stat. */
export function cpuSecondsOf(stat: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1e6;
}

/** Reads a process's smaps_rollup; nothing when it has ended. */
export function memoryOf(rollup: string): Memory {
  const mib = (line: string): number =>
    Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1] ?? 0) / 1024;
  return { pss: mib("Pss"), rss: mib("Rss") };
}

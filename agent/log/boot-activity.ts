import { LRUCache } from "lru-cache";
import type { Journal, JournalStep } from "./journal.ts";

/** A machine that was served nothing for this long has booted, or given up, ms. */
const QUIET_MS = 30_000;
/** A machine that is served without a pause for this long has booted and runs from its NFS root, ms. */
const LONGEST_BOOT_MS = 30 * 60_000;
/** Machines remembered; the one heard longest ago makes room. */
const MAX_MACHINES = 4_096;

interface Heard {
  readonly machine: string;
  readonly sinceMs: number;
  lastMs: number;
}

/**
 * Which machines are booting just now, as the journal tells: those that were served something in the last half minute.
 *
 * What may wait (a newer version of an asset, a scrub of the disk) waits while one is.
 */
export class BootActivity {
  private readonly heard = new LRUCache<string, Heard>({ max: MAX_MACHINES });
  private readonly now: () => number;
  private readonly unfollow: () => void;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(journal: Journal, now: () => number) {
    this.now = now;
    this.unfollow = journal.follow((step) => this.take(step));
  }

  /** Names of the machines, the one heard longest ago first. */
  machines(): readonly string[] {
    const nowMs = this.now();
    const machines: string[] = [];
    for (const heard of this.heard.rvalues()) {
      if (!heard || nowMs - heard.lastMs >= QUIET_MS) continue;
      if (nowMs - heard.sinceMs < LONGEST_BOOT_MS) machines.push(heard.machine);
    }
    return machines;
  }

  running(): boolean {
    return this.machines().length > 0;
  }

  stop(): void {
    this.unfollow();
  }

  private take({ machine, outcome, protocol }: JournalStep): void {
    if (machine === null || outcome === "silent" || protocol === "agent") return;
    const nowMs = this.now();
    const known = this.heard.get(machine);
    if (known && nowMs - known.lastMs < QUIET_MS) known.lastMs = nowMs;
    else this.heard.set(machine, { machine, sinceMs: nowMs, lastMs: nowMs });
  }
}

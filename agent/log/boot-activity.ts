import type { Journal, JournalEntry } from "./journal.ts";

/** A machine that was served nothing for this long has booted, or given up, ms. */
const QUIET_MS = 30_000;
/** A machine that is served without a pause for this long has booted and runs from its NFS root, ms. */
const LONGEST_BOOT_MS = 30 * 60_000;
/** Machines remembered; the one heard longest ago makes room. */
const MAX_MACHINES = 4_096;

/**
 * Which machines are booting just now, as the journal tells: those that were served something in the last half minute.
 *
 * What may wait (a newer version of an asset, a scrub of the disk) waits while one is.
 */
export class BootActivity {
  private readonly heard = new Map<string, { readonly sinceMs: number; readonly lastMs: number }>();
  private readonly now: () => number;
  private readonly unfollow: () => void;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(journal: Journal, now: () => number) {
    this.now = now;
    this.unfollow = journal.follow((entry) => this.take(entry));
  }

  /** Names of the machines, the one heard longest ago first. */
  machines(): readonly string[] {
    this.forget();
    const nowMs = this.now();
    return [...this.heard]
      .filter(([, { sinceMs }]) => nowMs - sinceMs < LONGEST_BOOT_MS)
      .map(([machine]) => machine);
  }

  running(): boolean {
    return this.machines().length > 0;
  }

  stop(): void {
    this.unfollow();
  }

  private take({ machine, outcome, protocol }: JournalEntry): void {
    if (machine === null || outcome === "silent" || protocol === "agent") return;
    this.forget();
    const nowMs = this.now();
    const sinceMs = this.heard.get(machine)?.sinceMs ?? nowMs;
    this.heard.delete(machine);
    this.heard.set(machine, { sinceMs, lastMs: nowMs });
    if (this.heard.size <= MAX_MACHINES) return;
    const oldest = this.heard.keys().next().value;
    if (oldest !== undefined) this.heard.delete(oldest);
  }

  private forget(): void {
    for (const [machine, { lastMs }] of this.heard) {
      if (this.now() - lastMs < QUIET_MS) return;
      this.heard.delete(machine);
    }
  }
}

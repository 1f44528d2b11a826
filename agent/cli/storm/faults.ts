import { fraction } from "./random.ts";

/** What a bad link does to frames, in either direction; shares of 1. */
export interface LinkFaults {
  readonly loss: number;
  /** Held for so long that others overtake it. */
  readonly reorder: number;
}

/** What happens to one frame. */
export type Fate = "passes" | "lost" | "late";

/** Frames that wait at once at most: more than come in while one is late would be a queue, and no bad link. */
const MOST_LATE = 4_096;
/** How late is late, ms: beyond the frames that follow it, below every firmware's patience. */
const LEAST_LATE_MS = 1;
const MOST_LATE_MS = 20;

interface Late<T> {
  readonly dueMs: number;
  readonly frame: T;
}

/** A link that loses frames and lets them overtake each other, as the random numbers say. */
export class BadLink<T> {
  lost = 0;
  reordered = 0;
  private readonly faults: LinkFaults;
  private readonly random: () => number;
  private waiting: Late<T>[] = [];

  constructor(faults: LinkFaults, random: () => number) {
    this.faults = faults;
    this.random = random;
  }

  /** Decides about the next frame; one that is late has to be given to `hold`. */
  fate(): Fate {
    const { loss, reorder } = this.faults;
    if (loss === 0 && reorder === 0) return "passes";
    const chance = fraction(this.random);
    if (chance < loss || this.waiting.length >= MOST_LATE) {
      this.lost += 1;
      return "lost";
    }
    if (chance >= loss + reorder) return "passes";
    this.reordered += 1;
    return "late";
  }

  hold(frame: T, nowMs: number): void {
    const span = MOST_LATE_MS - LEAST_LATE_MS;
    this.waiting.push({ dueMs: nowMs + LEAST_LATE_MS + fraction(this.random) * span, frame });
  }

  /** Takes those that are late enough by now, the earliest first. */
  due(nowMs: number): readonly T[] {
    if (this.waiting.length === 0) return [];
    const due = this.waiting.filter((late) => late.dueMs <= nowMs);
    if (due.length === 0) return [];
    this.waiting = this.waiting.filter((late) => late.dueMs > nowMs);
    return due.sort((a, b) => a.dueMs - b.dueMs).map((late) => late.frame);
  }
}

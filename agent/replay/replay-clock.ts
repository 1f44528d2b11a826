import type { Clock } from "../link/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** The capture's time as the services' clock: it stands still between frames and never waits. */
export class ReplayClock implements Clock {
  private nowMs = 0;
  private readonly timers: Set<Timer> = new Set();

  now(): number {
    return this.nowMs;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { dueMs: this.nowMs + ms, fn };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /**
   * Goes on to `toMs`; what is due on the way is done in its order, and `settle` awaited after each. Captures that were
   * merged may go back in time, and the clock does not.
   */
  async advance(toMs: number, settle: () => Promise<void>): Promise<void> {
    for (let next = this.next(toMs); next !== undefined; next = this.next(toMs)) {
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.fn();
      await settle();
    }
    this.nowMs = Math.max(this.nowMs, toMs);
  }

  private next(toMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.dueMs <= toMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  }
}

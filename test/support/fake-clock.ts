import type { Clock } from "../../agent/link/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** A clock that stands still until a test runs it. */
export class FakeClock implements Clock {
  private nowMs = 1_000;
  private readonly timers = new Set<Timer>();

  now(): number {
    return this.nowMs;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { dueMs: this.nowMs + ms, fn };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Timers that are set: 0 when nothing was forgotten. */
  get pending(): number {
    return this.timers.size;
  }

  /** Lets `ms` pass and calls what falls due, in order. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next || next.dueMs > endMs) break;
      this.timers.delete(next);
      this.nowMs = next.dueMs;
      next.fn();
    }
    this.nowMs = endMs;
  }
}

import type { AgentEvent } from "../messages.ts";

/** Events that wait for one reader; what does not fit is left out, and counted where it would have been. */
export class EventQueue {
  private readonly events: AgentEvent[] = [];
  private readonly limit: number;
  private readonly time: () => string;
  private missed = 0;
  private ended = false;
  private wake: () => void = () => {};

  /** `time`: now, ISO 8601. */
  constructor(limit: number, time: () => string) {
    this.limit = limit;
    this.time = time;
  }

  push(event: AgentEvent): void {
    if (this.ended) return;
    if (this.events.length >= this.limit) {
      this.missed += 1;
      return;
    }
    this.tellMissed();
    this.events.push(event);
    this.wake();
  }

  /** No more events come; those that wait are given out still. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  /** The next event, when there is one; undefined after the end. One reader at a time. */
  async next(): Promise<AgentEvent | undefined> {
    for (;;) {
      if (this.events.length === 0) this.tellMissed();
      const event = this.events.shift();
      if (event || this.ended) return event;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private tellMissed(): void {
    if (this.missed === 0) return;
    this.events.push({ type: "missed", time: this.time(), events: this.missed });
    this.missed = 0;
  }
}

/**
 * A stage of a boot, written as a generator: it reads like the firmware's own source.
 *
 * It yields the absolute time in milliseconds until which it wants to wait, and is resumed when a frame has arrived or that
 * time has passed; it finds out which by looking at its inboxes and at the clock. Stages call each other by `yield*`.
 */
export type BootScript<T> = Generator<number, T, void>;

/** Ends a boot: thrown by a stage, turned into the `failed` event by `BootMachine`. */
export class BootFailure extends Error {
  /** "rarp", "tftp", "dhcp", … */
  readonly stage: string;

  constructor(stage: string, reason: string) {
    super(reason);
    this.name = "BootFailure";
    this.stage = stage;
  }
}

/** The clock as scripts see it: advanced by the machine before each resumption. */
export interface ScriptClock {
  nowMs: number;
}

/** What has arrived for a script and was not yet taken. */
export class Inbox<T> {
  private readonly items: T[] = [];
  private readonly clock: ScriptClock;
  private readonly limit: number;

  /** Beyond `limit` waiting items the newest are dropped, as a receive ring does it. */
  constructor(clock: ScriptClock, limit = 64) {
    this.clock = clock;
    this.limit = limit;
  }

  push(item: T): void {
    if (this.items.length < this.limit) this.items.push(item);
  }

  get isEmpty(): boolean {
    return this.items.length === 0;
  }

  clear(): void {
    this.items.length = 0;
  }

  /** The oldest item, waiting for one until the absolute time `untilMs`; undefined when none came. */
  *take(untilMs: number): BootScript<T | undefined> {
    for (;;) {
      const item = this.items.shift();
      if (item !== undefined) return item;
      if (this.clock.nowMs >= untilMs) return undefined;
      yield untilMs;
    }
  }
}

/** Waits until the absolute time, whatever arrives. */
export function* pause(clock: ScriptClock, untilMs: number): BootScript<void> {
  while (clock.nowMs < untilMs) yield untilMs;
}

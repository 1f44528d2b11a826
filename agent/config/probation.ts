import type { Clock } from "../link/clock.ts";

/** How often it is looked whether the host still has what the site needs, ms. */
const LOOK_MS = 1_000;
/** A cable that is plugged anew, or a switch that negotiates, is away for so long without being a failure, ms. */
const PATIENCE_MS = 4_000;

/** What a probation is made of. Times are monotonic milliseconds. */
export interface ProbationInput {
  readonly lengthMs: number;
  readonly clock: Clock;
  /** Why what was applied does not work on this host; undefined: it does. */
  readonly fault: () => string | undefined;
  /** It has failed; called once. */
  readonly failed: (why: string) => void;
  /** Its time is over and nothing failed; called once. */
  readonly over: () => void;
}

/** Watches over a configuration that is being tried, until its time is over. */
export class Probation {
  private readonly o: ProbationInput;
  private readonly endMs: number;
  private faultSinceMs: number | undefined;
  private cancel: (() => void) | undefined;

  constructor(input: ProbationInput) {
    this.o = input;
    this.endMs = input.clock.now() + input.lengthMs;
    this.wait();
  }

  get endsInMs(): number {
    return Math.max(0, Math.round(this.endMs - this.o.clock.now()));
  }

  end(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private wait(): void {
    const ms = Math.min(LOOK_MS, Math.max(1, this.endMs - this.o.clock.now()));
    this.cancel = this.o.clock.after(ms, () => this.look());
  }

  private look(): void {
    const { clock, fault, failed, over } = this.o;
    this.cancel = undefined;
    const nowMs = clock.now();
    const why = fault();
    if (why === undefined) this.faultSinceMs = undefined;
    else this.faultSinceMs ??= nowMs;
    const lastsMs = this.faultSinceMs === undefined ? 0 : nowMs - this.faultSinceMs;
    if (why !== undefined && (lastsMs >= PATIENCE_MS || nowMs >= this.endMs)) failed(why);
    else if (nowMs >= this.endMs) over();
    else this.wait();
  }
}

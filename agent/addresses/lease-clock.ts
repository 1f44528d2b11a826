import type { LeaseSeconds } from "./lease.ts";

/** What is kept with the leases, so that their time goes on over a restart. */
export interface ClockMark {
  readonly leaseS: LeaseSeconds;
  /** The host's clock at that moment, milliseconds since 1970; undefined when it could not be right. */
  readonly wallMs: number | undefined;
}

/** No agent is off for longer than this and comes back to a rack that still counts its leases, s. */
const LONGEST_OFF_S: number = 10 * 365 * 86_400;

/**
 * The time that leases run by.
 *
 * While the agent runs it follows the monotonic clock, so that no jump of the host's clock ends a lease or prolongs it. Over a
 * restart it goes on by as much as the host's clock says that has passed. A host without a battery wakes in 1970: then nothing
 * is known of how long it was off, leases stay as they were, and the time that was missed is made up for as soon as the host's
 * clock is right.
 */
export class LeaseClock {
  private readonly now: () => number;
  private readonly wallMs: () => number | undefined;
  private readonly startMs: number;
  private baseS: LeaseSeconds;
  /** The mark of the last run, as long as the time since is not known. */
  private owed: { readonly leaseS: LeaseSeconds; readonly wallMs: number } | undefined;

  /** `now`: milliseconds of a monotonic clock. `wallMs`: of the host's, undefined while it cannot be right. */
  constructor(mark: ClockMark | undefined, now: () => number, wallMs: () => number | undefined) {
    this.now = now;
    this.wallMs = wallMs;
    this.startMs = now();
    this.baseS = mark?.leaseS ?? 0;
    if (mark?.wallMs !== undefined) this.owed = { leaseS: mark.leaseS, wallMs: mark.wallMs };
    this.makeUp();
  }

  /** Never less than before. */
  seconds(): LeaseSeconds {
    if (this.owed) this.makeUp();
    return this.baseS + this.ranS();
  }

  /** To be kept with what is written now. */
  mark(): ClockMark {
    return { leaseS: this.seconds(), wallMs: this.wallMs() };
  }

  private ranS(): number {
    return (this.now() - this.startMs) / 1000;
  }

  /** Adds the time for which the agent was off, once it is known. */
  private makeUp(): void {
    const { owed } = this;
    const wallMs = this.wallMs();
    if (!owed || wallMs === undefined) return;
    this.owed = undefined;
    const sinceS = (wallMs - owed.wallMs) / 1000;
    const offS = sinceS - this.ranS();
    // A clock that went back says nothing.
    if (offS > 0 && offS < LONGEST_OFF_S) this.baseS += offS;
  }
}

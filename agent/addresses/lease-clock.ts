import type { LeaseSeconds } from "./lease.ts";

/** What is kept with the leases, so that their time goes on over a restart. */
export interface ClockMark {
  readonly leaseS: LeaseSeconds;
  /** The host's clock at that moment, milliseconds since 1970; undefined when it could not be right. */
  readonly wallMs: number | undefined;
}

/** The host's clock may run this much apart from the lease clock before that is noted, s: leases are kept for longer. */
const APART_S = 30;

/** Whether the host's clock was set between two marks: what is kept then leads the next run astray. */
export function isApart(before: ClockMark, now: ClockMark): boolean {
  if (before.wallMs === undefined || now.wallMs === undefined) return before.wallMs !== now.wallMs;
  const wallS = (now.wallMs - before.wallMs) / 1000;
  return Math.abs(wallS - (now.leaseS - before.leaseS)) > APART_S;
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
    const leaseS = this.seconds();
    // What is owed since an earlier run is then made up for by a later one.
    const wallMs = this.owed ? this.owed.wallMs + 1000 * this.ranS() : this.wallMs();
    return { leaseS, wallMs };
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

/** This version was made after this moment: a clock before it is wrong. Moved forward with each release. */
export const MADE_MS: number = Date.UTC(2026, 10, 1);

const DAY_MS = 86_400_000;

/** What is known about the host's clock. It only ever explains an error: nothing is trusted, and no clock is set, because of it. */
export class ClockEvidence {
  private readonly now: () => number;
  /** How far servers' clocks were ahead of ours when last heard, milliseconds. */
  private aheadMs: number | undefined;

  /** `now`: the host's clock, milliseconds since 1970. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Takes note of a Date header (RFC 9110 section 6.6.1) that just came. */
  heard(date: string | undefined): void {
    const theirs = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isFinite(theirs)) this.aheadMs = theirs - this.now();
  }

  /** What the clock says, as a date. */
  says(): string {
    const ms = this.now();
    return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms}`;
  }

  /** Why the clock cannot be right, in words; undefined: nothing speaks against it. */
  doubt(): string | undefined {
    if (this.now() < MADE_MS) {
      const made = new Date(MADE_MS).toISOString().slice(0, 10);
      return `the host's clock says ${this.says()}, which is before this software was made (${made})`;
    }
    if (this.aheadMs !== undefined && Math.abs(this.aheadMs) > DAY_MS) {
      const theirs = new Date(this.now() + this.aheadMs).toISOString();
      return `the host's clock says ${this.says()}, but a server said ${theirs}`;
    }
    return undefined;
  }
}

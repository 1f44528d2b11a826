const RTO_MS = 1_000;
const MAX_RTO_MS = 8_000;
const MAX_RETRIES = 8;
const NEVER: number = Number.POSITIVE_INFINITY;

/**
 * When a connection sends again: after 1 s (RFC 6298 section 2.1), doubling to 8 s, eight times.
 *
 * Round trips are not measured: these connections cross a virtual wire or one switch.
 */
export class RetransmitTimer {
  /** Infinity when nothing is awaited. */
  deadline: number = NEVER;
  private rtoMs: number = RTO_MS;
  private retries = 0;

  /** Something was sent that wants an answer: starts the time, unless it runs already. */
  arm(nowMs: number): void {
    if (this.deadline === NEVER) this.deadline = nowMs + this.rtoMs;
  }

  /** The peer acknowledged something new; `outstanding` says whether more is to come. */
  progress(nowMs: number, outstanding: boolean): void {
    this.retries = 0;
    this.rtoMs = RTO_MS;
    this.deadline = outstanding ? nowMs + this.rtoMs : NEVER;
  }

  /** The peer is alive, though it took nothing: a closed window is no reason to give up. */
  alive(): void {
    this.retries = 0;
  }

  /** The time is over: backs off. False when it was the last time. */
  expire(nowMs: number): boolean {
    if (this.retries >= MAX_RETRIES) return false;
    this.retries += 1;
    this.rtoMs = Math.min(this.rtoMs * 2, MAX_RTO_MS);
    this.deadline = nowMs + this.rtoMs;
    return true;
  }

  /** Runs until a given time, for TIME-WAIT. */
  runUntil(deadlineMs: number): void {
    this.deadline = deadlineMs;
  }

  stop(): void {
    this.deadline = NEVER;
  }
}

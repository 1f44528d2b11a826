/** RFC 6298 section 2: how much of a new sample goes into the mean, and into the deviation. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** Deviations above the mean. */
const K = 4;

/** How long is waited for an answer. */
export interface RetransmissionPolicy {
  /** Before anything was measured, when the client did not ask for a timeout. */
  readonly defaultTimeoutMs: number;
  /** However fast the client is: firmware pauses to write what it read, and a needless repetition costs a whole window. */
  readonly minTimeoutMs: number;
  /** The time doubles at each retransmission, up to this. A client's own timeout is kept as it is. */
  readonly maxTimeoutMs: number;
}

/**
 * The time until a retransmission (RFC 6298, scaled to what boot firmware does; RFC 1123 section 4.2.3.2 wants it adaptive).
 *
 * What was sent twice gives no sample (Karn), and a time that was doubled stays so until the next one. A timeout that the client
 * asked for (RFC 2349) neither adapts nor doubles.
 */
export class RetransmissionTime {
  /** What to wait for now, milliseconds. */
  ms: number;
  readonly fixed: boolean;
  private readonly policy: RetransmissionPolicy;
  /** Smoothed round trip, -1 before the first sample; and its deviation. */
  private meanMs = -1;
  private deviationMs = 0;

  /** `timeoutS`: what the client asked for. */
  constructor(policy: RetransmissionPolicy, timeoutS: number | undefined) {
    this.policy = policy;
    this.fixed = timeoutS !== undefined;
    this.ms = timeoutS === undefined ? policy.defaultTimeoutMs : timeoutS * 1_000;
  }

  /** Something that was sent once was answered after `rttMs`. */
  sample(rttMs: number): void {
    if (this.fixed) return;
    if (this.meanMs < 0) {
      this.meanMs = rttMs;
      this.deviationMs = rttMs / 2;
    } else {
      const off = Math.abs(this.meanMs - rttMs);
      this.deviationMs += BETA * (off - this.deviationMs);
      this.meanMs += ALPHA * (rttMs - this.meanMs);
    }
    const { minTimeoutMs, maxTimeoutMs } = this.policy;
    const ms = Math.ceil(this.meanMs + K * this.deviationMs);
    this.ms = Math.max(minTimeoutMs, Math.min(ms, maxTimeoutMs));
  }

  /** Nothing came back. */
  backOff(): void {
    if (this.fixed) return;
    const { defaultTimeoutMs, maxTimeoutMs } = this.policy;
    this.ms = Math.min(this.ms * 2, Math.max(maxTimeoutMs, defaultTimeoutMs));
  }
}

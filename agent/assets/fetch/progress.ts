import { octetsText } from "../../log/timeline.ts";

/** How far something is that takes a while. */
export interface ProgressStatus {
  readonly phase: "fetching" | "unpacking";
  /** The store, in words. */
  readonly from: string;
  readonly octets: number;
  /** Absent while nobody knows. */
  readonly total?: number;
  /** Octets a second since it began or went on. */
  readonly rate: number;
}

/** How often listeners hear of progress at most, ms. */
const EVERY_MS = 250;

/** One transfer or one unpacking, counted while it goes on. */
export class Progress {
  readonly phase: ProgressStatus["phase"];
  readonly from: string;
  readonly beganMs: number;
  /** Octets that were there before: they count for the part done, not for the rate. */
  readonly resumedAt: number;
  octets: number;
  readonly total: number | undefined;
  private toldMs: number;
  private readonly now: () => number;
  private readonly tell: (progress: Progress) => void;

  /** `tell` is called now and at most four times a second from then on. */
  constructor(
    what: {
      readonly phase: ProgressStatus["phase"];
      readonly from: string;
      readonly at: number;
      readonly total: number | undefined;
    },
    now: () => number,
    tell: (progress: Progress) => void,
  ) {
    this.phase = what.phase;
    this.from = what.from;
    this.octets = what.at;
    this.resumedAt = what.at;
    this.total = what.total;
    this.now = now;
    this.tell = tell;
    this.beganMs = now();
    this.toldMs = this.beganMs;
    tell(this);
  }

  get tookMs(): number {
    return this.now() - this.beganMs;
  }

  add(octets: number): void {
    this.octets += octets;
    const nowMs = this.now();
    if (nowMs - this.toldMs < EVERY_MS) return;
    this.toldMs = nowMs;
    this.tell(this);
  }

  status(): ProgressStatus {
    const ms = this.tookMs;
    return {
      phase: this.phase,
      from: this.from,
      octets: this.octets,
      ...(this.total === undefined ? {} : { total: this.total }),
      rate: ms > 0 ? Math.round(((this.octets - this.resumedAt) / ms) * 1000) : 0,
    };
  }

  /** "fetching https://… (12.0 MB of 40.0 MB)". */
  text(): string {
    const of = this.total === undefined ? "" : ` of ${octetsText(this.total)}`;
    return `${this.phase} ${this.from} (${octetsText(this.octets)}${of})`;
  }
}

/** Where a search begins and ends. */
export interface SearchLimits {
  readonly start: number;
  readonly least: number;
  readonly most: number;
  /** It is over when the lowest rate that failed is less than this times the highest that held. */
  readonly factor: number;
}

/** Finds the highest rate that holds: doubles until one fails (or halves until one holds), then bisects. */
export class RateSearch {
  private readonly limits: SearchLimits;
  private held = 0;
  private failed = Number.POSITIVE_INFINITY;

  constructor(limits: SearchLimits) {
    this.limits = limits;
  }

  /** The highest rate that held so far; 0: none did. */
  get highest(): number {
    return this.held;
  }

  /** The rate to try next; undefined when it is over. */
  next(): number | undefined {
    const { start, least, most, factor } = this.limits;
    const { held, failed } = this;
    if (failed === Number.POSITIVE_INFINITY) {
      if (held >= most) return undefined;
      return held === 0 ? start : Math.min(held * 2, most);
    }
    if (held === 0) {
      const half = Math.floor(failed / 2);
      return half < least ? undefined : half;
    }
    // The geometric mean: as far from the one as from the other.
    const between = Math.round(Math.sqrt(held * failed));
    return failed / held < factor || between <= held || between >= failed ? undefined : between;
  }

  /** What became of a rate. */
  tell(rate: number, holds: boolean): void {
    if (holds) this.held = Math.max(this.held, rate);
    else this.failed = Math.min(this.failed, rate);
  }
}

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** Which shares of the time are told; 1 is the worst. */
const QUANTILES = [0.5, 0.99, 1] as const;
/** How often it is looked, ms: the clock of what is measured, taken off what it shows. */
const RESOLUTION_MS = 10;
/** Nobody asks any more, ms: looking wakes the process, and an idle agent sleeps. */
const FORGOTTEN_MS = 600_000;
const NS = 1e9;

/** By how much the event loop was late, in seconds by quantile, between one question about it and the next. */
export class LoopLag {
  private histogram: IntervalHistogram | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** Empty when it is asked for the first time, or after a long pause: it is measured from then on. */
  read(): ReadonlyMap<number, number> {
    const { histogram } = this;
    this.timer?.refresh();
    if (!histogram) {
      this.start();
      return new Map();
    }
    const lag = new Map(
      QUANTILES.map((q) => {
        const ns = histogram.count > 0 ? histogram.percentile(q * 100) : 0;
        return [q, Math.max(0, ns / NS - RESOLUTION_MS / 1_000)];
      }),
    );
    histogram.reset();
    return lag;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.histogram?.disable();
    this.histogram = undefined;
  }

  private start(): void {
    this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.histogram.enable();
    this.timer = setTimeout(() => this.stop(), FORGOTTEN_MS).unref();
  }
}

import type { Clock } from "../../link/clock.ts";
import type { Job } from "./fetcher.ts";

/** How long a refresh that came while a machine boots is put off, ms. */
const PUT_OFF_MS = 30_000;
/** The share of the interval by which refreshes are spread, to either side. */
const JITTER = 0.2;

export interface RefresherOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly bootsRunning: () => boolean;
  readonly due: (job: Job) => void;
}

interface Plan {
  /** 0: once only. */
  readonly everyMs: number;
  dueMs: number;
}

/** Says when stores are asked for something newer: each at its own interval with jitter, never while a machine boots. */
export class Refresher {
  private readonly plans = new Map<Job, Plan>();
  private readonly o: RefresherOptions;
  private wakeMs = Number.POSITIVE_INFINITY;
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(options: RefresherOptions) {
    this.o = options;
  }

  /** Every `everyMs` from now on (0: just once), the first time in `firstMs`. An earlier word about the same job holds no longer. */
  schedule(job: Job, everyMs: number, firstMs: number): void {
    const dueMs = this.o.clock.now() + firstMs;
    this.plans.set(job, { everyMs, dueMs });
    this.wakeAt(dueMs);
  }

  /** It was the wrong moment: again soon. */
  postpone(job: Job): void {
    const everyMs = this.plans.get(job)?.everyMs ?? 0;
    this.schedule(job, everyMs, PUT_OFF_MS);
  }

  /** Milliseconds until a job's turn; undefined when it has none. */
  inMs(job: Job): number | undefined {
    const plan = this.plans.get(job);
    return plan && Math.max(0, plan.dueMs - this.o.clock.now());
  }

  /** Nobody wants this job any more. */
  forget(job: Job): void {
    this.plans.delete(job);
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
    this.plans.clear();
  }

  private wakeAt(dueMs: number): void {
    if (this.stopped || dueMs >= this.wakeMs) return;
    this.cancel?.();
    this.wakeMs = dueMs;
    this.cancel = this.o.clock.after(Math.max(0, dueMs - this.o.clock.now()), () => this.wake());
  }

  private wake(): void {
    const nowMs = this.o.clock.now();
    this.wakeMs = Number.POSITIVE_INFINITY;
    if (this.o.bootsRunning()) {
      this.wakeAt(nowMs + PUT_OFF_MS);
      return;
    }
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Job[] = [];
    for (const [job, plan] of this.plans) {
      if (plan.dueMs <= nowMs) {
        due.push(job);
        if (plan.everyMs === 0) {
          this.plans.delete(job);
          continue;
        }
        plan.dueMs = nowMs + plan.everyMs * (1 - JITTER + 2 * JITTER * this.o.random());
      }
      nextMs = Math.min(nextMs, plan.dueMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.wakeAt(nextMs);
    for (const job of due) this.o.due(job);
  }
}

import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import { backOffMs, retryAfterMs } from "./back-off.ts";
import { OrderHeap } from "./order-heap.ts";

/** Something that is fetched, again and again until it succeeds. */
export interface Job {
  /**
   * One attempt. `moved` is called when octets came, which tells a store that breaks off from one that gives nothing.
   * Rejects with AgentError (then it is tried again), or with the signal's reason.
   */
  run(signal: AbortSignal, moved: () => void): Promise<void>;
  /** Told whenever `phase` has changed. */
  turned(): void;
}

/** `idle`: nothing to do. `resting`: the last attempt failed, the next one comes by itself. */
export type JobPhase = "idle" | "queued" | "running" | "resting";

/** What `status` tells of a job. */
export interface JobState {
  readonly phase: JobPhase;
  /** Attempts that failed in a row. */
  readonly tries: number;
  /** Milliseconds until the next attempt; only while resting. */
  readonly retryInMs?: number;
}

interface Entry {
  readonly job: Job;
  phase: JobPhase;
  /** Place in the order of need. */
  order: number;
  /** When a machine began to wait for it, by the clock. */
  wantedMs: number | undefined;
  /** Whether it has to run once more because something changed while it ran. */
  again: boolean;
  tries: number;
  retryAtMs: number;
  /** Not before this: the store asked for it. */
  notBeforeMs: number;
  /** When a machine last put an end to its rest. */
  wokenMs: number;
  cancel: (() => void) | undefined;
  /** Ends the attempt that runs. */
  attempt: AbortController | undefined;
  /** Nobody wants it any more. */
  forgotten: boolean;
}

/** How often a machine that waits can put an end to the rest after a failure, ms. */
const WAKE_EVERY_MS = 60_000;

export interface FetcherOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Jobs that run at once. */
  readonly concurrent: number;
  readonly crash: (bug: unknown) => void;
}

/**
 * Decides which job runs when: those that machines wait for first, then in the order of need; a few at once; after a
 * failure again, for ever, later each time.
 */
export class Fetcher {
  private readonly entries = new Map<Job, Entry>();
  /** What is queued in the order of need; some of it is no longer. */
  private queue = new OrderHeap<Entry>();
  /** What machines wait for, of that. */
  private readonly wanted = new Set<Entry>();
  private readonly running = new Set<Promise<void>>();
  private readonly attempts = new Set<AbortController>();
  private readonly stopping = new AbortController();
  private readonly o: FetcherOptions;

  constructor(options: FetcherOptions) {
    this.o = options;
  }

  /** Ends with `stop`. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  state(job: Job): JobState {
    const entry = this.entries.get(job);
    if (!entry) return { phase: "idle", tries: 0 };
    const { phase, tries } = entry;
    if (phase !== "resting" || entry.retryAtMs === Number.POSITIVE_INFINITY)
      return { phase, tries };
    return { phase, tries, retryInMs: Math.max(0, entry.retryAtMs - this.o.clock.now()) };
  }

  phase(job: Job): JobPhase {
    return this.entries.get(job)?.phase ?? "idle";
  }

  /** Has a job run when its turn comes; one that rests after a failure keeps its rest. `order`: its place in the order of need. */
  submit(job: Job, order?: number): void {
    const entry = this.entry(job);
    if (order !== undefined) entry.order = Math.min(entry.order, order);
    if (entry.phase === "idle") this.enqueue(entry);
  }

  /** The same, but at once, and once more when it runs already: what it works from has changed. */
  renew(job: Job): void {
    const entry = this.entry(job);
    if (entry.phase === "running") entry.again = true;
    else if (entry.phase !== "queued") this.enqueue(entry);
  }

  /** A machine waits for it: it goes before the others; a rest after a failure ends, once a minute. */
  want(job: Job): void {
    const entry = this.entry(job);
    const nowMs = this.o.clock.now();
    entry.wantedMs ??= nowMs;
    if (entry.phase === "queued") this.wanted.add(entry);
    if (entry.phase === "idle") {
      this.enqueue(entry);
      return;
    }
    if (entry.phase !== "resting" || nowMs < entry.notBeforeMs) return;
    if (nowMs - entry.wokenMs < WAKE_EVERY_MS) return;
    entry.wokenMs = nowMs;
    entry.tries = 0;
    this.enqueue(entry);
  }

  /** Nobody wants this job any more: what runs of it is ended, and it does not come back by itself. */
  forget(job: Job): void {
    const entry = this.entries.get(job);
    if (!entry) return;
    this.entries.delete(job);
    this.wanted.delete(entry);
    entry.forgotten = true;
    entry.cancel?.();
    entry.cancel = undefined;
    if (entry.phase !== "running") entry.phase = "idle";
    entry.attempt?.abort(new AgentError("E_ASSET_PENDING", "the site does not name it any more"));
  }

  /** Ends what runs and waits for that. */
  async stop(): Promise<void> {
    const reason = new AgentError("E_ASSET_PENDING", "the agent is stopping");
    this.stopping.abort(reason);
    this.queue = new OrderHeap();
    this.wanted.clear();
    for (const entry of this.entries.values()) {
      entry.cancel?.();
      entry.cancel = undefined;
    }
    for (const attempt of this.attempts) attempt.abort(reason);
    await Promise.all(this.running);
  }

  private entry(job: Job): Entry {
    const known = this.entries.get(job);
    if (known) return known;
    const entry: Entry = {
      job,
      phase: "idle",
      order: Number.POSITIVE_INFINITY,
      wantedMs: undefined,
      again: false,
      tries: 0,
      retryAtMs: 0,
      notBeforeMs: 0,
      wokenMs: Number.NEGATIVE_INFINITY,
      cancel: undefined,
      attempt: undefined,
      forgotten: false,
    };
    this.entries.set(job, entry);
    return entry;
  }

  private enqueue(entry: Entry): void {
    if (this.stopping.signal.aborted) return;
    entry.cancel?.();
    entry.cancel = undefined;
    entry.phase = "queued";
    this.queue.push(entry, entry.order);
    if (entry.wantedMs !== undefined) this.wanted.add(entry);
    entry.job.turned();
    this.pump();
  }

  private pump(): void {
    while (this.running.size < this.o.concurrent) {
      const next = this.stopping.signal.aborted ? undefined : this.first();
      if (!next) return;
      this.wanted.delete(next);
      next.phase = "running";
      const run = this.attempt(next).finally(() => {
        this.running.delete(run);
        this.pump();
      });
      this.running.add(run);
      next.job.turned();
    }
  }

  /** What runs next: what a machine has waited for longest, else by need. */
  private first(): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.wanted) {
      if (!best || (entry.wantedMs ?? 0) < (best.wantedMs ?? 0)) best = entry;
    }
    while (!best) {
      const next = this.queue.pop();
      if (!next) return undefined;
      if (next.phase === "queued") best = next;
    }
    return best;
  }

  private async attempt(entry: Entry): Promise<void> {
    const attempt = new AbortController();
    entry.attempt = attempt;
    this.attempts.add(attempt);
    try {
      await entry.job.run(attempt.signal, () => {
        entry.tries = 0;
      });
      entry.tries = 0;
      entry.wantedMs = undefined;
      this.rest(entry, undefined);
    } catch (error) {
      if (attempt.signal.aborted && error === attempt.signal.reason) {
        entry.phase = "idle";
      } else if (error instanceof AgentError) {
        this.rest(entry, error);
      } else {
        // Nobody runs into the same bug again and again while the process ends.
        entry.phase = "resting";
        entry.retryAtMs = Number.POSITIVE_INFINITY;
        entry.notBeforeMs = Number.POSITIVE_INFINITY;
        this.o.crash(error);
      }
    }
    this.attempts.delete(attempt);
    entry.attempt = undefined;
    entry.job.turned();
  }

  private rest(entry: Entry, error: AgentError | undefined): void {
    entry.phase = "idle";
    if (this.stopping.signal.aborted || entry.forgotten) return;
    if (entry.again) {
      entry.again = false;
      this.enqueue(entry);
      return;
    }
    if (!error) return;
    entry.tries += 1;
    const nowMs = this.o.clock.now();
    const waitMs = backOffMs(error, entry.tries, this.o.random());
    entry.phase = "resting";
    entry.retryAtMs = nowMs + waitMs;
    entry.notBeforeMs = nowMs + retryAfterMs(error);
    entry.wantedMs = undefined;
    entry.cancel = this.o.clock.after(waitMs, () => this.enqueue(entry));
  }
}

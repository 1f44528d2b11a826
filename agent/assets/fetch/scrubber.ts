import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import type { Cache } from "../cache/cache.ts";
import { withResolvers } from "./turns.ts";

/** How far a round is. */
export interface ScrubState {
  /** When it began, milliseconds since 1970 by the host's clock. */
  readonly beganMs: number;
  /** The last digest that was read; the next one in order follows. Absent: the round is over. */
  readonly at?: string;
}

/** Keeps that over restarts. */
export interface ScrubMemory {
  read(): ScrubState | undefined;
  write(state: ScrubState): Promise<void>;
}

export interface ScrubberOptions {
  readonly cache: Cache;
  readonly memory: ScrubMemory;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly bootsRunning: () => boolean;
  /** A blob is damaged: take it out and have it fetched again. */
  readonly damaged: (digest: string) => void;
  /** From the beginning of one round to that of the next, ms. */
  readonly everyMs: number;
  /** Rest after each piece, ms: what keeps the disk free for machines. */
  readonly restMs: number;
  readonly crash: (bug: unknown) => void;
}

/** How long it waits where machines boot, or nothing is due, until it looks again, ms. */
const BUSY_MS = 5_000;
const IDLE_MS = 10 * 60_000;
/** How often its place is written down: a card wears out by writing. */
const WRITE_MS = 10 * 60_000;

/**
 * Reads all blobs of the cache again, a piece at a time and never while a machine boots, so that damage is found before
 * a machine needs what is damaged. A round that a restart cut off goes on where it was.
 */
export class Scrubber {
  private readonly o: ScrubberOptions;
  private readonly stopping = new AbortController();
  private writtenMs = 0;
  private running: Promise<void> | undefined;

  constructor(options: ScrubberOptions) {
    this.o = options;
  }

  /** Goes on until `stop`. */
  start(): void {
    this.running ??= this.run().catch((error: unknown) => {
      if (error !== this.stopping.signal.reason) this.o.crash(error);
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error("the scrubber is stopped"));
    await this.running;
  }

  private async run(): Promise<void> {
    for (;;) {
      await this.rest(IDLE_MS);
      const state = this.due();
      if (state) await this.round(state);
    }
  }

  /** The round that is due; undefined when none is. */
  private due(): ScrubState | undefined {
    const before = this.o.memory.read();
    if (before?.at !== undefined) return before;
    const nowMs = this.o.wallMs();
    const agoMs = nowMs - (before?.beganMs ?? Number.NEGATIVE_INFINITY);
    // A clock that went back says nothing about how long ago it was.
    return agoMs >= 0 && agoMs < this.o.everyMs ? undefined : { beganMs: nowMs, at: "" };
  }

  private async round(state: ScrubState): Promise<void> {
    const { cache } = this.o;
    this.writtenMs = this.o.clock.now();
    const digests = new Set<string>();
    for (const { versions } of cache.assets()) {
      for (const v of versions) for (const d of [v.digest, v.sourceDigest]) digests.add(d);
    }
    for (const digest of [...digests].sort()) {
      if (digest <= (state.at ?? "")) continue;
      await this.quiet();
      if (cache.blob(digest)) await this.check(digest);
      const nowMs = this.o.clock.now();
      if (nowMs - this.writtenMs < WRITE_MS) continue;
      this.writtenMs = nowMs;
      await this.write({ beganMs: state.beganMs, at: digest });
    }
    await this.write({ beganMs: state.beganMs });
  }

  private async check(digest: string): Promise<void> {
    try {
      const { sound } = await this.o.cache.check(digest, () => this.pace());
      if (!sound) this.o.damaged(digest);
    } catch (error) {
      // It was evicted meanwhile, or the disk does not give it: whoever needs it says so.
      if (!(error instanceof AgentError)) throw error;
    }
  }

  private async write(state: ScrubState): Promise<void> {
    try {
      await this.o.memory.write(state);
    } catch (error) {
      // A place that is lost costs reading some blobs twice.
      if (!(error instanceof AgentError)) throw error;
    }
  }

  private async pace(): Promise<void> {
    await this.rest(this.o.restMs);
    await this.quiet();
  }

  private async quiet(): Promise<void> {
    while (this.o.bootsRunning()) await this.rest(BUSY_MS);
  }

  private async rest(ms: number): Promise<void> {
    const { signal } = this.stopping;
    signal.throwIfAborted();
    const { promise, resolve } = withResolvers();
    const cancel = this.o.clock.after(ms, resolve);
    signal.addEventListener("abort", resolve, { once: true });
    await promise;
    cancel();
    signal.removeEventListener("abort", resolve);
    signal.throwIfAborted();
  }
}

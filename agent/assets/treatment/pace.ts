import { setImmediate } from "node:timers/promises";

/** Work goes on so long before others get their turn, ms. A slice of it may take as much again on a slow board. */
const SLICE_MS = 6;

/**
 * Keeps long work from holding up everything else that the agent does: a machine waits for each of our answers.
 *
 *     if (pace.due()) await pace.rest();
 */
export class Pace {
  private since: number = performance.now();

  /** Whether the slice is used up. Costs some 50 ns. */
  due(): boolean {
    return performance.now() - this.since >= SLICE_MS;
  }

  /** Lets everything else have its turn. */
  async rest(): Promise<void> {
    await setImmediate();
    this.since = performance.now();
  }
}

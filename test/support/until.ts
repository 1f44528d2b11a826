import { setTimeout as later } from "node:timers/promises";

const EVERY_MS = 4;
const PATIENCE_MS = 15_000;

/** Waits until `found` gives something that is neither undefined nor false; `what` is what the failure names, `patienceMs` how long it may take. */
export async function until<T>(
  what: string | (() => string),
  found: () => T | undefined | false,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const value = found();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(`waited in vain for ${typeof what === "string" ? what : what()}`);
    }
    await later(EVERY_MS);
  }
}

import { setImmediate } from "node:timers/promises";

/** How long a condition may take before it is taken for one that never comes true, ms. */
const LIMIT_MS = 4_000;

/** Waits for a condition turn by turn, without sleeping; `what` goes into the error when it never holds. */
export async function eventually(condition: () => boolean, what = "condition"): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (performance.now() < endMs) {
    if (condition()) return;
    await setImmediate();
  }
  throw new Error(`never came true: ${what}`);
}

/** Lets everything run that needs no more than promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await setImmediate();
}

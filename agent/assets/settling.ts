import { AgentError } from "../errors.ts";
import type { Content } from "./content.ts";
import { isWait, type Slot } from "./slot.ts";

/** Who is to be told, by the promise that tells it: a promise cannot be unsubscribed from, so each is subscribed to once. */
const listeners = new WeakMap<Promise<void>, Set<() => void>>();

/**
 * Calls `listener` once when `settled` resolves; the returned function takes that back.
 *
 * However often it is called and taken back while an asset is being fetched, nothing is left behind.
 */
export function onSettled(settled: Promise<void>, listener: () => void): () => void {
  let waiting = listeners.get(settled);
  if (!waiting) {
    const fresh = new Set<() => void>();
    waiting = fresh;
    listeners.set(settled, fresh);
    settled.then(() => {
      listeners.delete(settled);
      for (const tell of [...fresh]) tell();
    });
  }
  waiting.add(listener);
  const here = waiting;
  return () => here.delete(listener);
}

/**
 * What is in a slot once nothing is being done about it any more.
 *
 * It waits for as long as that takes; who waits must be bounded by the caller.
 */
export async function whenSettled(slot: Slot): Promise<Content | AgentError> {
  let seen: Promise<void> | undefined;
  for (let state = slot.current(); ; state = slot.current()) {
    if (!isWait(state)) return state;
    // The same promise again after it has resolved would be waited for without an end and without a turn of the event loop.
    if (state.settled === seen) {
      return new AgentError("E_ASSET_PENDING", `asset "${slot.name}": ${state.why}`);
    }
    seen = state.settled;
    await seen;
  }
}

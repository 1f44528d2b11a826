/** Agents that are dealt with at the same time. */
export const AT_ONCE = 8;

/**
 * Does something with each item, `atOnce` of them at a time, and resolves with the results in the order of the items.
 *
 * Rejects with the first error; what had begun by then is waited for, and nothing else is begun.
 */
export async function together<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const left = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [i, item] of left) {
      if (failed) return;
      try {
        results.set(i, await work(item));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker);
  for (const ended of await Promise.allSettled(workers)) {
    if (ended.status === "rejected") throw ended.reason;
  }
  return items.map((_, i) => results.get(i) as R);
}

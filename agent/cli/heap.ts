import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Keeps the young generation small, for commands that read captures: what a message costs is garbage at once, so a large
 * capture then needs hardly more memory than a small one, at no cost in speed that could be measured.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Octets in use below which a start has left nothing behind that counts. */
const LARGE_START = 24 * 1024 * 1024;

/**
 * Collects at once, in some 20 ms, what the start of an agent with a large site left behind. V8 lets a heap grow to a multiple of
 * what the last collection found, and else finds it full of that when all machines come at once. A small heap is left as it is: V8
 * would collect more often while a pool of addresses fills.
 */
export function collectStart(): void {
  if (process.memoryUsage().heapUsed < LARGE_START) return;
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}

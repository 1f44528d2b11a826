import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Keeps the young generation small, for commands that read captures: what a message costs is garbage at once, so a large
 * capture then needs hardly more memory than a small one, at no cost in speed that could be measured.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Collects everything at once, some 20 ms: what a start leaves behind. V8 lets a heap grow to a multiple of what the last
 * collection found, and else finds it full of that when all machines come at once.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}

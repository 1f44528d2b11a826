import v8 from "node:v8";
import vm from "node:vm";

/** What a codec may allocate, in octets an operation. Not 0: inlining varies from run to run. */
export const ALLOCATION_GATE = 64;

const OPERATIONS = 50_000;
const WARM_UP = 20_000;
/** Rounds at most: what else lives in the process (a compiler thread that finishes, a reporter) allocates in some of them only. */
const ROUNDS = 5;
/** Short enough that the young generation is collected at most once between two samples. */
const SAMPLE_EVERY = 500;

v8.setFlagsFromString("--expose-gc");
/** Collects everything that nobody holds, now. */
export const collectGarbage: () => void = vm.runInNewContext("gc") as () => void;

/**
 * Heap octets that one call of `operation` allocates: the least of up to five averages over 50,000 calls, after a warm-up.
 *
 * What an operation itself allocates is in every round, so the least round tells it best; a round within the gate ends the
 * measurement. Growth between samples is added up and a shrinking heap is ignored: a collection in the middle of the run then hides one
 * sample instead of everything that was allocated before it. Memory outside the heap (the octets of a fresh `Uint8Array`) is
 * not counted, its object is.
 */
export function octetsPerOperation(operation: () => void): number {
  for (let i = 0; i < WARM_UP; i++) operation();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && least > ALLOCATION_GATE; round++) {
    least = Math.min(least, averageOf(operation));
  }
  return least;
}

function averageOf(operation: () => void): number {
  collectGarbage();
  let allocated = 0;
  let last = v8.getHeapStatistics().used_heap_size;
  for (let done = 0; done < OPERATIONS; done += SAMPLE_EVERY) {
    for (let i = 0; i < SAMPLE_EVERY; i++) operation();
    const used = v8.getHeapStatistics().used_heap_size;
    if (used > last) allocated += used - last;
    last = used;
  }
  return allocated / OPERATIONS;
}

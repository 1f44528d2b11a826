import { octetsPerOperation } from "../support/allocation.ts";

/** Does something to packet `i` of a rotation; returns a number that depends on all that was read or written. */
export type Operation = (i: number) => number;

/** An operation of ours beside those that a Node user would take instead. */
export interface BenchCase {
  /** Folder of protocols/, or "chain" for several of them. */
  readonly codec: string;
  readonly kind: "decode" | "encode";
  readonly name: string;
  readonly subject: Operation;
  readonly baselines: readonly Baseline[];
  readonly target?: Target;
}

/** What a subject is compared with, by the name that the table shows. */
export interface Baseline {
  readonly name: string;
  readonly run: Operation;
}

/** What must hold in one run on one machine. */
export interface Target {
  /** At least so many times as fast as every baseline. */
  readonly ratio?: number;
  /** Median below so many nanoseconds. */
  readonly medianNs?: number;
}

/** Figures of one operation. */
export interface Figures {
  readonly medianNs: number;
  readonly heapOctets: number;
}

/** Figures of a case; `ratio` is the quotient of the medians. */
export interface CaseResult {
  readonly bench: BenchCase;
  readonly subject: Figures;
  readonly baselines: readonly (Figures & { readonly name: string; readonly ratio: number })[];
}

const WARM_UP_MS = 30;
const ROUNDS = 151;
/** Well below a time slice, so that the median is of batches that nothing else interrupted. */
const BATCH_MS = 0.4;

/** Where results end up, so that no operation can be left out as dead code. */
const kept: unknown[] = new Array(64).fill(undefined);
let keptAt = 0;
let sink = 0;

/** Lets an object outlive its operation, as one that is handed to a caller does: otherwise V8 may never allocate it. */
export function keep(value: unknown): number {
  keptAt = (keptAt + 1) & 63;
  kept[keptAt] = value;
  return keptAt;
}

/** Sum of everything that the operations returned. */
export function sunk(): number {
  return sink;
}

type Loop = (run: Operation, operations: number) => number;

/**
 * Each operation gets a loop of its own, compiled from text: a loop that has seen several operations can inline none of
 * them, and then costs as much as the shorter codecs do.
 */
const LOOP = "let s = 0; for (let i = 0; i < operations; i++) s = (s + run(i)) | 0; return s;";
const loops: Map<Operation, Loop> = new Map();

/** Runs every operation of every case until V8 has optimised it with the types that all of them bring. */
export function warmUp(cases: readonly BenchCase[]): void {
  for (let round = 0; round < 3; round++) {
    for (const { subject, baselines } of cases) {
      spin(subject);
      for (const { run } of baselines) spin(run);
    }
  }
}

/** Measures subject and baselines in turns: what else the machine does then disturbs all of them alike. */
export function measure(bench: BenchCase): CaseResult {
  const rounds = inTurns([bench.subject, ...bench.baselines.map(({ run }) => run)]);
  const ours = rounds[0] ?? [];
  return {
    bench,
    subject: figures(bench.subject, ours),
    baselines: bench.baselines.map(({ name, run }, k) => {
      const theirs = rounds[k + 1] ?? [];
      return { name, ratio: median(theirs) / median(ours), ...figures(run, theirs) };
    }),
  };
}

/** Median nanoseconds of each operation, measured in turns; for operations that are compared with each other. */
export function medians(runs: readonly Operation[]): number[] {
  for (const run of runs) spin(run);
  return inTurns(runs).map(median);
}

/** The middle of a list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Nanoseconds of each operation in each round. */
function inTurns(runs: readonly Operation[]): number[][] {
  const sizes = runs.map(batchSize);
  const rounds: number[][] = runs.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [k, run] of runs.entries()) rounds[k]?.push(nsPerOperation(run, sizes[k] ?? 1));
  }
  return rounds;
}

function figures(run: Operation, rounds: readonly number[]): Figures {
  let i = 0;
  const heapOctets = octetsPerOperation(() => {
    sink = (sink + run(i++ & 0xffff)) | 0;
  });
  return { medianNs: median(rounds), heapOctets };
}

function spin(run: Operation): void {
  const until = performance.now() + WARM_UP_MS / 3;
  while (performance.now() < until) nsPerOperation(run, 500);
}

/** Operations that take about BATCH_MS. */
function batchSize(run: Operation): number {
  return Math.max(20, Math.ceil((BATCH_MS * 1e6) / nsPerOperation(run, 2_000)));
}

function nsPerOperation(run: Operation, operations: number): number {
  let loop = loops.get(run);
  if (loop === undefined) {
    loop = new Function("run", "operations", LOOP) as Loop;
    loops.set(run, loop);
  }
  const start = process.hrtime.bigint();
  const sum = loop(run, operations);
  const end = process.hrtime.bigint();
  sink = (sink + sum) | 0;
  return Number(end - start) / operations;
}

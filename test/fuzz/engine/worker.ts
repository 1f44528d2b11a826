import { parentPort, workerData } from "node:worker_threads";
import { TARGETS } from "../targets/all.ts";
import { Corpus } from "./corpus.ts";
import { startCoverage } from "./coverage.ts";
import { type FuzzReport, fuzz } from "./fuzzer.ts";
import { minimise } from "./minimise.ts";

/** What a worker is told. */
export interface WorkerJob {
  readonly target: string;
  readonly folder: string;
  readonly seed: number;
  readonly ms: number;
  /** Where the input that is being executed stands: its length in four octets, then itself. */
  readonly current: SharedArrayBuffer;
}

/** What a worker says at its end. */
export interface WorkerResult {
  readonly report: FuzzReport;
  /** Inputs that were taken out of the corpus in the end, since shorter ones reach as much. */
  readonly needless: number;
}

/** Fuzzes one target in a thread of its own, so that an endless loop or a full heap ends the thread and not the round. */
async function main(): Promise<void> {
  const { target: name, folder, seed, ms, current } = workerData as WorkerJob;
  startCoverage();
  const target = await TARGETS.get(name)?.();
  if (!target) throw new Error(`there is no target ${name}`);
  const corpus = new Corpus(folder);
  const length = new Uint32Array(current, 0, 1);
  const octets = new Uint8Array(current, 4);
  const report = await fuzz(target, {
    seed,
    ms,
    corpus: corpus.load().map((entry) => entry.input),
    onExecute(input) {
      length[0] = input.length;
      octets.set(input);
    },
    onDiscovery: (input) => corpus.add(input),
  });
  const result: WorkerResult = { report, needless: minimise(target, corpus) };
  parentPort?.postMessage(result);
}

await main();

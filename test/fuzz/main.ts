import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { inputName } from "./engine/corpus.ts";
import type { Finding } from "./engine/executor.ts";
import type { WorkerJob, WorkerResult } from "./engine/worker.ts";
import { TARGETS } from "./targets/all.ts";

/** Largest input of any target, and its length in front. */
const CURRENT_LEN = 4 + 128 * 1024;
/** Added to a target's time before its input is taken to loop for ever. */
const PATIENCE_MS = 20_000;
const HEAP_MIB = 512;

interface Line {
  readonly target: string;
  readonly result: WorkerResult | undefined;
  readonly findings: readonly Finding[];
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    target: { type: "string", default: "" },
    corpus: { type: "string", default: "test/fuzz/corpus" },
    findings: { type: "string", default: "test-output/fuzz" },
    seed: { type: "string", default: "" },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const names = values.target === "" ? [...TARGETS.keys()] : [values.target];
  const unknown = names.find((name) => !TARGETS.has(name));
  if (unknown !== undefined) {
    say(`there is no target ${unknown}; there are ${[...TARGETS.keys()].join(", ")}`);
    return 2;
  }
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) {
    say(`FUZZ_SECONDS is ${values.seconds}; it is to be a number of seconds above 0`);
    return 2;
  }
  const seed = values.seed === "" ? randomBytes(4).readUInt32BE(0) : Number(values.seed);
  say(`seed ${seed}, ${seconds} s for ${names.length} targets`);
  say(row("target", "executions", "exec/s", "corpus", "new", "functions", "blocks", "findings"));
  let found = 0;
  for (const target of names) {
    const line = await fuzzOne(target, (seconds * 1_000) / names.length, seed);
    say(describe(line));
    for (const { input, what } of line.findings) {
      found += 1;
      say(`  ${save(target, input)}: ${what}`);
    }
  }
  say(found === 0 ? "nothing found" : `${found} found`);
  return found === 0 ? 0 : 1;
}

function fuzzOne(target: string, ms: number, seed: number): Promise<Line> {
  const current = new SharedArrayBuffer(CURRENT_LEN);
  const folder = path.join(values.corpus, target);
  const workerData: WorkerJob = { target, folder, seed, ms, current };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./engine/worker.js", import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    const end = (what: string): void => {
      clearTimeout(patience);
      resolve({ target, result: undefined, findings: [{ input: currentInput(current), what }] });
    };
    const patience = setTimeout(() => {
      void worker.terminate();
      end("does not come to an end");
    }, ms + PATIENCE_MS);
    worker.on("message", (result: WorkerResult) => {
      clearTimeout(patience);
      resolve({ target, result, findings: result.report.findings });
    });
    worker.on("error", (error) => end(`ends the thread: ${error.message}`));
  });
}

function currentInput(current: SharedArrayBuffer): Uint8Array {
  const [length = 0] = new Uint32Array(current, 0, 1);
  return Uint8Array.from(new Uint8Array(current, 4, length));
}

function describe({ target, result, findings }: Line): string {
  if (!result) return row(target, "", "", "", "", "", "", String(findings.length));
  const { executions, ms, corpus, discovered, coverage } = result.report;
  const { functions, functionsKnown, blocks, blocksKnown } = coverage;
  return row(
    target,
    String(executions),
    String(Math.round((executions * 1_000) / ms)),
    String(corpus.length - result.needless),
    String(discovered.length),
    `${functions}/${functionsKnown}`,
    `${blocks}/${blocksKnown}`,
    String(findings.length),
  );
}

function row(target: string, ...columns: readonly string[]): string {
  return target.padEnd(16) + columns.map((column) => column.padStart(11)).join("");
}

/** Writes an input to where it can be looked at; returns the file. */
function save(target: string, input: Uint8Array): string {
  mkdirSync(values.findings, { recursive: true });
  const file = path.join(values.findings, `${target}-${inputName(input)}`);
  writeFileSync(file, input);
  return file;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

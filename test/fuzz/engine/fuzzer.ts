import { Coverage, type CoverageSummary } from "./coverage.ts";
import { Executor, type Finding } from "./executor.ts";
import { Mutator } from "./mutator.ts";
import { Random } from "./random.ts";
import type { Target } from "./target.ts";

/** A take of the coverage costs about a millisecond: a batch shall take several times as long, and is found by its time. */
const BATCH_MS = 12;
const MIN_BATCH = 8;
const MAX_BATCH = 2_048;
/** A batch that takes so long holds an input that is worth timing. */
const SLOW_BATCH_MS = 500;
const TRIMS = 48;
/** Different findings after which a search ends, unless told otherwise. */
const MAX_FINDINGS = 10;
/** Inputs of the last discoveries are tried more often: what lies behind them is new as well. */
const RECENT = 12;

export interface FuzzOptions {
  readonly seed: number;
  /** Ends after so many milliseconds ... */
  readonly ms?: number;
  /** ... or so many executions, whichever comes first. */
  readonly executions?: number;
  /** ... or so many different findings. */
  readonly maxFindings?: number;
  /** Inputs to begin with. */
  readonly corpus: readonly Uint8Array[];
  /** Mutants a batch. Without it their number follows the machine's pace, and a seed does not repeat a search exactly. */
  readonly batch?: number;
  /** False: coverage is not looked at, which makes it a random search. For comparisons. */
  readonly guided?: boolean;
  /** Told before every execution, so that someone else knows what it was if it never ends. */
  readonly onExecute?: (input: Uint8Array) => void;
  /** Told of every input that reached something new. */
  readonly onDiscovery?: (input: Uint8Array) => void;
}

export interface FuzzReport {
  readonly executions: number;
  readonly ms: number;
  /** Inputs that the search works with. */
  readonly corpus: readonly Uint8Array[];
  /** Those of them that were found in this run. */
  readonly discovered: readonly Uint8Array[];
  readonly coverage: CoverageSummary;
  readonly findings: readonly Finding[];
}

/**
 * Searches for inputs that break an invariant of the target, guided by the blocks that they reach.
 *
 * Mutants run in batches. When a batch reached something new it is halved until the inputs that did it are found; they are
 * cut as short as keeps what they reach, and join the corpus.
 */
export function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  return new Search(target, options).run();
}

class Search {
  private readonly target: Target;
  private readonly options: FuzzOptions;
  private readonly guided: boolean;
  private readonly executor: Executor;
  private readonly coverage: Coverage;
  private readonly random: Random;
  private readonly mutator: Mutator;
  private readonly corpus: Uint8Array[] = [];
  private readonly discovered: Uint8Array[] = [];
  private readonly findings = new Map<string, Finding>();
  private batch: number;

  constructor(target: Target, options: FuzzOptions) {
    this.target = target;
    this.options = options;
    this.guided = options.guided ?? true;
    this.batch = options.batch ?? MIN_BATCH;
    this.executor = new Executor(target);
    this.coverage = new Coverage(target.sources);
    this.random = new Random(options.seed);
    this.mutator = new Mutator(this.random, target.dictionary, target.maxLen);
  }

  async run(): Promise<FuzzReport> {
    const from = performance.now();
    const { ms = Number.POSITIVE_INFINITY, executions = Number.POSITIVE_INFINITY } = this.options;
    const { maxFindings = MAX_FINDINGS } = this.options;
    try {
      this.begin();
      await turn();
      while (
        performance.now() - from < ms &&
        this.executor.executions < executions &&
        this.findings.size < maxFindings
      ) {
        this.step();
        // What an input left waiting (services do) comes to its end between two batches.
        await turn();
      }
    } finally {
      this.executor.close();
    }
    return {
      executions: this.executor.executions,
      ms: performance.now() - from,
      corpus: this.corpus,
      discovered: this.discovered,
      coverage: this.coverage.summary(),
      findings: [...this.findings.values()],
    };
  }

  /** The corpus as it is: everything in it is kept, what it reaches is known. Loading the target counts as reached. */
  private begin(): void {
    this.coverage.isNew(this.coverage.take(), true);
    const { maxLen, seeds = [] } = this.target;
    for (const input of [...seeds, ...this.options.corpus]) {
      const cut = input.slice(0, maxLen);
      this.execute(cut);
      this.corpus.push(cut);
    }
    if (this.corpus.length === 0) this.corpus.push(new Uint8Array(Math.min(32, maxLen)));
    this.coverage.isNew(this.coverage.take(), true);
  }

  private step(): void {
    const inputs = Array.from({ length: this.batch }, () => this.mutant());
    const from = performance.now();
    for (const input of inputs) this.execute(input);
    const took = performance.now() - from;
    if (took > SLOW_BATCH_MS) for (const input of inputs) this.note(this.executor.tooSlow(input));
    if (this.options.batch === undefined) this.batch = paced(this.batch, took);
    if (!this.guided) return;
    const delta = this.coverage.take();
    if (!this.coverage.isNew(delta, false)) return;
    this.sift(inputs);
    // What only this very order of inputs reached is not worth a second search.
    this.coverage.isNew(delta, true);
  }

  /** Finds the inputs of a batch that reach something new. */
  private sift(inputs: readonly Uint8Array[]): void {
    const [only] = inputs;
    if (inputs.length === 1 && only) {
      this.discover(only);
      return;
    }
    const half = inputs.length >> 1;
    for (const part of [inputs.slice(0, half), inputs.slice(half)]) {
      for (const input of part) this.execute(input);
      if (this.coverage.isNew(this.coverage.take(), false)) this.sift(part);
    }
  }

  private discover(input: Uint8Array): void {
    const kept = this.trim(input);
    const finding = this.execute(kept);
    this.coverage.isNew(this.coverage.take(), true);
    this.corpus.push(kept);
    this.discovered.push(kept);
    const what = finding ? undefined : this.executor.inspect(kept);
    this.note(what ? { input: kept, what } : undefined);
    this.options.onDiscovery?.(kept);
  }

  /** Cuts pieces out for as long as what is left reaches something new. */
  private trim(input: Uint8Array): Uint8Array {
    let kept = input;
    let size = Math.max(1, input.length >> 1);
    let at = 0;
    for (let tries = 0; tries < TRIMS && kept.length > 1; tries++) {
      if (at >= kept.length) {
        if (size === 1) break;
        size >>= 1;
        at = 0;
      }
      const cut = Uint8Array.from([...kept.subarray(0, at), ...kept.subarray(at + size)]);
      this.target.mend?.(cut);
      this.execute(cut);
      if (this.coverage.isNew(this.coverage.take(), false)) kept = cut;
      else at += size;
    }
    return kept;
  }

  private mutant(): Uint8Array {
    const { random, corpus } = this;
    const recent = random.chance(0.4) ? corpus.slice(-RECENT) : corpus;
    const parent = random.pick(recent) ?? new Uint8Array(0);
    const mutant = this.mutator.mutate(parent, random.pick(corpus) ?? parent);
    // Now and then a wrong checksum is what is to be tested.
    if (random.chance(0.95)) this.target.mend?.(mutant);
    return mutant;
  }

  private execute(input: Uint8Array): Finding | undefined {
    this.options.onExecute?.(input);
    const finding = this.executor.execute(input);
    this.note(finding);
    return finding;
  }

  private note(finding: Finding | undefined): void {
    if (!finding) return;
    const key = finding.what.replace(/\d+/g, "N");
    const known = this.findings.get(key);
    if (!known || finding.input.length < known.input.length) this.findings.set(key, finding);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The batch that is to take `BATCH_MS`, after one that took `ms`. */
function paced(batch: number, ms: number): number {
  const wanted = (batch * BATCH_MS) / Math.max(ms, 0.1);
  const step = Math.min(Math.max(wanted, batch / 2), batch * 2);
  return Math.round(Math.min(Math.max(step, MIN_BATCH), MAX_BATCH));
}

import { type Profiler, Session } from "node:inspector";

/** The covered characters of one script, and the blocks that V8 has told of. */
interface Script {
  covered: Uint8Array;
  now: Uint8Array;
  readonly blocks: Map<number, Set<number>>;
  readonly functions: Map<number, boolean>;
}

/** How much of the sources was reached. */
export interface CoverageSummary {
  readonly functions: number;
  readonly functionsKnown: number;
  readonly blocks: number;
  readonly blocksKnown: number;
}

/** What ran since the last take. */
export type Delta = readonly Profiler.ScriptCoverage[];

let session: Session | undefined;

/**
 * V8's precise block coverage (inspector, Profiler domain), of this thread.
 *
 * A take costs about a millisecond and an execution a few microseconds, so executions are taken in batches. Start it before
 * the code in question is loaded: V8 puts the counters in when it compiles.
 */
export function startCoverage(): void {
  if (session) return;
  session = new Session();
  session.connect();
  post("Profiler.enable");
  post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
}

/** Takes the counters away again. */
export function stopCoverage(): void {
  if (!session) return;
  post("Profiler.stopPreciseCoverage");
  session.disconnect();
  session = undefined;
}

/** What was reached so far in files whose path contains one of `sources`. */
export class Coverage {
  private readonly sources: readonly string[];
  private readonly scripts = new Map<string, Script>();

  constructor(sources: readonly string[]) {
    this.sources = sources;
  }

  /** What ran since the last take of this thread, whoever took it. */
  take(): Delta {
    const { result } = post("Profiler.takePreciseCoverage") as {
      result: Profiler.ScriptCoverage[];
    };
    return result.filter(({ url }) => this.sources.some((part) => url.includes(part)));
  }

  /** Whether a delta reached something new; `keep` adds it to what was reached. */
  isNew(delta: Delta, keep: boolean): boolean {
    let fresh = false;
    for (const { url, functions } of delta) {
      const script = this.script(url, functions);
      paint(script, functions);
      if (merge(script, functions, keep)) fresh = true;
    }
    return fresh;
  }

  summary(): CoverageSummary {
    let functions = 0;
    let functionsKnown = 0;
    let blocks = 0;
    let blocksKnown = 0;
    for (const script of this.scripts.values()) {
      functionsKnown += script.functions.size;
      for (const called of script.functions.values()) if (called) functions += 1;
      for (const [start, ends] of script.blocks) {
        blocksKnown += ends.size;
        if (script.covered[start]) blocks += ends.size;
      }
    }
    return { functions, functionsKnown, blocks, blocksKnown };
  }

  private script(url: string, functions: readonly Profiler.FunctionCoverage[]): Script {
    let script = this.scripts.get(url);
    if (!script) {
      const none = new Uint8Array(0);
      script = { covered: none, now: none, blocks: new Map(), functions: new Map() };
      this.scripts.set(url, script);
    }
    let size = script.covered.length;
    for (const { ranges } of functions) size = Math.max(size, ranges[0]?.endOffset ?? 0);
    if (size > script.covered.length) {
      const grown = new Uint8Array(size);
      grown.set(script.covered);
      script.covered = grown;
      script.now = new Uint8Array(size);
    }
    return script;
  }
}

/** Paints what ran: V8 lists outer ranges before inner ones, and leaves out a block that ran as often as the one around it. */
function paint(script: Script, functions: readonly Profiler.FunctionCoverage[]): void {
  script.now.fill(0);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      script.now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
  }
}

function merge(
  script: Script,
  functions: readonly Profiler.FunctionCoverage[],
  keep: boolean,
): boolean {
  const { covered, now } = script;
  let fresh = false;
  for (let i = 0; i < now.length && (keep || !fresh); i++) {
    if (now[i] === 1 && covered[i] === 0) {
      fresh = true;
      if (keep) covered[i] = 1;
    }
  }
  if (!keep) return fresh;
  for (const { ranges } of functions) {
    const [whole] = ranges;
    if (!whole) continue;
    const called = whole.count > 0 || script.functions.get(whole.startOffset) === true;
    script.functions.set(whole.startOffset, called);
    for (const { startOffset, endOffset } of ranges) {
      const ends = script.blocks.get(startOffset) ?? new Set();
      script.blocks.set(startOffset, ends.add(endOffset));
    }
  }
  return fresh;
}

/** Commands of the inspector are answered at once in the thread's own session. */
function post(method: string, params: object = {}): unknown {
  let answer: unknown;
  session?.post(method, params, (error, result) => {
    if (error) throw error;
    answer = result;
  });
  return answer;
}

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCoverage, stopCoverage } from "../../fuzz/engine/coverage.ts";
import { Executor } from "../../fuzz/engine/executor.ts";
import { fuzz } from "../../fuzz/engine/fuzzer.ts";
import { Mutator } from "../../fuzz/engine/mutator.ts";
import { Random } from "../../fuzz/engine/random.ts";

// Any seed finds the planted bug in about 100,000; the search without coverage has one chance in millions.
const EXECUTIONS = 1_000_000;
const SEED = 20;

beforeAll(() => startCoverage());
afterAll(() => stopCoverage());

describe("the fuzzer", () => {
  it("finds a bug behind four nested conditions, which a random search of the same length does not", {
    timeout: 60_000,
  }, async () => {
    const { planted } = await import("../../fuzz/engine/planted.ts");
    const corpus = [new Uint8Array(32)];
    const guided = await fuzz(planted, {
      seed: SEED,
      executions: EXECUTIONS,
      maxFindings: 1,
      corpus,
    });
    const [finding] = guided.findings;
    expect(finding?.what).toContain("planted");
    expect([3, 17, 9, 22].map((i) => finding?.input[i])).toEqual([0xb7, 0x4e, 0x91, 0x2c]);
    const { executions } = guided;
    const random = await fuzz(planted, { seed: SEED, executions, corpus, guided: false });
    expect(random.executions).toBeGreaterThanOrEqual(executions);
    expect(random.findings).toEqual([]);
  });

  it("repeats itself from its seed", () => {
    const mutants = (seed: number): Uint8Array[] => {
      const mutator = new Mutator(new Random(seed), [Uint8Array.of(7, 7)], 100);
      const parent = new Uint8Array(20);
      return Array.from({ length: 200 }, () => mutator.mutate(parent, Uint8Array.of(1, 2, 3)));
    };
    expect(mutants(1)).toEqual(mutants(1));
    expect(mutants(1)).not.toEqual(mutants(2));
    expect(Math.max(...mutants(3).map((m) => m.length))).toBeLessThanOrEqual(100);
  });
});

describe("the executor", () => {
  const WRONGS: readonly (readonly [number, RegExp])[] = [
    [1, /depends on what lies around the window/],
    [2, /RangeError/],
    [3, /reads 1 octets at 32 of a window of 32/],
    [4, /allocates more than/],
    [5, /name leaves the window/],
    [6, /reads more than/],
    [7, /depends on what lies around/],
  ];

  it.each(WRONGS)("sees what decoder %i does wrong", async (kind, words) => {
    const { careless } = await import("../../fuzz/engine/planted.ts");
    const executor = new Executor(careless);
    try {
      const input = Uint8Array.of(kind, 9, ...new Uint8Array(30));
      expect(executor.execute(input)?.what ?? executor.inspect(input)).toMatch(words);
      expect(executor.execute(new Uint8Array(32))).toBeUndefined();
      expect(executor.inspect(new Uint8Array(32))).toBeUndefined();
    } finally {
      executor.close();
    }
  });
});

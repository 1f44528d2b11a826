import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Corpus } from "../../fuzz/engine/corpus.ts";
import { startCoverage, stopCoverage } from "../../fuzz/engine/coverage.ts";
import { Executor } from "../../fuzz/engine/executor.ts";
import { fuzz } from "../../fuzz/engine/fuzzer.ts";
import { TARGETS } from "../../fuzz/targets/all.ts";
import { toHex } from "../../support/hex.ts";

// PILOTLIGHT_FUZZ_SEED=n repeats a round.
const { PILOTLIGHT_FUZZ_SEED = "20260101" } = process.env;
const SEED = Number(PILOTLIGHT_FUZZ_SEED);
/** Mutants that each target gets here: counted and not timed, so that a loaded machine does as much as an idle one. */
const MUTANTS = 1_500;
/** Fixed, so that the seed decides which mutants there are. */
const BATCH = 64;

beforeAll(() => startCoverage());
afterAll(() => stopCoverage());

describe.each([...TARGETS])("%s", (name, load) => {
  const folder = fileURLToPath(new URL(`../../fuzz/corpus/${name}`, import.meta.url));
  const corpus = new Corpus(folder).load();

  it(`holds on every input of its corpus (${corpus.length})`, { timeout: 60_000 }, async () => {
    expect(corpus.length).toBeGreaterThan(0);
    const target = await load();
    const executor = new Executor(target);
    try {
      for (const { name: file, input } of corpus) {
        expect(executor.execute(input)?.what, file).toBeUndefined();
        expect(executor.inspect(input), file).toBeUndefined();
      }
    } finally {
      executor.close();
    }
  });

  it(`holds in a short round with seed ${SEED}`, { timeout: 60_000 }, async () => {
    const target = await load();
    const inputs = corpus.map(({ input }) => input);
    const { findings, executions } = await fuzz(target, {
      seed: SEED,
      executions: inputs.length + MUTANTS,
      batch: BATCH,
      corpus: inputs,
    });
    expect(executions).toBeGreaterThanOrEqual(inputs.length + MUTANTS);
    expect(findings.map(({ input, what }) => `${what}: ${toHex(new Octets(input))}`)).toEqual([]);
  });
});

import { type Corpus, type CorpusEntry, isSeed } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { Executor } from "./executor.ts";
import type { Target } from "./target.ts";

/** Takes out of a corpus what reaches nothing that shorter inputs and the seeds do not reach; returns how many went. */
export function minimise(target: Target, corpus: Corpus): number {
  const executor = new Executor(target);
  const coverage = new Coverage(target.sources);
  const entries = corpus.load();
  const reachesNew = ({ input }: CorpusEntry): boolean => {
    executor.execute(input);
    return coverage.isNew(coverage.take(), true);
  };
  try {
    coverage.isNew(coverage.take(), true);
    for (const seed of entries.filter(isSeed)) reachesNew(seed);
    const needless = entries.filter((entry) => !isSeed(entry) && !reachesNew(entry));
    for (const entry of needless) corpus.remove(entry);
    return needless.length;
  } finally {
    executor.close();
  }
}

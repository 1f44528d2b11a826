import type { Budgets } from "../../../boards/board.ts";
import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import { publishedDigest } from "../../assets/checksums/published-digest.ts";
import { ChunkCache } from "../../assets/chunk-cache.ts";
import { AssetKeeper } from "../../assets/fetch/asset-keeper.ts";
import { FETCH_LIMITS } from "../../assets/fetch/keeper-options.ts";
import { layoutSource, OciLayout } from "../../assets/stores/layout-source.ts";
import { Mirrors } from "../../assets/stores/mirrors.ts";
import { openSource } from "../../assets/stores/open-source.ts";
import { createStoreEnvironment } from "../../assets/stores/store-environment.ts";
import { treat } from "../../assets/treatment/treat.ts";
import { systemClock } from "../../link/clock.ts";
import type { Site } from "../../site/site.ts";

const KIB = 1024;

/** What a keeper of a command's own is made of. */
export interface OwnKeeperInput {
  readonly site: Site;
  readonly cache: DiskCache;
  readonly budgets: Budgets;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Of this software. */
  readonly version: string;
  readonly warn: (text: string) => void;
  readonly crash: (bug: unknown) => void;
}

/** A keeper for as long as a command runs. Nothing is served by it, so it needs no memory for contents and nobody boots. */
export interface OwnKeeper {
  readonly keeper: AssetKeeper;
  /** Ends transfers, which the next one goes on with. The cache stays open. */
  close(): Promise<void>;
}

/** The agent's own way from stores to the cache, in the process of a command. */
export function ownKeeper(input: OwnKeeperInput): OwnKeeper {
  const { site, cache, budgets } = input;
  const stores = createStoreEnvironment(input);
  const layout = new OciLayout(cache.dir);
  const keeper = new AssetKeeper({
    cache,
    chunks: new ChunkCache(budgets.chunkKiB * KIB, 0),
    openSource: (spec) => openSource(spec, stores),
    local: (spec) => layoutSource(layout, spec),
    mirrors: new Mirrors(),
    treat,
    publishedDigest,
    journal: { note: () => undefined },
    clock: systemClock,
    wallMs: Date.now,
    random: Math.random,
    bootsRunning: () => false,
    versions: site.cache.versions,
    limits: { ...FETCH_LIMITS, concurrent: budgets.fetches },
    crash: input.crash,
  });
  return {
    keeper,
    async close() {
      try {
        await keeper.stop();
      } finally {
        await stores.close();
      }
    },
  };
}

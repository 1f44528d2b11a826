import type { Budgets } from "../../../boards/board.ts";
import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import { ChunkCache } from "../../assets/chunk-cache.ts";
import type { AssetKeeper } from "../../assets/fetch/asset-keeper.ts";
import { siteKeeper } from "../../assets/site-keeper.ts";
import { createStoreEnvironment } from "../../assets/stores/store-environment.ts";
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
  const keeper = siteKeeper({
    site,
    cache,
    chunks: new ChunkCache(budgets.chunkKiB * KIB, 0),
    stores,
    budgets,
    journal: { note: () => undefined },
    clock: systemClock,
    bootsRunning: () => false,
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

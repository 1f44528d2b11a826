import type { Budgets } from "../../boards/board.ts";
import type { Clock } from "../link/clock.ts";
import type { Site } from "../site/site.ts";
import { type Database, openDatabase } from "../state/database.ts";
import { type DiskCache, openDiskCache } from "./cache/disk-cache.ts";
import { cacheLimit } from "./cache-limit.ts";
import { ChunkCache } from "./chunk-cache.ts";
import type { AssetDraft } from "./fetch/asset-draft.ts";
import type { AssetKeeper } from "./fetch/asset-keeper.ts";
import type { JournalSink } from "./fetch/keeper-options.ts";
import { Scrubber, type ScrubState } from "./fetch/scrubber.ts";
import { siteKeeper } from "./site-keeper.ts";
import type { LocalSource } from "./stores/local-source.ts";
import type { Source } from "./stores/source.ts";
import { createStoreEnvironment, type StoreEnvironment } from "./stores/store-environment.ts";
import { watchSources } from "./stores/watch.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 24 * 60 * 60_000;
/** Every blob is read again once in so long. */
const SCRUB_EVERY_MS = 30 * DAY_MS;
/** Rest after each piece of 256 KiB: 5 MB a second at most. */
const SCRUB_REST_MS = 50;
const SCRUB_TABLE = "cache.scrub";
const SCRUB_KEY = "round";

/** What the assets of a site are opened with. */
export interface OpenAssetsInput {
  /** The first one; another may follow. */
  readonly site: Site;
  readonly budgets: Budgets;
  /** The state folder's database when the caller has it open: it is then not closed here. */
  readonly database?: Database;
  /** See `agent/state/state-folder.ts`. */
  readonly stateDir: string;
  /** The agent's environment: proxies, and secrets that the site refers to. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Of this software. */
  readonly version: string;
  readonly journal: JournalSink;
  /** For the operator: what should be mended and stops nothing. */
  readonly warn: (text: string) => void;
  readonly clock: Clock;
  readonly bootsRunning: () => boolean;
  /** Digests that machines are reading beside what is served now. */
  readonly inUse: () => Iterable<string>;
  /** Told of what no operator can mend. */
  readonly crash: (bug: unknown) => void;
}

/** The assets of an agent's site, out of a cache on disk that is kept filled. */
export interface OpenAssets {
  readonly keeper: AssetKeeper;
  readonly cache: DiskCache;
  readonly stores: StoreEnvironment;
  readonly database: Database;
  /** Serves another site from now on, for whose plans `keeper.draft` gave the slots. What it needs is to be prefetched then. */
  adopt(draft: AssetDraft, site: Site): void;
  /** Begins to watch files of this host that the site names, and to read the cache again now and then. */
  watch(): void;
  /** Suspends what is being fetched and closes everything, in order. */
  close(): Promise<void>;
}

/** Opens them. Rejects with E_CACHE or E_STATE, and then nothing is left open. */
export async function openAssets(input: OpenAssetsInput): Promise<OpenAssets> {
  const { site, budgets, stateDir, clock, bootsRunning, crash } = input;
  const limit = cacheLimit(budgets, site);
  const database = input.database ?? openDatabase({ dir: `${stateDir}/db`, replaceDamaged: true });
  const closeDatabase = async (): Promise<void> => {
    if (!input.database) await database.close();
  };
  let cache: DiskCache;
  try {
    cache = await openDiskCache({ stateDir, limit, database, hashThread: budgets.hashThread });
  } catch (error) {
    await closeDatabase();
    throw error;
  }
  const stores = createStoreEnvironment(input);
  const watched = new Map<string, LocalSource>();
  const keeper = siteKeeper({
    site,
    cache,
    chunks: new ChunkCache(budgets.chunkKiB * KIB, budgets.chunkCacheMiB * MIB),
    stores,
    budgets,
    journal: input.journal,
    clock,
    bootsRunning,
    inUse: input.inUse,
    opened: (source) => {
      if (isLocal(source)) watched.set(source.id, source);
    },
    crash,
  });
  const rounds = database.table<ScrubState>(SCRUB_TABLE);
  const scrubber = new Scrubber({
    cache,
    memory: {
      read: () => rounds.get(SCRUB_KEY),
      write: async (state) => {
        await database.transaction(() => rounds.putSync(SCRUB_KEY, state));
      },
    },
    clock,
    wallMs: Date.now,
    bootsRunning,
    damaged: (digest) => keeper.damaged(digest),
    everyMs: SCRUB_EVERY_MS,
    restMs: SCRUB_REST_MS,
    crash,
  });
  let watching: { close(): void } | undefined;
  return {
    keeper,
    cache,
    stores,
    database,
    adopt(draft, next) {
      cache.setLimit(cacheLimit(budgets, next));
      keeper.adopt(draft, next);
    },
    watch() {
      for (const id of [...watched.keys()]) if (!keeper.uses(id)) watched.delete(id);
      // What changes while one watch takes over from the other is seen by both rather than by none.
      const before = watching;
      watching = watchSources([...watched.values()], (id) => keeper.changed(id));
      before?.close();
      scrubber.start();
    },
    async close() {
      watching?.close();
      await scrubber.stop();
      try {
        await keeper.stop();
      } finally {
        await cache.close();
        await stores.close();
        await closeDatabase();
      }
    },
  };
}

function isLocal(source: Source): source is LocalSource {
  return source.local && "directory" in source;
}

import type { Budgets } from "../../boards/board.ts";
import type { Clock } from "../link/clock.ts";
import type { Site } from "../site/site.ts";
import type { DiskCache } from "./cache/disk-cache.ts";
import { publishedDigest } from "./checksums/published-digest.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import { AssetKeeper } from "./fetch/asset-keeper.ts";
import { FETCH_LIMITS, type JournalSink } from "./fetch/keeper-options.ts";
import { layoutSource, OciLayout } from "./stores/layout-source.ts";
import { Mirrors } from "./stores/mirrors.ts";
import { openSource } from "./stores/open-source.ts";
import type { Source } from "./stores/source.ts";
import type { StoreEnvironment } from "./stores/store-environment.ts";
import { treat } from "./treatment/treat.ts";

/** What a site's keeper is made of; who made a part closes it. */
export interface SiteKeeperInput {
  readonly site: Site;
  readonly cache: DiskCache;
  readonly chunks: ChunkCache;
  readonly stores: StoreEnvironment;
  readonly budgets: Budgets;
  readonly journal: JournalSink;
  readonly clock: Clock;
  readonly bootsRunning: () => boolean;
  /** Digests that machines are reading beside what is served now. */
  readonly inUse?: () => Iterable<string>;
  /** Told of each source that assets come from, when it is first needed. */
  readonly opened?: (source: Source) => void;
  /** Told of what no operator can mend. */
  readonly crash: (bug: unknown) => void;
}

/** The one way from stores to the cache: for an agent, and for a command that fetches without one. */
export function siteKeeper(input: SiteKeeperInput): AssetKeeper {
  const { site, cache, chunks, stores, budgets, journal, clock } = input;
  const { bootsRunning, inUse, opened, crash } = input;
  const layout = new OciLayout(cache.dir);
  return new AssetKeeper({
    cache,
    chunks,
    openSource: (spec) => {
      const source = openSource(spec, stores);
      opened?.(source);
      return source;
    },
    local: (spec) => layoutSource(layout, spec),
    mirrors: new Mirrors(),
    treat,
    publishedDigest,
    journal,
    clock,
    wallMs: Date.now,
    random: Math.random,
    bootsRunning,
    ...(inUse ? { inUse } : {}),
    named: (name) => site.assets.has(name),
    versions: site.cache.versions,
    limits: { ...FETCH_LIMITS, concurrent: budgets.fetches },
    crash,
  });
}

import { setImmediate } from "node:timers/promises";
import { AgentError } from "../../errors.ts";
import type { AssetSpec, Site } from "../../site/site.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Assets, Slot } from "../slot.ts";
import type { Source } from "../stores/source.ts";
import { AssetDraft } from "./asset-draft.ts";
import { FetchJournal } from "./fetch-journal.ts";
import { Fetcher, type Job, type JobPhase } from "./fetcher.ts";
import type { KeeperOptions } from "./keeper-options.ts";
import { type AssetHost, KeptAsset } from "./kept-asset.ts";
import { Origin } from "./origin.ts";
import type { OriginHost } from "./origin-host.ts";
import { Refresher } from "./refresher.ts";
import { Room } from "./room.ts";
import { assetStatus, isPlausible, type KeeperStatus } from "./status.ts";
import { Turns } from "./turns.ts";

/** How often it is looked whether machines still boot, while a newer version waits for that, ms. */
const QUIET_MS = 5_000;
/** Assets that are looked at in one turn of the event loop. */
const AT_ONCE = 32;
/** Digests that are remembered as read from end to end. */
const MAX_CHECKED = 4_096;
/** An asset that was due while the agent was off is refreshed within this, and files of this host at once, ms. */
const OVERDUE_MS = 5 * 60_000;
const LOCAL_MS = 2_000;

/**
 * The site's assets out of the cache: what is missing is fetched, what has changed is found out, and nothing is served
 * that is not what it should be.
 */
export class AssetKeeper implements Assets, AssetHost, OriginHost {
  o: KeeperOptions;
  readonly room: Room;
  readonly turns: Turns = new Turns();
  readonly journal: FetchJournal;
  readonly condemned: Set<string> = new Set();
  private readonly fetcher: Fetcher;
  private readonly refresher: Refresher;
  private assets = new Map<string, KeptAsset>();
  private readonly origins = new Map<string, Origin>();
  private readonly opened = new WeakMap<KeptAsset, readonly Source[]>();
  private readonly originOf = new Map<KeptAsset, Origin>();
  private readonly bySource = new Map<string, Set<Origin>>();
  private readonly whole = new Set<string>();
  private readonly work = new Set<Promise<void>>();
  private readonly unquiet = new Set<KeptAsset>();
  private readonly tellBug: (bug: unknown) => void;
  private cancelQuiet: (() => void) | undefined;
  private ended: Promise<void> | undefined;
  private bug: { readonly thrown: unknown } | undefined;

  constructor(options: KeeperOptions) {
    this.o = { ...options, crash: (bug) => this.crash(bug) };
    this.tellBug = options.crash;
    const { cache, clock, random, bootsRunning } = options;
    this.journal = new FetchJournal(options.journal);
    this.room = new Room(cache, (blobs, octets) => this.journal.evicted(blobs, octets));
    const { concurrent } = options.limits;
    const crash = (bug: unknown): void => this.crash(bug);
    this.fetcher = new Fetcher({ clock, random, concurrent, crash });
    const due = (job: Job): void => this.fetcher.submit(job);
    this.refresher = new Refresher({ clock, random, bootsRunning, due });
    cache.protect(
      () => this.inUse(),
      (name) => this.o.named?.(name) ?? true,
    );
    cache.onDamage((digest) => this.damaged(digest));
    if (!isPlausible(options.wallMs())) this.journal.clock(options.wallMs());
  }

  get chunks(): ChunkCache {
    return this.o.chunks;
  }

  get stopped(): boolean {
    return this.ended !== undefined;
  }

  slot(spec: AssetSpec): Slot {
    return this.asset(spec);
  }

  /** What plans of another site are made of, while this one is served on: nothing is fetched for it before `adopt`. */
  draft(): AssetDraft {
    return new AssetDraft(this.o.chunks, (spec) => this.same(spec) ?? new KeptAsset(spec, this));
  }

  /**
   * Serves another site from now on. What both say in the same words is the same asset: it is neither fetched nor looked at
   * anew. What the new one does not have is fetched no further; whoever reads it reads on.
   */
  adopt(draft: AssetDraft, site: Pick<Site, "assets" | "cache">): void {
    const { assets } = draft;
    for (const asset of this.assets.values()) {
      const wanted = site.assets.get(asset.name);
      if (wanted && !assets.has(asset.name) && this.same(wanted)) assets.set(asset.name, asset);
      if (assets.get(asset.name) !== asset) this.retire(asset);
    }
    this.assets = assets;
    this.o = { ...this.o, versions: site.cache.versions, named: (name) => site.assets.has(name) };
  }

  /** Whether any asset comes from a source with this id. */
  uses(sourceId: string): boolean {
    return this.bySource.has(sourceId);
  }

  /**
   * Fetches all of `specs` that are not in the cache, in this order, and refreshes the others on their schedule.
   *
   * Resolves when each has been looked at, which is long before all are fetched.
   */
  async prefetch(specs: Iterable<AssetSpec>): Promise<void> {
    let order = 0;
    for (const spec of specs) {
      if (this.stopped) return;
      const asset = this.asset(spec);
      const origin = this.origin(asset);
      if (asset.needs) this.fetcher.submit(origin, order);
      order += 1;
      if (order % AT_ONCE === 0) await setImmediate();
    }
  }

  /** A file or folder of this host has changed: `Source.id` of it. */
  changed(sourceId: string): void {
    for (const origin of this.bySource.get(sourceId) ?? []) this.fetcher.renew(origin);
  }

  /** Asks the store of an asset now, whatever the schedule says. */
  refresh(spec: AssetSpec): void {
    this.fetcher.renew(this.origin(this.asset(spec)));
  }

  /** Records were changed by another process (a rollback): what is served follows at once. */
  recheck(): void {
    for (const asset of this.assets.values()) asset.reread();
  }

  /** A blob turned out to be damaged: it is taken out, and fetched again if it is needed. */
  damaged(digest: string): void {
    if (!this.stopped) this.background(this.condemn(digest, "a read found it damaged"));
  }

  async condemn(digest: string, why: string): Promise<void> {
    if (this.condemned.has(digest)) return;
    this.condemned.add(digest);
    this.whole.delete(digest);
    const affected: KeptAsset[] = [];
    for (const asset of this.assets.values()) if (asset.damaged(digest)) affected.push(asset);
    const names = affected.map((a) => a.name).join(", ");
    this.journal.damaged(names === "" ? "cache" : names, digest);
    try {
      await this.o.cache.condemn(digest, why);
    } finally {
      this.condemned.delete(digest);
    }
    for (const asset of affected) this.fetcher.renew(this.origin(asset));
  }

  /** What is served, what is on its way and what is wrong. Rejects with E_CACHE. */
  async status(): Promise<KeeperStatus> {
    const nowMs = this.o.wallMs();
    // Eviction takes versions out of records, and so do other processes.
    this.recheck();
    const assets = [...this.assets.values()].map((asset) => {
      const origin = this.originOf.get(asset);
      const job = origin ? this.fetcher.state(origin) : ({ phase: "idle", tries: 0 } as const);
      return assetStatus(asset, origin, job, origin && this.refresher.inMs(origin));
    });
    const clock = { nowMs, plausible: isPlausible(nowMs) };
    return { assets, cache: await this.o.cache.usage(), clock };
  }

  /**
   * Ends all transfers, which go on from where they are at the next start. The cache may be closed when it has resolved.
   *
   * Rejects with the first bug of ours that came up meanwhile.
   */
  stop(): Promise<void> {
    this.ended ??= this.end();
    return this.ended;
  }

  private async end(): Promise<void> {
    this.refresher.stop();
    this.cancelQuiet?.();
    await this.fetcher.stop();
    while (this.work.size > 0) await Promise.all(this.work);
    for (const asset of this.assets.values()) asset.settle();
    if (this.bug) throw this.bug.thrown;
  }

  // What assets and origins ask of their keeper.

  sourceIds(asset: KeptAsset): ReadonlySet<string> {
    return new Set(this.sourcesOf(asset).map(({ id }) => id));
  }

  want(asset: KeptAsset): void {
    // A draft's assets are not fetched yet, those of an earlier site no longer.
    if (!this.stopped && this.assets.get(asset.name) === asset)
      this.fetcher.want(this.origin(asset));
  }

  phase(of: KeptAsset | Job): JobPhase {
    const job = of instanceof KeptAsset ? this.originOf.get(of) : of;
    return job ? this.fetcher.phase(job) : "idle";
  }

  doing(asset: KeptAsset): string {
    return this.originOf.get(asset)?.doing() ?? `${asset.name} is not in the cache yet`;
  }

  whenQuiet(asset: KeptAsset): void {
    if (this.stopped) return;
    this.unquiet.add(asset);
    this.cancelQuiet ??= this.o.clock.after(QUIET_MS, () => {
      this.cancelQuiet = undefined;
      const assets = [...this.unquiet];
      this.unquiet.clear();
      // Those whose time has still not come ask again.
      for (const a of assets) a.reconsider();
    });
  }

  background(work: Promise<unknown>): void {
    const looked = work
      .then(
        () => undefined,
        (error: unknown) => {
          if (error instanceof AgentError) this.journal.failed("cache", error);
          else this.crash(error);
        },
      )
      .finally(() => this.work.delete(looked));
    this.work.add(looked);
  }

  postpone(job: Job): void {
    this.refresher.postpone(job);
  }

  isChecked(digest: string): boolean {
    return this.whole.has(digest);
  }

  checked(digest: string): void {
    if (this.whole.size >= MAX_CHECKED) this.whole.clear();
    this.whole.add(digest);
  }

  private crash(bug: unknown): void {
    this.bug ??= { thrown: bug };
    this.tellBug(bug);
  }

  /** The asset that is kept by just these words. */
  private same(spec: AssetSpec): KeptAsset | undefined {
    const known = this.assets.get(spec.name);
    return known && JSON.stringify(known.spec) === JSON.stringify(spec) ? known : undefined;
  }

  private retire(asset: KeptAsset): void {
    this.unquiet.delete(asset);
    asset.retire();
    const origin = this.originOf.get(asset);
    if (!origin) return;
    this.originOf.delete(asset);
    origin.assets.splice(origin.assets.indexOf(asset), 1);
    if (origin.assets.length > 0) return;
    this.origins.delete(origin.key);
    for (const [id, origins] of this.bySource) {
      if (origins.delete(origin) && origins.size === 0) this.bySource.delete(id);
    }
    this.fetcher.forget(origin);
    this.refresher.forget(origin);
  }

  private asset(spec: AssetSpec): KeptAsset {
    const known = this.assets.get(spec.name);
    if (known) return known;
    const asset = new KeptAsset(spec, this);
    this.assets.set(spec.name, asset);
    return asset;
  }

  private origin(asset: KeptAsset): Origin {
    const known = this.originOf.get(asset);
    if (known) return known;
    const { spec } = asset;
    const sources = this.sourcesOf(asset);
    // The source's whole description: an origin with other credentials is another one.
    const key = JSON.stringify([sources[0]?.id, spec.sources[0], spec.sha256, spec.checksums]);
    let origin = this.origins.get(key);
    if (!origin) {
      origin = new Origin(this, key);
      this.origins.set(key, origin);
    }
    this.originOf.set(asset, origin);
    origin.add(asset, sources, () => this.o.local?.(spec));
    for (const { id } of sources) {
      const origins = this.bySource.get(id) ?? new Set();
      this.bySource.set(id, origins.add(origin));
    }
    // One that runs or rests does not know of the newcomer yet.
    if (asset.needs && this.fetcher.phase(origin) !== "idle") this.fetcher.renew(origin);
    this.scheduleRefresh(asset, origin, sources);
    return origin;
  }

  private sourcesOf(asset: KeptAsset): readonly Source[] {
    const sources = this.opened.get(asset) ?? this.open(asset.spec);
    this.opened.set(asset, sources);
    return sources;
  }

  private open(spec: AssetSpec): readonly Source[] {
    return spec.sources.map((s) => {
      try {
        return this.o.openSource(s);
      } catch (error) {
        if (error instanceof AgentError) return unusable(spec, error);
        throw error;
      }
    });
  }

  private scheduleRefresh(asset: KeptAsset, origin: Origin, sources: readonly Source[]): void {
    const { refreshMs } = asset.spec;
    const random = this.o.random();
    if (!asset.isFromHere && !asset.needs) {
      // The site names other places than those that what is served came from.
      this.fetcher.renew(origin);
    }
    if (refreshMs === 0) {
      // They are watched from now on, but may have changed while nobody watched.
      if (sources.some((s) => s.local) && !asset.needs) {
        this.refresher.schedule(origin, 0, random * LOCAL_MS);
      }
      return;
    }
    const others = origin.assets.filter((a) => a !== asset).map((a) => a.spec.refreshMs);
    const everyMs = Math.min(refreshMs, ...others.filter((ms) => ms > 0));
    const agoMs = this.o.wallMs() - (asset.record?.checkedMs ?? Number.NEGATIVE_INFINITY);
    const due = everyMs * (0.8 + 0.4 * random);
    let firstMs = due;
    if (!asset.needs) {
      // A clock that went back says nothing about how long ago it was.
      const overdue = !(agoMs >= 0 && agoMs < due);
      firstMs = overdue ? random * Math.min(everyMs, OVERDUE_MS) : due - agoMs;
    }
    this.refresher.schedule(origin, everyMs, firstMs);
  }

  /** What must not be evicted: what is served or will be, and what is being unpacked. */
  private inUse(): ReadonlySet<string> {
    const digests = new Set<string>(this.o.inUse?.());
    for (const asset of this.assets.values()) {
      if (asset.version) digests.add(asset.version.digest);
      if (asset.awaited) digests.add(asset.awaited.digest);
    }
    for (const { inUse } of this.origins.values()) if (inUse !== undefined) digests.add(inUse);
    return digests;
  }
}

/** A source that cannot be asked, and says why. */
function unusable(spec: AssetSpec, error: AgentError): Source {
  return {
    id: `unusable ${spec.name}`,
    label: spec.name,
    local: false,
    probe: () => Promise.reject(error),
    open: () => Promise.reject(error),
  };
}

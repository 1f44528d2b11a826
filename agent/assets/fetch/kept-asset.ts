import { AgentError } from "../../errors.ts";
import type { AssetSpec } from "../../site/site.ts";
import type { AssetRecord, RefusedVersion, VersionRecord } from "../cache/records.ts";
import type { Content } from "../content.ts";
import type { Slot, SlotState } from "../slot.ts";
import { treatmentKey } from "../treatment/treatment.ts";
import { chooseVersion, demandedDigest, refusal } from "./choose-version.ts";
import type { FetchJournal } from "./fetch-journal.ts";
import type { JobPhase } from "./fetcher.ts";
import type { KeeperOptions } from "./keeper-options.ts";
import { withResolvers } from "./turns.ts";
import type { Unpacked } from "./unpack.ts";
import { type Got, versionOf, withVersion } from "./version-record.ts";

/** What an asset asks of its keeper. */
export interface AssetHost {
  readonly o: KeeperOptions;
  readonly journal: FetchJournal;
  /** Blobs that were found damaged and are on their way out of the cache. */
  readonly condemned: ReadonlySet<string>;
  readonly stopped: boolean;
  /** `Source.id` of all places that a site names for an asset. */
  sourceIds(asset: KeptAsset): ReadonlySet<string>;
  want(asset: KeptAsset): void;
  phase(asset: KeptAsset): JobPhase;
  /** In words, what is being done for an asset that waits. */
  doing(asset: KeptAsset): string;
  /** Calls `reconsider` when no machine boots any more. */
  whenQuiet(asset: KeptAsset): void;
  /** Looks after work that nobody waits for. */
  background(work: Promise<unknown>): void;
}

/** Why an asset could not be had, and since when (milliseconds since 1970). */
export interface Failure {
  readonly error: AgentError;
  readonly sinceMs: number;
}

interface Served {
  readonly version: VersionRecord;
  readonly content: Content;
}

/** How old a record may be when a machine asks: another process may have changed it. */
const REREAD_MS = 2_000;
/** How often a blob that is served is said to be in use. */
const TOUCH_MS = 60_000;

/** One asset of the site: what is served of it, and why. */
export class KeptAsset implements Slot {
  readonly name: string;
  readonly spec: AssetSpec;
  /** What a published list says that the newest version is; set by the origin, which asks it. */
  published: string | undefined;
  failure: Failure | undefined;
  /** Source digest that could not be unpacked. */
  untreatable: string | undefined;
  private readonly host: AssetHost;
  private readonly key: string;
  private begun = false;
  private retired = false;
  private readMs = 0;
  private touchedMs = Number.NEGATIVE_INFINITY;
  private known: AssetRecord | undefined;
  private served: Served | undefined;
  /** What will be served when no machine boots any more. */
  private next: VersionRecord | undefined;
  /** The version that was served and is damaged; `fallback`: it could not be had again, so another one may do. */
  private repair: { readonly version: VersionRecord; fallback: boolean } | undefined;
  private ids: ReadonlySet<string> | undefined;
  private waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(spec: AssetSpec, host: AssetHost) {
    this.name = spec.name;
    this.spec = spec;
    this.host = host;
    this.key = treatmentKey(spec.treatment);
  }

  current(): SlotState {
    if (!this.begun) this.begin();
    if (this.served) {
      this.touch(this.served.version.digest);
      return this.served.content;
    }
    if (this.host.stopped || this.retired) {
      const why = this.retired ? "the site has changed" : "the agent is stopping";
      return new AgentError("E_ASSET_PENDING", `asset "${this.name}": ${why}`);
    }
    let phase = this.host.phase(this);
    if (phase === "idle") {
      this.host.want(this);
      phase = this.host.phase(this);
    }
    if (phase === "resting" && this.failure) return this.failure.error;
    this.waiting ??= withResolvers();
    return { waiting: true, why: this.host.doing(this), settled: this.waiting.promise };
  }

  want(): void {
    if (this.retired) return;
    if (!this.begun) this.begin();
    else if (this.host.o.clock.now() - this.readMs >= REREAD_MS) this.reread();
    if (this.needs) this.host.want(this);
  }

  /** Whether something has to be fetched or unpacked for it. */
  get needs(): boolean {
    if (this.retired) return false;
    if (!this.begun) this.begin();
    return this.served === undefined || this.repair !== undefined;
  }

  get record(): AssetRecord | undefined {
    if (!this.begun) this.begin();
    return this.known;
  }

  /** The version that is served. */
  get version(): VersionRecord | undefined {
    if (!this.begun) this.begin();
    return this.served?.version;
  }

  /** A version that waits for the machines that boot now. */
  get awaited(): VersionRecord | undefined {
    return this.next;
  }

  /** The newest version that was fetched for the treatment that the site has now. */
  get newest(): VersionRecord | undefined {
    return this.record?.versions.find((v) => v.treatment === this.key);
  }

  /** The digest that octets of a store must have, where it is known before they are fetched. */
  get demanded(): string | undefined {
    return this.repair?.version.sourceDigest ?? this.ruled;
  }

  /** The same without regard to repairs. */
  get ruled(): string | undefined {
    return demandedDigest(this.spec, this.binding(this.record), this.published);
  }

  /** Why octets may not be served as this asset; undefined when they may. */
  refusal(sourceDigest: string): string | undefined {
    if (this.repair?.version.sourceDigest === sourceDigest) return undefined;
    return refusal(this.spec, this.binding(this.record), this.published, sourceDigest);
  }

  /** What was made of a source before, if its octets are there. */
  made(sourceDigest: string): VersionRecord | undefined {
    return this.record?.versions.find(
      (v) => v.sourceDigest === sourceDigest && v.treatment === this.key && this.usable(v),
    );
  }

  /** Takes in a version that was fetched, verified and unpacked. */
  async adopt(got: Got, made: Unpacked): Promise<void> {
    const { cache, wallMs, versions, bootsRunning } = this.host.o;
    const nowMs = wallMs();
    this.known = await cache.update(this.name, (before) => {
      const record = withVersion(
        this.spec,
        this.binding(before),
        versionOf(this.spec, got, made, nowMs, before),
        versions,
      );
      if (this.served && bootsRunning()) return record;
      const chosen = this.choose(record);
      return chosen ? { ...record, current: chosen.digest } : record;
    });
    if (this.repair) {
      const { digest } = this.repair.version;
      if (digest === made.digest) this.host.journal.repaired(this.name, digest);
      this.repair = undefined;
    }
    this.failure = undefined;
    this.untreatable = undefined;
    this.reconsider();
  }

  /** Records octets that were refused. */
  async refuse(refused: RefusedVersion): Promise<void> {
    this.known = await this.host.o.cache.update(this.name, (before) => ({
      ...(before ?? { name: this.name, versions: [] }),
      refused,
    }));
  }

  /** The newest version is the newest still; `sourceId` of the store that said so has nothing to be refused any more. */
  async confirm(sourceId: string | undefined): Promise<void> {
    const checkedMs = this.host.o.wallMs();
    this.known = await this.host.o.cache.update(this.name, (before) => {
      if (!before) return undefined;
      const { refused, ...rest } = before;
      const kept = refused && refused.sourceId !== sourceId ? { refused } : {};
      return { ...rest, ...kept, checkedMs };
    });
  }

  /** It could not be had this time. */
  fail(error: AgentError): void {
    const sinceMs = this.failure?.sinceMs ?? this.host.o.wallMs();
    this.failure = { error, sinceMs };
    if (this.repair && !this.repair.fallback) {
      this.repair.fallback = true;
      this.reconsider();
    }
  }

  /** A blob was found damaged. True when it was what is served, and so has to be had again. */
  damaged(digest: string): boolean {
    if (!this.begun || this.served?.version.digest !== digest) return false;
    this.repair = { version: this.served.version, fallback: false };
    this.reconsider();
    return true;
  }

  /** Reads the record again, which another process may have changed. */
  reread(): void {
    this.readMs = this.host.o.clock.now();
    const record = this.host.o.cache.asset(this.name);
    const changed = summary(record) !== summary(this.known);
    this.known = record;
    if (changed) this.reconsider();
  }

  /** Decides again what is served. A switch waits until no machine boots. */
  reconsider(): void {
    const chosen = this.known && this.choose(this.known);
    this.next = undefined;
    if (!chosen) {
      if (this.served) this.serve(undefined);
      return;
    }
    if (this.served && this.served.version.digest === chosen.digest) {
      this.served = { version: chosen, content: this.served.content };
    } else if (this.served && this.usable(this.served.version) && this.host.o.bootsRunning()) {
      this.next = chosen;
      this.host.whenQuiet(this);
    } else {
      this.serve(chosen);
    }
  }

  /** The site does not have it like this any more. What was served of it may be read to its end; nothing comes any more. */
  retire(): void {
    this.retired = true;
    this.settle();
  }

  /** Those who wait look again. */
  settle(): void {
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.resolve();
  }

  private begin(): void {
    this.begun = true;
    this.readMs = this.host.o.clock.now();
    this.known = this.host.o.cache.asset(this.name);
    this.reconsider();
  }

  /** Whether what is kept came from where the site says now: else its places are to be asked soon. */
  get isFromHere(): boolean {
    const versions = this.record?.versions ?? [];
    return versions.length === 0 || versions.some((v) => this.isOurs(v.sourceId));
  }

  private isOurs(sourceId: string): boolean {
    this.ids ??= this.host.sourceIds(this);
    return this.ids.has(sourceId) || !ofStore(sourceId);
  }

  /**
   * The record as this site has it: what was first fetched from places that the site does not name any more binds nobody, since
   * whoever wrote other places there wants what they have.
   */
  private binding<R extends AssetRecord | undefined>(record: R): R {
    const first = record?.firstSourceDigest;
    if (!record || first === undefined) return record;
    const from = record.versions.filter((v) => v.sourceDigest === first);
    if (from.length === 0 || from.some((v) => this.isOurs(v.sourceId))) return record;
    const { firstSourceDigest: _, ...rest } = record;
    return rest as R;
  }

  private usable(version: VersionRecord): boolean {
    const { digest } = version;
    return !this.host.condemned.has(digest) && this.host.o.cache.blob(digest) !== undefined;
  }

  private choose(record: AssetRecord): VersionRecord | undefined {
    const { spec, published, repair } = this;
    const bound = this.binding(record);
    const usable = (v: VersionRecord): boolean => this.usable(v);
    const chosen = chooseVersion({ spec, record: bound, published, usable });
    // While a damaged version is fetched again nothing older takes its place.
    const held = repair && !repair.fallback && chosen?.digest !== repair.version.digest;
    return held ? undefined : chosen;
  }

  private serve(version: VersionRecord | undefined): void {
    const { cache, chunks } = this.host.o;
    const before = this.served?.version;
    this.served = version && {
      version,
      content: cache.content(this.name, version, chunks),
    };
    this.touchedMs = Number.NEGATIVE_INFINITY;
    if (version) {
      if (!this.repair) this.failure = undefined;
      if (before) this.reportSwitch(before, version);
      if (this.known?.current !== version.digest) {
        this.host.background(this.recordCurrent(version.digest));
      }
    }
    this.settle();
  }

  private async recordCurrent(digest: string): Promise<void> {
    this.known = await this.host.o.cache.update(this.name, (before) =>
      before?.versions.some((v) => v.digest === digest) ? { ...before, current: digest } : before,
    );
  }

  private reportSwitch(before: VersionRecord, after: VersionRecord): void {
    const { spec, known } = this;
    if (known?.held === after.digest) {
      this.host.journal.switched(this.name, before, after, "the operator pinned it");
    } else if (spec.sha256 !== undefined || spec.checksums || spec.pin !== "none") {
      this.host.journal.switched(this.name, before, after, "its store has it as the newest");
    }
  }

  private touch(digest: string): void {
    const nowMs = this.host.o.clock.now();
    if (nowMs - this.touchedMs < TOUCH_MS) return;
    this.touchedMs = nowMs;
    this.host.o.cache.touch(digest);
  }
}

/** What the choice of a version depends on, as one text. */
function summary(r: AssetRecord | undefined): string {
  if (!r) return "";
  const versions = r.versions.map((v) => `${v.digest} ${v.sourceDigest} ${v.treatment}`);
  return [r.current, r.held, r.firstSourceDigest, ...versions].join("\n");
}

/** Whether a version came from a place that a site names, and was not put into the cache by hand. */
function ofStore(sourceId: string): boolean {
  return /^(?:http|s3|oci|file|folder)[ :]/.test(sourceId);
}

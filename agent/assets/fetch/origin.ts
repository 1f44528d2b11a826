import { AgentError } from "../../errors.ts";
import type { SourceSpec } from "../../site/site.ts";
import type { VersionRecord } from "../cache/records.ts";
import type { ObjectVersion, Source } from "../stores/source.ts";
import { treatmentKey } from "../treatment/treatment.ts";
import { joinErrors, retryAfterMs } from "./back-off.ts";
import { fetchText } from "./fetch-text.ts";
import type { Job } from "./fetcher.ts";
import type { Failure, KeptAsset } from "./kept-asset.ts";
import type { OriginHost } from "./origin-host.ts";
import { probeInTime } from "./probe.ts";
import { Progress } from "./progress.ts";
import { Pull, refusedError } from "./pull.ts";
import { hasValidators, sameObject } from "./same-object.ts";
import { type Unpacked, unpack } from "./unpack.ts";
import { type Answer, judge } from "./verdict.ts";
import type { Got } from "./version-record.ts";

/**
 * Where the octets of one or more assets come from: one object with its mirrors, fetched once for all of them.
 *
 * One run of it fetches what is missing; when nothing is, it asks the store for something newer.
 */
export class Origin implements Job {
  readonly assets: KeptAsset[] = [];
  readonly sources: Source[] = [];
  /** What it has in common with no other. */
  readonly key: string;
  /** The refresh that failed, and since when they fail. */
  stale: Failure | undefined;
  progress: Progress | undefined;
  /** The blob that is being unpacked or is about to be. */
  inUse: string | undefined;
  private readonly host: OriginHost;
  /** What this host may have of it, looked up each time: others fill the cache while the agent runs. */
  private readonly local = new WeakMap<KeptAsset, () => Source | undefined>();
  private lastFailure = "";
  private lastAtHome = "";
  /** Assets that were told in this run why they could not be had. */
  private readonly told = new Set<KeptAsset>();
  private last: Got | undefined;

  constructor(host: OriginHost, key: string) {
    this.host = host;
    this.key = key;
  }

  /** The name it has in journals. */
  get label(): string {
    return this.assets.map((a) => a.name).join(", ");
  }

  /** One more asset that is made of it. */
  add(asset: KeptAsset, sources: readonly Source[], local: () => Source | undefined): void {
    this.assets.push(asset);
    this.local.set(asset, local);
    for (const source of sources) {
      if (!this.sources.some((s) => s.id === source.id)) this.sources.push(source);
    }
  }

  async run(signal: AbortSignal, moved: () => void): Promise<void> {
    this.told.clear();
    try {
      const needy = this.assets.filter((a) => a.needs);
      if (needy.length > 0) await this.fill(needy, signal, moved);
      else if (this.mayWait && this.host.o.bootsRunning()) this.host.postpone(this);
      else await this.refresh(signal, moved);
      this.lastFailure = "";
    } catch (error) {
      if (error instanceof AgentError && !signal.aborted) this.failed(error);
      throw error;
    } finally {
      this.progress = undefined;
      this.inUse = undefined;
    }
  }

  /** Whether all that is served came from where the site says. */
  private get mayWait(): boolean {
    return this.assets.every((a) => a.isFromHere);
  }

  turned(): void {
    const phase = this.host.phase(this);
    if (phase === "idle" || phase === "resting") for (const a of this.assets) a.settle();
  }

  /** In words, what is being done. */
  doing(): string {
    if (this.progress) return this.progress.text();
    const from = this.sources[0]?.label ?? this.label;
    return this.host.phase(this) === "running" ? `asking ${from}` : `${from} is next to be fetched`;
  }

  private failed(error: AgentError): void {
    for (const a of this.assets) if (a.needs && !this.told.has(a)) a.fail(error);
    // Numbers change from attempt to attempt, reasons seldom do.
    const reason = `${error.code} ${error.message.replace(/\d+/g, "#")}`;
    if (reason === this.lastFailure) return;
    this.lastFailure = reason;
    this.host.journal.failed(this.label, error);
  }

  /** Has what assets lack: unpacked from a blob that is here, or fetched. */
  private async fill(
    needy: readonly KeptAsset[],
    signal: AbortSignal,
    moved: () => void,
  ): Promise<void> {
    // What was fetched already but cannot be unpacked is worth another look only when the store has something else.
    const stuck = needy.every(
      (a) => a.untreatable !== undefined && a.untreatable === this.last?.sourceDigest,
    );
    const repairing = needy.some((a) => a.demanded !== a.ruled);
    if (!repairing) await this.consultList(signal);
    const demanded = needy.find((a) => a.demanded !== undefined)?.demanded;
    if (stuck && this.last) {
      const same = demanded === this.last.sourceDigest || (await this.ask(this.last, signal)).same;
      const error = needy[0]?.failure?.error;
      if (same && error) throw error;
    }
    const got =
      (stuck ? undefined : await this.atHand(needy, demanded, signal)) ??
      (await this.pull(needy, signal, moved).fetch(this.candidates(true), demanded, "every"));
    if (!got) return;
    await this.deliver(got, signal);
    for (const asset of needy) if (asset.needs) this.missed(asset, got);
  }

  /** An asset lacks octets although some came. Throws that. */
  private missed(asset: KeptAsset, { sourceId, sourceDigest }: Got): never {
    const why = asset.refusal(sourceDigest);
    const from = this.sources.find((s) => s.id === sourceId)?.label ?? this.label;
    if (why !== undefined)
      throw this.reported(asset, refusedError([asset], from, sourceDigest, why));
    const message = `asset "${asset.name}": it was taken out of the cache as soon as it was there`;
    throw this.reported(asset, new AgentError("E_CACHE", message));
  }

  private reported(asset: KeptAsset, error: AgentError): AgentError {
    this.told.add(asset);
    asset.fail(error);
    return error;
  }

  /** Asks for something newer, and fetches that. */
  private async refresh(signal: AbortSignal, moved: () => void): Promise<void> {
    const newest = this.assets
      .flatMap((a) => a.newest ?? [])
      .reduce<VersionRecord | undefined>(
        (a, b) => (a && a.fetchedMs >= b.fetchedMs ? a : b),
        undefined,
      );
    if (!newest) return;
    const found = await this.askForNewer(newest, signal);
    if (found === undefined) return;
    // What the site or the list demands may be on any mirror; what is merely newer, and refused, is not sought further.
    const demanded = this.assets.find((a) => a.ruled !== undefined)?.ruled;
    const sought = demanded !== undefined && demanded !== newest.sourceDigest;
    const pull = this.pull(this.assets, signal, moved);
    const sources = this.candidates(false);
    const got = sought
      ? ((await this.atHand(this.assets, demanded, signal)) ??
        (await pull.fetch(sources, demanded, "every")))
      : await pull.fetch(
          [...found, ...sources.filter((s) => !found.includes(s))],
          undefined,
          "first",
        );
    if (got) await this.deliver(got, signal);
  }

  /**
   * The source that has something newer, or none in particular; undefined when nothing is to be fetched.
   *
   * That stores cannot be asked is noted, and nothing else comes of it.
   */
  private async askForNewer(
    newest: VersionRecord,
    signal: AbortSignal,
  ): Promise<readonly Source[] | undefined> {
    try {
      const published = await this.consultList(signal);
      if (published !== undefined) {
        this.stale = undefined;
        if (published !== newest.sourceDigest) return [];
        for (const a of this.assets) await a.confirm(undefined);
        return undefined;
      }
      const pinned = this.assets.every((a) => a.spec.sha256 === newest.sourceDigest);
      // A store that says nothing to tell versions apart by would have to send all of it, to prove the pinned digest once more.
      if (pinned && !hasValidators(newest.object)) return undefined;
      const answer = await this.ask(newest, signal);
      this.stale = undefined;
      const { source } = answer;
      // What another place said of other octets says nothing about these.
      if (!this.mayWait || this.assets.some((a) => judge(a, answer, newest) === "changed"))
        return [source];
      for (const a of this.assets) {
        if (judge(a, answer, newest) === "same") await a.confirm(source.id);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentError) || signal.aborted) throw error;
      if (!this.stale) this.host.journal.stale(this.label, error);
      this.stale = { error, sinceMs: this.stale?.sinceMs ?? this.host.o.wallMs() };
      return undefined;
    }
  }

  private candidates(filling: boolean): readonly Source[] {
    const { mirrors, clock } = this.host.o;
    const ordered = mirrors.order(this.sources, clock.now());
    const local = filling ? this.atHome() : undefined;
    return local ? [local, ...ordered] : ordered;
  }

  /** A place on this host that has it. What cannot be read there leaves the stores. */
  private atHome(): Source | undefined {
    try {
      for (const asset of this.assets) {
        const found = this.local.get(asset)?.();
        if (found) return found;
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (this.lastAtHome !== error.message) this.host.journal.failed(this.label, error);
      this.lastAtHome = error.message;
    }
    return undefined;
  }

  private pull(assets: readonly KeptAsset[], signal: AbortSignal, moved: () => void): Pull {
    return new Pull({
      host: this.host,
      assets,
      label: assets.map((a) => a.name).join(", "),
      signal,
      moved,
      progress: (p) => {
        this.progress = p;
      },
    });
  }

  /** What the published list says now, for all assets here; undefined when there is none. */
  private async consultList(signal: AbortSignal): Promise<string | undefined> {
    const { o } = this.host;
    const checksums = this.assets.find((a) => a.spec.checksums)?.spec.checksums;
    if (!checksums) return undefined;
    const text = (spec: SourceSpec): Promise<Uint8Array> =>
      fetchText(o.openSource(spec), o.clock, o.limits, signal);
    const published = await o.publishedDigest(checksums, text);
    for (const a of this.assets) a.published = published;
    return published;
  }

  /** What the first store that answers has. The one that `known` came from is asked first. Rejects when none answers. */
  private async ask(known: Got, signal: AbortSignal): Promise<Answer> {
    const { o } = this.host;
    const errors: AgentError[] = [];
    const own = this.sources.filter((s) => s.id === known.sourceId);
    const others = o.mirrors
      .order(this.sources, o.clock.now())
      .filter((s) => s.id !== known.sourceId);
    for (const source of [...own, ...others]) {
      // What one store said of an object tells nothing to another one.
      const asked = source.id === known.sourceId ? known.object : undefined;
      try {
        const answer = await probeInTime(o, source, asked, signal);
        o.mirrors.succeeded(source, o.clock.now());
        if (!answer.changed) return { source, version: known.object, same: true };
        const { version } = answer;
        return { source, version, same: this.isSame(source, version, known) };
      } catch (error) {
        if (!(error instanceof AgentError) || signal.aborted) throw error;
        o.mirrors.failed(source, error.code, o.clock.now(), retryAfterMs(error));
        errors.push(error);
      }
    }
    throw joinErrors(this.label, errors);
  }

  /** Whether a version that a store does not call the known one is it all the same. */
  private isSame(source: Source, version: ObjectVersion, known: Got): boolean {
    if (version.sha256 !== undefined) return version.sha256 === known.sourceDigest;
    if (source.id === known.sourceId) return false;
    // Another store cannot tell that it has the same; where the digest is demanded, that need not be found out.
    const demanded = this.assets.every((a) => a.ruled === known.sourceDigest);
    return demanded || sameObject(version, known.object) === true;
  }

  /** A blob of the cache that these assets can be made of, read from end to end before it is trusted. */
  private async atHand(
    needy: readonly KeptAsset[],
    demanded: string | undefined,
    signal: AbortSignal,
  ): Promise<Got | undefined> {
    const { cache } = this.host.o;
    const versions = this.assets.flatMap((a) => a.record?.versions ?? []);
    const ids = new Set(this.sources.map((s) => s.id));
    const seen =
      demanded === undefined
        ? versions.filter((v) => ids.has(v.sourceId)).map((v) => v.sourceDigest)
        : [demanded];
    const { last } = this;
    if (last && demanded === undefined) seen.push(last.sourceDigest);
    for (const digest of new Set(seen)) {
      const blob = cache.blob(digest);
      if (!blob || this.host.condemned.has(digest)) continue;
      if (needy.every((a) => a.refusal(digest) !== undefined)) continue;
      this.inUse = digest;
      if (!(await this.isSound(digest, signal))) continue;
      if (last?.sourceDigest === digest) return last;
      const from = versions.find((v) => v.sourceDigest === digest);
      const sourceId = from?.sourceId ?? this.sources[0]?.id ?? "";
      return { sourceDigest: digest, size: blob.size, sourceId, object: from?.object ?? {} };
    }
    return undefined;
  }

  private async isSound(digest: string, signal: AbortSignal): Promise<boolean> {
    if (this.host.isChecked(digest)) return true;
    const { sound } = await this.host.o.cache.check(digest, async () => signal.throwIfAborted());
    if (sound) this.host.checked(digest);
    else await this.host.condemn(digest, "its octets have changed on disk");
    return sound;
  }

  /** Unpacks for each asset that may have it and has not; rejects with what the first one failed with. */
  private async deliver(got: Got, signal: AbortSignal): Promise<void> {
    this.last = got;
    this.inUse = got.sourceDigest;
    let failure: AgentError | undefined;
    for (const asset of this.assets) {
      if (asset.refusal(got.sourceDigest) !== undefined) continue;
      try {
        const made = await this.make(asset, got, signal);
        await asset.adopt(got, made);
      } catch (error) {
        if (!(error instanceof AgentError) || signal.aborted) throw error;
        if (error.code === "E_TREATMENT") asset.untreatable = got.sourceDigest;
        failure ??= this.reported(asset, error);
      }
    }
    if (failure) throw failure;
  }

  private async make(asset: KeptAsset, got: Got, signal: AbortSignal): Promise<Unpacked> {
    const { sourceDigest, size } = got;
    const { treatment } = asset.spec;
    const key = treatmentKey(treatment);
    if (key === "") return { digest: sourceDigest, size };
    const { o, room, turns, journal } = this.host;
    return await turns.take(`${sourceDigest} ${key}`, async () => {
      const before = this.assets
        .filter((a) => treatmentKey(a.spec.treatment) === key)
        .map((a) => a.made(sourceDigest))
        .find((v) => v !== undefined);
      if (before) return { digest: before.digest, size: before.size };
      const progress = new Progress(
        { phase: "unpacking", from: key, at: 0, total: undefined },
        () => o.clock.now(),
        (p) => journal.progress(asset.name, p),
      );
      this.progress = progress;
      const made = await unpack({
        cache: o.cache,
        room,
        treat: o.treat,
        sourceDigest,
        size,
        treatment,
        label: asset.name,
        signal,
        got: (octets) => progress.add(octets),
      });
      journal.done(asset.name, progress, made.digest);
      return made;
    });
  }
}

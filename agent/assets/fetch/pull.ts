import { AgentError } from "../../errors.ts";
import type { Received } from "../cache/cache.ts";
import type { ObjectVersion, Source } from "../stores/source.ts";
import { joinErrors, retryAfterMs } from "./back-off.ts";
import type { KeptAsset } from "./kept-asset.ts";
import type { OriginHost } from "./origin-host.ts";
import { probeInTime } from "./probe.ts";
import { Progress } from "./progress.ts";
import { sameObject } from "./same-object.ts";
import { type Transferred, transfer } from "./transfer.ts";
import { unpackEstimate } from "./unpack.ts";
import type { Got } from "./version-record.ts";

/** One attempt to fetch an object for the assets that are made of it. */
export interface PullInput {
  readonly host: OriginHost;
  readonly assets: readonly KeptAsset[];
  readonly label: string;
  readonly signal: AbortSignal;
  readonly moved: () => void;
  readonly progress: (progress: Progress) => void;
}

/** Octets that no asset may have. */
export class Refused extends AgentError {}

/** Goes through mirrors until one has what may be served, and keeps it. */
export class Pull {
  private readonly p: PullInput;

  constructor(input: PullInput) {
    this.p = input;
  }

  /**
   * What the first of `sources` has that gives octets which may be served.
   *
   * When octets are refused: `every` goes on with the next source and rejects with E_ASSET_DIGEST after the last one;
   * `first` is content with that, and resolves to undefined. Rejects with what all sources failed with.
   */
  async fetch(
    sources: readonly Source[],
    demanded: string | undefined,
    refusals: "every" | "first",
  ): Promise<Got | undefined> {
    const { host, signal, label } = this.p;
    const errors: AgentError[] = [];
    for (const source of sources) {
      try {
        return await host.turns.take(source.id, () => this.fetchFrom(source, demanded));
      } catch (error) {
        if (!(error instanceof AgentError) || signal.aborted) throw error;
        // No mirror mends what is wrong on this host.
        if (error.code === "E_CACHE_FULL" || error.code === "E_CACHE") throw error;
        if (error instanceof Refused && refusals === "first") return undefined;
        host.o.mirrors.failed(source, error.code, host.o.clock.now(), retryAfterMs(error));
        errors.push(error);
      }
    }
    throw joinErrors(label, errors);
  }

  private async fetchFrom(source: Source, demanded: string | undefined): Promise<Got> {
    const { host, signal } = this.p;
    const { cache } = host.o;
    signal.throwIfAborted();
    // Somebody else may have brought it while this one waited for its turn.
    const blob = demanded === undefined ? undefined : cache.blob(demanded);
    if (
      blob &&
      demanded !== undefined &&
      !host.condemned.has(demanded) &&
      host.isChecked(demanded)
    ) {
      return { sourceDigest: demanded, size: blob.size, sourceId: source.id, object: {} };
    }
    await this.skipRefused(source);
    for (;;) {
      const { done, progress } = await this.transfer(source);
      if (done.kind === "here") return await this.here(source, done.digest, done.version);
      const { received, version, resumed } = done;
      const why = this.whyNot(received.digest, version);
      if (why === undefined) {
        await received.keep();
        host.checked(received.digest);
        if (progress) {
          host.o.mirrors.succeeded(source, host.o.clock.now(), {
            octets: progress.octets - progress.resumedAt,
            ms: progress.tookMs,
          });
          host.journal.done(this.p.label, progress, received.digest);
        }
        const got = { sourceDigest: received.digest, size: received.size, sourceId: source.id };
        await this.record(source, got.sourceDigest, version, undefined);
        return { ...got, object: version };
      }
      if (resumed) {
        // Two halves of different versions have a digest that nobody knows: only a whole one tells.
        await received.discard();
        continue;
      }
      throw await this.refuse(source, received, version, why);
    }
  }

  private async transfer(
    source: Source,
  ): Promise<{ readonly done: Transferred; readonly progress: Progress | undefined }> {
    const { host, assets, label, signal, moved } = this.p;
    const { cache, clock, limits } = host.o;
    let progress: Progress | undefined;
    const done = await transfer({
      source,
      cache,
      room: host.room,
      clock,
      limits,
      signal,
      beside: (size) => assets.reduce((sum, a) => sum + unpackEstimate(a.spec.treatment, size), 0),
      admit: (sha256) => {
        const why = this.whyNot(sha256, {});
        if (why !== undefined) throw this.refusedError(source, sha256, why);
      },
      begun: (at, version) => {
        const what = { phase: "fetching", from: source.label, at, total: version.size } as const;
        host.journal.begun(label, source.label, at, version.size);
        progress = new Progress(
          what,
          () => clock.now(),
          (p) => host.journal.progress(label, p),
        );
        this.p.progress(progress);
      },
      got: (octets) => {
        moved();
        progress?.add(octets);
      },
    });
    return { done, progress };
  }

  /** Why octets with this digest are of no use to any asset here. */
  private whyNot(digest: string, version: ObjectVersion): string | undefined {
    if (version.sha256 !== undefined && version.sha256 !== digest) {
      return `the store calls it ${version.sha256}`;
    }
    let why: string | undefined;
    for (const a of this.p.assets) {
      const refusal = a.refusal(digest);
      if (refusal === undefined) return undefined;
      why ??= refusal;
    }
    return why;
  }

  /** What a store has under a digest that is in the cache already. */
  private async here(source: Source, digest: string, object: ObjectVersion): Promise<Got> {
    const { host, signal } = this.p;
    const why = this.whyNot(digest, {});
    if (why !== undefined) throw this.refusedError(source, digest, why);
    const { sound, size } = await host.o.cache.check(digest, async () => signal.throwIfAborted());
    if (!sound) {
      await host.condemn(digest, "its octets have changed on disk");
      throw new AgentError("E_ASSET_DAMAGED", `${digest} is damaged in the cache`);
    }
    host.checked(digest);
    host.o.mirrors.succeeded(source, host.o.clock.now());
    return { sourceDigest: digest, size, sourceId: source.id, object };
  }

  /** Throws when a store still has what was refused before: nothing is fetched only to be refused again. */
  private async skipRefused(source: Source): Promise<void> {
    const { assets, host, signal } = this.p;
    const refused = assets[0]?.record?.refused;
    if (!refused?.object || refused.sourceId !== source.id) return;
    const why = this.whyNot(refused.sourceDigest, {});
    if (why === undefined) return;
    const answer = await probeInTime(host.o, source, refused.object, signal);
    if (answer.changed && sameObject(answer.version, refused.object) !== true) return;
    throw this.refusedError(source, refused.sourceDigest, why);
  }

  private refusedError(source: Source, digest: string, why: string): Refused {
    return refusedError(this.p.assets, source.label, digest, why);
  }

  /** Puts octets aside and says so, once for the same octets. */
  private async refuse(
    source: Source,
    received: Received,
    version: ObjectVersion,
    why: string,
  ): Promise<Refused> {
    const { assets } = this.p;
    const { digest } = received;
    const error = this.refusedError(source, digest, why);
    const old = assets.some((a) => a.record?.versions.some((v) => v.sourceDigest === digest));
    if (old || assets.every((a) => a.record?.refused?.sourceDigest === digest)) {
      // A mirror that lags behind, or the same again: there is nothing new to inspect.
      await received.discard();
      if (!old) await this.record(source, digest, version, undefined);
      return error;
    }
    const keptAs = await received.quarantine(why);
    await this.record(source, digest, version, keptAs);
    return error;
  }

  /** Records octets for the assets that may not have them; others may. */
  private async record(
    source: Source,
    sourceDigest: string,
    object: ObjectVersion,
    keptAs: string | undefined,
  ): Promise<void> {
    for (const asset of this.p.assets) {
      const why = asset.refusal(sourceDigest) ?? this.whyNot(sourceDigest, object);
      if (why === undefined) continue;
      const before = asset.record?.refused;
      const again = before?.sourceDigest === sourceDigest;
      const aside = keptAs ?? (again ? before.keptAs : undefined);
      const refused = {
        sourceDigest,
        sourceId: source.id,
        why,
        sinceMs: again ? before.sinceMs : this.p.host.o.wallMs(),
        ...(aside === undefined ? {} : { keptAs: aside }),
        object,
      };
      await asset.refuse(refused);
      if (!again) this.p.host.journal.refused(asset.name, source.label, refused);
    }
  }
}

/** Says that octets are not those that assets may be made of. `from`: where they came from, in words. */
export function refusedError(
  assets: readonly KeptAsset[],
  from: string,
  digest: string,
  why: string,
): Refused {
  const names = assets.map((a) => a.name).join(", ");
  const cure = assets.some((a) => a.spec.sha256 !== undefined || a.spec.checksums)
    ? "Look at the store: it has other octets than it should. If the change was meant, pin the new digest in the site."
    : "Look at the store; if the change was meant, pin the new digest in the site (`sha256`), or set `pin: always-newest`.";
  return new Refused(
    "E_ASSET_DIGEST",
    `asset "${names}": ${from} has sha256 ${digest}, but ${why}`,
    {
      cure,
    },
  );
}

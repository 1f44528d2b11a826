import type { ErrorCode } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import type { JournalNote } from "../../log/journal.ts";
import type { AssetSpec, ChecksumsSpec, SourceSpec } from "../../site/site.ts";
import type { Cache } from "../cache/cache.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Source } from "../stores/source.ts";
import type { Treatment } from "../treatment/treatment.ts";

/** Where the keeper's journal entries go: the part of `Journal` that it needs. */
export interface JournalSink {
  note(note: JournalNote): void;
}

/** In which order the mirrors of an asset are tried, and what tells it. Times are monotonic milliseconds. */
export interface Mirrors {
  /** The same sources, the most promising first. */
  order(sources: readonly Source[], nowMs: number): readonly Source[];
  /** `transfer`: absent for an answer without octets. */
  succeeded(
    source: Source,
    nowMs: number,
    transfer?: { readonly octets: number; readonly ms: number },
  ): void;
  /** `retryAfterMs`: what the store asked for; 0 when it did not. */
  failed(source: Source, code: ErrorCode, nowMs: number, retryAfterMs?: number): void;
}

/** Verified octets on disk to what is served of them; `treat` of `treatment/`. */
export type Treat = (input: {
  readonly file: string;
  readonly size: number;
  readonly treatment: Treatment;
  readonly label: string;
  readonly signal: AbortSignal;
  readonly maxOctets?: number;
}) => AsyncIterable<Uint8Array>;

/** The digest that a published list has for an asset; `publishedDigest` of `checksums/`. */
export type PublishedDigest = (
  spec: ChecksumsSpec,
  fetchText: (source: SourceSpec) => Promise<Uint8Array>,
) => Promise<string>;

/** When a store is given up, and how many are asked at once. */
export interface FetchLimits {
  /** Transfers at once. */
  readonly concurrent: number;
  /** Longest wait for a store to begin to answer, ms. */
  readonly openMs: number;
  /** Longest wait for the next octets, ms. */
  readonly stallMs: number;
  /** A store that gives less than `slowOctets` within `slowMs` of waiting for it is given up. */
  readonly slowOctets: number;
  readonly slowMs: number;
}

/** What suits a gateway with a disk of its own; one transfer at once suits small boards better. */
export const FETCH_LIMITS: FetchLimits = {
  concurrent: 2,
  openMs: 60_000,
  stallMs: 20_000,
  slowOctets: 60 * 1024,
  slowMs: 60_000,
};

/** All that the keeper works with. */
export interface KeeperOptions {
  /** Stays open until `stop` has resolved; who made it closes it. */
  readonly cache: Cache;
  readonly chunks: ChunkCache;
  readonly openSource: (spec: SourceSpec) => Source;
  /** A place on this host that is asked before the stores as long as nothing of an asset is cached. */
  readonly local?: (spec: AssetSpec) => Source | undefined;
  readonly mirrors: Mirrors;
  readonly treat: Treat;
  readonly publishedDigest: PublishedDigest;
  readonly journal: JournalSink;
  readonly clock: Clock;
  /** Milliseconds since 1970, by the host's clock, which may be wrong. */
  readonly wallMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Whether a machine is booting now: then nothing is refreshed and nothing switches to a newer version. */
  readonly bootsRunning: () => boolean;
  /** Digests that plans need beside what is served. */
  readonly inUse?: () => Iterable<string>;
  /** Whether the site has an asset of this name; of others nothing need be kept where room is short. Absent: it has all. */
  readonly named?: (asset: string) => boolean;
  /** Versions kept of each asset; at least 2. */
  readonly versions: number;
  readonly limits: FetchLimits;
  /** Told of whatever was thrown that no operator can mend: a bug of ours. */
  readonly crash: (bug: unknown) => void;
}

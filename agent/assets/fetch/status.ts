import type { AgentError } from "../../errors.ts";
import type { CacheUsage } from "../cache/cache.ts";
import type { RefusedVersion } from "../cache/records.ts";
import type { JobState } from "./fetcher.ts";
import type { Failure, KeptAsset } from "./kept-asset.ts";
import type { Origin } from "./origin.ts";
import type { ProgressStatus } from "./progress.ts";

/** What went wrong, for people and programs. */
export interface ErrorStatus {
  readonly code: string;
  readonly message: string;
  readonly cure: string;
  /** Milliseconds since 1970, by the host's clock. */
  readonly sinceMs: number;
}

/**
 * `served`; `held`: served because the operator pinned it; `waiting`: on its way; `refused`: the stores have only octets
 * that may not be served; `failed`: it cannot be had for another reason.
 */
export type AssetPhase = "served" | "held" | "waiting" | "refused" | "failed";

/** One asset of the site. Times are milliseconds since 1970, by the host's clock. */
export interface AssetStatus {
  readonly name: string;
  readonly state: AssetPhase;
  /** Of the version that is served. */
  readonly digest?: string;
  readonly sourceDigest?: string;
  readonly size?: number;
  readonly fetchedMs?: number;
  /** When a store last said that this is its newest. */
  readonly checkedMs?: number;
  /** Versions in the cache. */
  readonly versions: number;
  /** Digest of a newer version that waits for the machines that boot now. */
  readonly next?: string;
  readonly refused?: RefusedVersion;
  readonly progress?: ProgressStatus;
  /** Why it could not be had. */
  readonly error?: ErrorStatus;
  /** Why it cannot be refreshed; what is cached goes on being served. */
  readonly stale?: ErrorStatus;
  /** Milliseconds until it is tried again. */
  readonly retryInMs?: number;
  /** Milliseconds until its store is asked for something newer. */
  readonly refreshInMs?: number;
}

/** All of it, as plain data. */
export interface KeeperStatus {
  readonly assets: readonly AssetStatus[];
  readonly cache: CacheUsage;
  /** The host's clock, and whether it can be right. */
  readonly clock: { readonly nowMs: number; readonly plausible: boolean };
}

/** 2026-01-01: no clock that is right is before this. */
const EARLIEST_MS = 1_767_225_600_000;

/** Whether a time of the host's clock can be right. Milliseconds since 1970. */
export function isPlausible(wallMs: number): boolean {
  return wallMs >= EARLIEST_MS;
}

/** One asset's status; `origin` is absent while nothing was asked of it. */
export function assetStatus(
  asset: KeptAsset,
  origin: Origin | undefined,
  job: JobState,
  refreshInMs: number | undefined,
): AssetStatus {
  const { version, record, failure, awaited } = asset;
  const refused = record?.refused;
  const served = version && {
    digest: version.digest,
    sourceDigest: version.sourceDigest,
    size: version.size,
    fetchedMs: version.fetchedMs,
  };
  return {
    name: asset.name,
    state: phaseOf(asset, job),
    ...served,
    ...(record?.checkedMs === undefined ? {} : { checkedMs: record.checkedMs }),
    versions: record?.versions.length ?? 0,
    ...(awaited ? { next: awaited.digest } : {}),
    ...(refused ? { refused } : {}),
    ...(origin?.progress ? { progress: origin.progress.status() } : {}),
    ...(failure ? { error: errorStatus(failure) } : {}),
    ...(origin?.stale ? { stale: errorStatus(origin.stale) } : {}),
    ...(job.retryInMs === undefined ? {} : { retryInMs: Math.round(job.retryInMs) }),
    ...(refreshInMs === undefined ? {} : { refreshInMs: Math.round(refreshInMs) }),
  };
}

function phaseOf(asset: KeptAsset, job: JobState): AssetPhase {
  const { version, record, failure } = asset;
  if (version) return record?.held === version.digest ? "held" : "served";
  if (job.phase !== "resting" || !failure) return "waiting";
  return failure.error.code === "E_ASSET_DIGEST" ? "refused" : "failed";
}

function errorStatus({ error, sinceMs }: Failure): ErrorStatus {
  const { code, message, cure }: AgentError = error;
  return { code, message, cure, sinceMs };
}

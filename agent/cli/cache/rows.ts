import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import { servedVersion, unknownAsset } from "../../assets/cache/named-version.ts";
import type { AssetRecord, RefusedVersion } from "../../assets/cache/records.ts";
import type { AssetPhase, AssetStatus, ErrorStatus } from "../../assets/fetch/status.ts";
import type { AgentAssets } from "../../control/asset-status.ts";

/**
 * What becomes of an asset. As the agent tells it, and where none runs, what the records tell: `lost`, its octets are not
 * there; `unused`, an agent runs and its site has no such asset.
 */
export type RowState = AssetPhase | "lost" | "unused";

/** A version that is kept. */
export interface RowVersion {
  readonly digest: string;
  readonly sourceDigest: string;
  readonly size: number;
  readonly fetchedMs: number;
  /** Whether this is what is served. */
  readonly served: boolean;
  readonly held: boolean;
  /** Whether its octets are in the cache. */
  readonly there: boolean;
}

/** An asset as `cache ls` shows it. Times are milliseconds since 1970, by the host's clock. */
export interface Row {
  readonly name: string;
  readonly state: RowState;
  readonly digest?: string;
  readonly sourceDigest?: string;
  readonly size?: number;
  readonly fetchedMs?: number;
  readonly checkedMs?: number;
  /** Newest first. */
  readonly versions: readonly RowVersion[];
  readonly refused?: RefusedVersion;
  readonly error?: ErrorStatus;
  readonly stale?: ErrorStatus;
}

/** The assets of these names, by name; all of the cache and of the agent's site where none is named. Throws E_USAGE. */
export function rowsOf(
  cache: DiskCache | undefined,
  agent: AgentAssets | undefined,
  names: readonly string[] = [],
): readonly Row[] {
  const rows = new Map<string, Row>();
  const told = new Map(agent?.assets.map((status) => [status.name, status]));
  for (const record of cache?.assets() ?? []) {
    rows.set(record.name, rowOf(record.name, cache, record, agent, told.get(record.name)));
  }
  for (const status of told.values()) {
    if (!rows.has(status.name)) {
      rows.set(status.name, rowOf(status.name, cache, undefined, agent, status));
    }
  }
  if (names.length === 0) return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...new Set(names)].map((name) => {
    const row = rows.get(name);
    if (row) return row;
    throw unknownAsset(name, [...rows.keys()]);
  });
}

function rowOf(
  name: string,
  cache: DiskCache | undefined,
  record: AssetRecord | undefined,
  agent: AgentAssets | undefined,
  status: AssetStatus | undefined,
): Row {
  const there = (digest: string): boolean => cache?.blob(digest) !== undefined;
  const fromRecord = status ? undefined : record && servedVersion(record);
  const served = status ?? fromRecord;
  const versions = (record?.versions ?? []).map((v) => ({
    digest: v.digest,
    sourceDigest: v.sourceDigest,
    size: v.size,
    fetchedMs: v.fetchedMs,
    served: v.digest === served?.digest,
    held: v.digest === record?.held,
    there: there(v.digest),
  }));
  const { checkedMs, refused } = status ?? record ?? {};
  return {
    name,
    state: status?.state ?? stateOf(record, agent !== undefined, there),
    ...(served?.digest === undefined ? {} : { digest: served.digest }),
    ...(served?.sourceDigest === undefined ? {} : { sourceDigest: served.sourceDigest }),
    ...(served?.size === undefined ? {} : { size: served.size }),
    ...(served?.fetchedMs === undefined ? {} : { fetchedMs: served.fetchedMs }),
    ...(checkedMs === undefined ? {} : { checkedMs }),
    versions,
    ...(refused ? { refused } : {}),
    ...(status?.error ? { error: status.error } : {}),
    ...(status?.stale ? { stale: status.stale } : {}),
  };
}

function stateOf(
  record: AssetRecord | undefined,
  agentRuns: boolean,
  there: (digest: string) => boolean,
): RowState {
  if (agentRuns) return "unused";
  const served = record && servedVersion(record);
  if (!served) return record?.refused ? "refused" : "lost";
  if (!there(served.digest)) return "lost";
  return record.held === served.digest ? "held" : "served";
}

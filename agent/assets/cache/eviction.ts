import { statfs } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { AssetRecord } from "./records.ts";
import type { CacheTables } from "./tables.ts";

/** Octets of the disk that stay free, for everyone else on the host: a part of the disk, between these two. */
const RESERVE_PART = 0.02;
const LEAST_RESERVE: number = 64 * 1024 * 1024;
const MOST_RESERVE: number = 1024 * 1024 * 1024;

/** What a disk has room for. Octets. */
export interface DiskRoom {
  readonly free: number;
  /** Of those, what is left to others. */
  readonly reserve: number;
}

/** Asks the file system that holds `dir`. */
export async function diskRoom(dir: string): Promise<DiskRoom> {
  const { bsize, blocks, bavail } = await statfs(dir);
  const part = Math.floor(blocks * bsize * RESERVE_PART);
  return { free: bavail * bsize, reserve: Math.min(Math.max(LEAST_RESERVE, part), MOST_RESERVE) };
}

/** What may not be removed now, for another reason than the records. */
export interface Kept {
  /** What plans need and what is in use. */
  readonly protected: ReadonlySet<string>;
  /** What entries of others in `index.json` refer to. */
  readonly foreign: ReadonlySet<string>;
  /** Whether a blob that no record names belongs to someone who is about to name it. */
  busy(owner: string | undefined): boolean;
}

/** A blob that may be removed. */
export interface Candidate {
  readonly digest: string;
  readonly size: number;
  readonly usedAt: number;
  /** Names of the assets that lose a version. */
  readonly names: readonly string[];
}

/**
 * All blobs that may be removed, first those to go first: what no record names, then old versions; of each kind what was
 * used longest ago. Never a version that is served, held, or the only one of its asset.
 */
export function candidates(tables: CacheTables, kept: Kept): Candidate[] {
  const found: Candidate[] = [];
  for (const { key: digest, value: use } of tables.uses.getRange()) {
    if (kept.protected.has(digest) || kept.foreign.has(digest)) continue;
    const names = tables.refs.get(digest) ?? [];
    if (names.length === 0 && kept.busy(use.owner)) continue;
    if (names.some((name) => keeps(tables.assets.get(name), digest))) continue;
    found.push({ digest, size: use.size, usedAt: use.usedAt, names });
  }
  return found.sort(
    (a, b) => Number(a.names.length > 0) - Number(b.names.length > 0) || a.usedAt - b.usedAt,
  );
}

/** Forgets a blob, and the versions that it was. For use within a transaction; its file is to be removed. */
export function forget(tables: CacheTables, { digest, names }: Candidate): void {
  for (const name of names) {
    const asset = tables.assets.get(name);
    if (!asset) continue;
    const versions = asset.versions.filter((version) => version.digest !== digest);
    void tables.assets.put(name, { ...asset, versions });
    tables.removeManifest(name, digest);
  }
  void tables.refs.remove(digest);
  if (tables.removeBlob(digest)) void tables.doomed.put(digest, true);
  if (names.length > 0) tables.outdateIndex();
}

/** Whether an asset cannot do without a blob. */
function keeps(asset: AssetRecord | undefined, digest: string): boolean {
  if (!asset) return false;
  const { current, held, versions } = asset;
  if (digest === current || digest === held) return true;
  return current === undefined && versions[0]?.digest === digest;
}

/** What goes into the error when there is no room. Octets. */
export interface Shortage {
  readonly needs: number;
  readonly limit: number;
  readonly used: number;
  readonly evictable: number;
  readonly disk: DiskRoom;
  readonly dir: string;
}

/** Says what is in the way. */
export function noRoom(shortage: Shortage, cause?: unknown): AgentError {
  const { needs, limit, used, evictable, disk, dir } = shortage;
  const fixed = Math.max(0, used - evictable);
  const { free, reserve } = disk;
  const byLimit = fixed + needs > limit;
  const text =
    `${dir} has no room: needs ${octets(needs)}, limit ${octets(limit)}, used ${octets(used)}, ` +
    `of which protected ${octets(fixed)}; the disk has ${octets(free)} free, of which ${octets(reserve)} stay free`;
  const cure = byLimit
    ? "Raise `cache.size` in the site, or take assets out of it; `pilotlight cache ls` shows what is large."
    : `Free space on the disk that holds ${dir}; the cache itself is within its limit.`;
  return new AgentError("E_CACHE_FULL", text, { cure, cause });
}

/** Octets as an operator reads them. */
export function octets(count: number): string {
  const units = ["octets", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

import { statfs } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { AssetRecord } from "./records.ts";
import type { CacheTables } from "./tables.ts";

/** Octets of the disk that stay free, for everyone else on the host: a part of the disk, up to what is enough on any. */
const MOST_RESERVED: number = 512 * 1024 * 1024;
const RESERVE_PART = 0.02;

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
  return { free: bavail * bsize, reserve: Math.min(MOST_RESERVED, part) };
}

/** What may not be removed now, for another reason than the records. */
export interface Kept {
  /** What plans need and what is in use. */
  readonly protected: ReadonlySet<string>;
  /** Whether the site still has an asset. */
  named(asset: string): boolean;
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
  /** The lower ones go first. */
  readonly rank: number;
}

/**
 * All blobs that may be removed, first those to go first: what no record names, then old versions, then what assets that
 * left the site had last; of each kind what was used longest ago. Never a version that is held, nor one that an asset of the
 * site is served by or has alone.
 */
export function candidates(tables: CacheTables, kept: Kept): Candidate[] {
  const found: Candidate[] = [];
  for (const { key: digest, value: use } of tables.uses.getRange()) {
    if (kept.protected.has(digest) || kept.foreign.has(digest)) continue;
    const names = tables.refs.get(digest) ?? [];
    if (names.length === 0 && kept.busy(use.owner)) continue;
    const last = names
      .map((name) => tables.assets.get(name))
      .filter((asset) => isLast(asset, digest));
    if (last.some((asset) => asset && (asset.held === digest || kept.named(asset.name)))) continue;
    const rank = last.length > 0 ? 2 : names.length > 0 ? 1 : 0;
    found.push({ digest, size: use.size, usedAt: use.usedAt, names, rank });
  }
  return found.sort((a, b) => a.rank - b.rank || a.usedAt - b.usedAt);
}

/** Forgets a blob, and the versions that it was. For use within a transaction; its file is to be removed. */
export function forget(tables: CacheTables, { digest, names }: Candidate): void {
  for (const name of names) {
    const asset = tables.assets.get(name);
    if (!asset) continue;
    const { current, ...rest } = asset;
    const versions = asset.versions.filter((version) => version.digest !== digest);
    // The record itself stays: should the asset come back, it is still known which digest was seen first.
    const served = current === undefined || current === digest ? {} : { current };
    void tables.assets.put(name, { ...rest, ...served, versions });
    tables.removeManifest(name, digest);
  }
  void tables.refs.remove(digest);
  if (tables.removeBlob(digest)) void tables.doomed.put(digest, true);
  if (names.length > 0) tables.outdateIndex();
}

/** Whether an asset that is in use cannot do without a blob. */
function isLast(asset: AssetRecord | undefined, digest: string): boolean {
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

import { opendir, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { ownerAlive } from "../../state/owner.ts";
import { candidates, forget, type Kept } from "./eviction.ts";
import { EMPTY_DIGEST, type Layout } from "./layout.ts";
import { isDigest } from "./manifest.ts";
import type { Quarantine } from "./quarantine.ts";
import { moveAway } from "./removal.ts";
import type { CacheTables } from "./tables.ts";

/** How long another program may take from its first blob to its entry in `index.json`, ms. */
const FOREIGN_GRACE_MS: number = 60 * 60_000;
/** How long a transfer that nobody went on with is kept, ms. */
const PARTIAL_MS: number = 7 * 24 * 60 * 60_000;
/** How long octets that no record speaks of stay in quarantine, ms. */
const QUARANTINE_MS: number = 30 * 24 * 60 * 60_000;
/** How old a file under `ingest/` is before one that no record knows is taken for a crash's, ms. */
const STRAY_MS = 60_000;

/** What collecting needs of the cache. */
export interface CollectContext {
  readonly layout: Layout;
  readonly tables: CacheTables;
  readonly quarantine: Quarantine;
  readonly kept: Kept;
  readonly nowMs: number;
}

/** Forgets blobs that no asset has a version of; their files are removed with the other doomed ones. Octets that it frees. */
export async function forgetUnnamed({ tables, kept }: CollectContext): Promise<number> {
  return await tables.database.transaction(() => {
    let freed = 0;
    for (const candidate of candidates(tables, kept)) {
      if (candidate.names.length > 0) continue;
      forget(tables, candidate);
      freed += candidate.size;
    }
    return freed;
  });
}

/** Removes files under `blobs/` that no record and no entry of `index.json` refers to: a crash's, or another program's that was broken off. */
export async function removeStrayBlobs(context: CollectContext): Promise<number> {
  const { layout, tables, kept, nowMs } = context;
  const manifests = new Set<string>([EMPTY_DIGEST]);
  for (const { value } of tables.manifests.getRange()) manifests.add(value.digest);
  let freed = 0;
  for await (const entry of await opendir(layout.blobs)) {
    const { name } = entry;
    if (!isDigest(name) || manifests.has(name) || kept.foreign.has(name)) continue;
    if (tables.blobs.doesExist(name)) continue;
    const info = await stat(layout.blob(name)).catch(() => undefined);
    // The change time is when it got its name here, whatever date it was given.
    if (!info || nowMs - info.ctimeMs < FOREIGN_GRACE_MS) continue;
    const moved = await tables.database.transaction(() =>
      tables.blobs.doesExist(name) || placing(tables).has(name) ? [] : moveAway(layout, name),
    );
    for (const file of moved) {
      await unlink(file);
      freed += info.size;
    }
  }
  return freed;
}

/** Removes transfers that nobody went on with, and what crashes left under `ingest/`. */
export async function removeStrayPartials(context: CollectContext): Promise<number> {
  const { layout, tables, nowMs } = context;
  const old = [...tables.ingests.getRange()].filter(
    ({ value }) =>
      nowMs - value.changedMs > PARTIAL_MS && !(value.active && ownerAlive(value.owner)),
  );
  if (old.length > 0) {
    await tables.database.transaction(() => {
      for (const { key } of old) void tables.ingests.remove(key);
    });
  }
  const gone = new Set(old.map(({ key }) => key));
  let freed = 0;
  for await (const { name } of await opendir(layout.ingest)) {
    if (tables.ingests.doesExist(name)) continue;
    const file = path.join(layout.ingest, name);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile() || (!gone.has(name) && nowMs - info.ctimeMs < STRAY_MS)) continue;
    await unlink(file).catch(() => undefined);
    freed += info.size;
  }
  return freed;
}

/** Removes what was put aside long ago and no record speaks of. */
export async function removeOldQuarantine(context: CollectContext): Promise<number> {
  const { tables, quarantine, nowMs } = context;
  const named = new Set<string>();
  for (const { value } of tables.assets.getRange()) {
    if (value.refused?.keptAs !== undefined) named.add(value.refused.keptAs);
  }
  let freed = 0;
  for (const { file, size, sinceMs } of await quarantine.files()) {
    if (named.has(file) || nowMs - sinceMs < QUARANTINE_MS) continue;
    await quarantine.remove(file);
    freed += size;
  }
  return freed;
}

/** Octets of all transfers that are under way or wait to be gone on with. */
export async function partialOctets(layout: Layout, tables: CacheTables): Promise<number> {
  let octets = 0;
  for (const key of [...tables.ingests.getKeys()]) {
    const info = await stat(path.join(layout.ingest, key)).catch(() => undefined);
    octets += info?.size ?? 0;
  }
  return octets;
}

/** Digests of files that are just getting their name. */
function placing(tables: CacheTables): Set<string> {
  const found = new Set<string>();
  for (const { value } of tables.ingests.getRange()) if (value.digest) found.add(value.digest);
  return found;
}

import { AgentError } from "../../errors.ts";
import type { AssetRecord } from "./records.ts";
import type { CacheTables } from "./tables.ts";

/**
 * Changes the record of an asset and all that follows from it; for use within a transaction.
 *
 * Throws E_CACHE, before anything is written, when a version is new but its blob is not there.
 */
export function changeAsset(
  tables: CacheTables,
  name: string,
  change: (before: AssetRecord | undefined) => AssetRecord | undefined,
): AssetRecord | undefined {
  const before = tables.assets.get(name);
  const after = change(before);
  mustHaveBlobs(tables, name, before, after);
  const old = new Map(before?.versions.map((v) => [v.digest, v]));
  for (const version of after?.versions ?? []) {
    const { digest } = version;
    const was = old.get(digest);
    old.delete(digest);
    if (was && JSON.stringify(was) === JSON.stringify(version)) continue;
    tables.removeManifest(name, digest);
    tables.addRef(digest, name);
    const use = tables.uses.get(digest);
    // It has a name now: whoever brought it in need not be waited for.
    if (use) void tables.uses.put(digest, { size: use.size, usedAt: use.usedAt });
  }
  for (const digest of old.keys()) {
    tables.removeManifest(name, digest);
    tables.removeRef(digest, name);
  }
  if (after) void tables.assets.put(name, after);
  else void tables.assets.remove(name);
  if (shown(before) !== shown(after)) tables.outdateIndex();
  return after;
}

function mustHaveBlobs(
  tables: CacheTables,
  name: string,
  before: AssetRecord | undefined,
  after: AssetRecord | undefined,
): void {
  if (after && after.name !== name) throw new Error(`the record of ${name} says ${after.name}`);
  const known = new Set(before?.versions.map(({ digest }) => digest));
  for (const { digest } of after?.versions ?? []) {
    if (known.has(digest) || tables.blobs.doesExist(digest)) continue;
    throw new AgentError(
      "E_CACHE",
      `asset "${name}": the blob ${digest} was removed from the cache meanwhile`,
      { cure: "Fetch it again; if the cache is full, raise `cache.size` in the site." },
    );
  }
}

/** What `index.json` shows of a record. */
function shown(asset: AssetRecord | undefined): string {
  if (!asset) return "";
  const { versions, current, held, firstSourceDigest } = asset;
  return JSON.stringify([versions, current, held, firstSourceDigest]);
}

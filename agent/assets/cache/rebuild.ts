import { processOwner } from "../../state/owner.ts";
import { openToRead } from "./blob-file.ts";
import { ASSET, readEntries, readText, STATE } from "./index-file.ts";
import type { Layout } from "./layout.ts";
import { digestOf, isDigest, json, member, parseManifest, sha256Of } from "./manifest.ts";
import { hashFile } from "./pieces.ts";
import type { AssetRecord, BlobRecord, VersionRecord } from "./records.ts";
import type { CacheTables } from "./tables.ts";

interface Found {
  readonly versions: VersionRecord[];
  current?: string;
  held?: string;
  firstSourceDigest?: string;
}

/**
 * Makes the records again from `index.json` and the manifests it lists. Each blob is read and verified; versions whose
 * blob is not sound are left out, and `collect` removes what no record refers to.
 */
export async function rebuild(layout: Layout, tables: CacheTables): Promise<void> {
  const found = new Map<string, Found>();
  const blobs = new Map<string, BlobRecord>();
  for (const entry of await readEntries(layout.index)) {
    await readEntry(layout, entry, found, blobs);
  }
  const owner = processOwner();
  await tables.database.transaction(() => {
    for (const blob of blobs.values()) tables.putBlob(blob, owner);
    for (const [name, asset] of found) {
      void tables.assets.put(name, assetRecord(name, asset));
      for (const { digest } of asset.versions) tables.addRef(digest, name);
    }
    tables.outdateIndex();
  });
}

async function readEntry(
  layout: Layout,
  entry: unknown,
  found: Map<string, Found>,
  blobs: Map<string, BlobRecord>,
): Promise<void> {
  const annotations = member(entry, "annotations");
  const name = member(annotations, ASSET);
  const digest = digestOf(member(entry, "digest"));
  if (typeof name !== "string" || digest === undefined) return;
  const text = await readText(layout.blob(digest));
  const version = sha256Of(text) === digest ? parseManifest(text) : undefined;
  if (!version) return;
  const blob = blobs.get(version.digest) ?? (await soundBlob(layout, version.digest));
  if (!blob) return;
  blobs.set(blob.digest, blob);
  const asset = found.get(name) ?? { versions: [] };
  found.set(name, asset);
  asset.versions.push(version);
  const state = member(annotations, STATE);
  if (typeof state !== "string") return;
  asset.current = version.digest;
  const { held, firstSourceDigest } = (json(state) ?? {}) as Partial<AssetRecord>;
  if (isDigest(held)) asset.held = held;
  if (isDigest(firstSourceDigest)) asset.firstSourceDigest = firstSourceDigest;
}

async function soundBlob(layout: Layout, digest: string): Promise<BlobRecord | undefined> {
  const handle = await openToRead(layout.blob(digest)).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const blob = await hashFile(handle);
    return blob.digest === digest ? blob : undefined;
  } catch {
    // A disk that cannot read it: not sound.
    return undefined;
  } finally {
    await handle.close();
  }
}

function assetRecord(name: string, found: Found): AssetRecord {
  const { held, current, firstSourceDigest } = found;
  const versions = found.versions.sort((a, b) => b.fetchedMs - a.fetchedMs);
  const has = (digest: string | undefined): digest is string =>
    versions.some((version) => version.digest === digest);
  const served = has(current) ? current : versions[0]?.digest;
  return {
    name,
    versions,
    ...(served === undefined ? {} : { current: served }),
    ...(has(held) ? { held } : {}),
    ...(firstSourceDigest === undefined ? {} : { firstSourceDigest }),
  };
}

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import type { DiskCache } from "../../agent/assets/cache/disk-cache.ts";

/** A manifest is shorter than this. */
const MANIFEST_LEN = 2_000;

/** Fails unless each recorded version has a sound blob, each blob a record, and the totals are those of the blobs. */
export async function expectWhole(cache: DiskCache): Promise<void> {
  const known = new Set<string>();
  for (const asset of cache.assets()) {
    const digests = asset.versions.map((version) => version.digest);
    // What left the site may have lost its last version.
    if (digests.length > 0) expect(digests).toContain(asset.current);
    else expect(asset.current).toBeUndefined();
    for (const { digest, size } of asset.versions) {
      known.add(digest);
      expect(cache.blob(digest)?.size).toBe(size);
    }
  }
  let octets = 0;
  for (const name of readdirSync(path.join(cache.dir, "blobs", "sha256"))) {
    const { size } = statSync(cache.blobPath(name));
    if (!cache.blob(name)) {
      // Only the manifest of a version that went before the index was written.
      expect(size).toBeLessThan(MANIFEST_LEN);
      continue;
    }
    octets += size;
    known.delete(name);
    expect(await cache.check(name)).toEqual({ digest: name, size, sound: true });
  }
  expect([...known]).toEqual([]);
  const usage = await cache.usage();
  expect(usage.used - usage.partial - usage.quarantined).toBe(octets);
}

/** Fails unless each manifest that `index.json` lists is there, and all that those list. */
export function expectIndexResolves(dir: string): void {
  // A process that is killed while it makes the cache has made nothing yet.
  if (!existsSync(path.join(dir, "index.json"))) return;
  const index = JSON.parse(readFileSync(path.join(dir, "index.json"), "utf8"));
  const blob = (digest: string): string =>
    path.join(dir, "blobs", "sha256", digest.replace("sha256:", ""));
  for (const { digest, size } of index.manifests) {
    expect(statSync(blob(digest)).size).toBe(size);
    const { config, layers } = JSON.parse(readFileSync(blob(digest), "utf8"));
    for (const part of [config, ...layers]) {
      expect(statSync(blob(part.digest)).size).toBe(part.size);
    }
  }
}

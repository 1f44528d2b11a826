import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import type { Received } from "../../agent/assets/cache/cache.ts";
import {
  type DiskCache,
  type DiskCacheOptions,
  openDiskCache,
} from "../../agent/assets/cache/disk-cache.ts";
import type { AssetRecord, VersionRecord } from "../../agent/assets/cache/records.ts";
import { tempDir } from "./temp-dir.ts";

export const MIB: number = 1024 * 1024;

/** Octets that look like nothing else: the same for the same seed. */
export function noise(len: number, seed = 1): Buffer {
  const out = Buffer.alloc(len);
  let x = seed * 2_654_435_761 + 1;
  for (let i = 0; i < len; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

export function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

/** A cache in a folder of its own, closed when the test ends. */
export async function newCache(options: Partial<DiskCacheOptions> = {}): Promise<DiskCache> {
  const cache = await openDiskCache({ stateDir: tempDir(), limit: 64 * MIB, ...options });
  onTestFinished(() => cache.close().catch(() => undefined));
  return cache;
}

/** Writes octets into the cache up to where they could be kept. */
export async function receive(
  cache: DiskCache,
  id: string,
  octets: Uint8Array,
  step = 100_000,
): Promise<Received> {
  const ingest = await cache.ingest(id);
  if (!ingest.version) await ingest.restart({ size: octets.length });
  for (let at = ingest.at; at < octets.length; at += step) {
    await ingest.write(octets.subarray(at, at + step));
  }
  return await ingest.finish();
}

export function versionOf(octets: Uint8Array, changes: Partial<VersionRecord> = {}): VersionRecord {
  const digest = sha256(octets);
  return {
    digest,
    size: octets.length,
    sourceDigest: digest,
    sourceId: "test:source",
    treatment: "",
    object: { size: octets.length },
    mtimeMs: 1_700_000_000_000,
    fetchedMs: 1_700_000_000_000,
    ...changes,
  };
}

/** Makes octets the newest version of an asset, and the one that is served. */
export async function put(
  cache: DiskCache,
  name: string,
  octets: Uint8Array,
  changes: Partial<VersionRecord> = {},
): Promise<AssetRecord> {
  await (await receive(cache, `test:${name}`, octets)).keep();
  const version = versionOf(octets, changes);
  const record = await cache.update(name, (before) => ({
    ...before,
    name,
    versions: [version, ...(before?.versions ?? []).filter((v) => v.digest !== version.digest)],
    current: version.digest,
  }));
  if (!record) throw new Error("no record");
  return record;
}

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openDiskCache } from "../../../../../agent/assets/cache/disk-cache.ts";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import {
  MIB,
  newCache,
  noise,
  put,
  receive,
  sha256,
  versionOf,
} from "../../../../support/filled-cache.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { octetsOf } from "../contents.ts";

const PIECE = 256 * 1024;

interface IndexEntry {
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

function indexOf(dir: string): IndexEntry[] {
  return JSON.parse(readFileSync(path.join(dir, "index.json"), "utf8")).manifests;
}

describe("openDiskCache", () => {
  it("makes an OCI image layout", async () => {
    const cache = await newCache();
    expect(JSON.parse(readFileSync(path.join(cache.dir, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(indexOf(cache.dir)).toEqual([]);
    expect([...cache.assets()]).toEqual([]);
  });

  it.each([
    ["nothing", 0],
    ["one octet", 1],
    ["a piece less one", PIECE - 1],
    ["a piece", PIECE],
    ["a piece and one", PIECE + 1],
    ["some pieces", 3 * PIECE + 12_345],
  ])("gives back %s, in chunks of any length", async (_, len) => {
    const cache = await newCache();
    const octets = noise(len);
    await put(cache, "a", octets);
    for (const chunkLen of [1024, 64 * 1024, PIECE, 2 * PIECE, 1000, 300_000]) {
      const content = cache.content("a", versionOf(octets), new ChunkCache(chunkLen, 8 * MIB));
      expect(content).toMatchObject({ size: len, etag: sha256(octets), chunkLen });
      expect(Buffer.compare(await octetsOf(content), octets)).toBe(0);
    }
  });

  it("knows after it was closed what it knew before", async () => {
    const stateDir = tempDir();
    const octets = noise(400_000);
    const first = await openDiskCache({ stateDir, limit: 64 * MIB });
    const record = await put(first, "netbsd", octets, { fileName: "netbsd.gz" });
    await first.close();
    const again = await newCache({ stateDir });
    expect(again.asset("netbsd")).toEqual(record);
    expect(again.blob(sha256(octets))).toMatchObject({ size: 400_000, pieceLen: PIECE });
    expect(await again.check(sha256(octets))).toMatchObject({ sound: true });
  });

  it("lists the version that is served by name, and others by their digest", async () => {
    const cache = await newCache();
    const [old, fresh] = [noise(1000, 1), noise(1000, 2)];
    await put(cache, "a", old);
    await put(cache, "a", fresh);
    await cache.flush();
    const entries = indexOf(cache.dir);
    const refs = entries.map((e) => e.annotations["org.opencontainers.image.ref.name"]).sort();
    expect(refs).toEqual(["a", `a@sha256-${sha256(old).slice(0, 12)}`]);
    for (const entry of entries) {
      const manifest = readFileSync(cache.blobPath(entry.digest.slice("sha256:".length)));
      expect(`sha256:${sha256(manifest)}`).toBe(entry.digest);
      for (const { digest } of JSON.parse(manifest.toString()).layers) {
        expect(existsSync(cache.blobPath(digest.slice("sha256:".length)))).toBe(true);
      }
    }
  });

  it("writes nothing twice that it has", async () => {
    const cache = await newCache();
    const octets = noise(1000);
    await put(cache, "a", octets);
    const { ino } = statSync(cache.blobPath(sha256(octets)));
    await (await receive(cache, "another source", octets)).keep();
    expect(statSync(cache.blobPath(sha256(octets))).ino).toBe(ino);
    expect(readdirSync(path.join(cache.dir, "ingest"))).toEqual([]);
    expect(await cache.usage()).toMatchObject({ blobs: 1, used: 1000, partial: 0 });
  });
});

describe("a damaged blob", () => {
  it.each([1024, 64 * 1024, PIECE, 2 * PIECE])("is not served, chunks of %d", async (chunkLen) => {
    const cache = await newCache();
    const octets = noise(3 * PIECE);
    await put(cache, "a", octets);
    const told: string[] = [];
    cache.onDamage((digest) => told.push(digest));
    const bad = Buffer.from(octets);
    bad[PIECE + 5] = (bad[PIECE + 5] ?? 0) ^ 1;
    writeFileSync(cache.blobPath(sha256(octets)), bad);
    const content = cache.content("a", versionOf(octets), new ChunkCache(chunkLen, 8 * MIB));
    const index = Math.floor((PIECE + 5) / chunkLen);
    await expect(content.load(index)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    expect(told).toEqual([sha256(octets)]);
    expect(await cache.check(sha256(octets))).toMatchObject({ sound: false });
  });

  it("is put aside, comes back, and is served by those who had it open", async () => {
    const cache = await newCache();
    const octets = noise(2 * PIECE);
    const digest = sha256(octets);
    await put(cache, "a", octets);
    const content = cache.content("a", versionOf(octets), new ChunkCache(PIECE, 8 * MIB));
    await content.load(0);
    await cache.condemn(digest, "for a test");
    expect(cache.blob(digest)).toBeUndefined();
    expect(indexOf(cache.dir)).toEqual([]);
    expect(readdirSync(path.join(cache.dir, "quarantine")).sort()).toEqual([
      digest.slice(0, 16),
      `${digest.slice(0, 16)}.why`,
    ]);
    await expect(content.load(1)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    expect(cache.asset("a")?.current).toBe(digest);
    await (await receive(cache, "again", octets)).keep();
    expect(Buffer.compare(await content.load(1), octets.subarray(PIECE))).toBe(0);
    await cache.flush();
    expect(indexOf(cache.dir)).toHaveLength(1);
  });
});

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { truncateSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Asset } from "../../../../agent/assets/asset.ts";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { AssetStore } from "../../../../agent/assets/store.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { fileAsset } from "../../../support/asset-specs.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { pattern } from "../../../support/test-site.ts";
import { octetsOf } from "./contents.ts";

const OCTETS = pattern(2_500);
const SHA256 = createHash("sha256").update(OCTETS).digest("hex");

function cacheOf(): ChunkCache {
  return new ChunkCache(1_000, 10_000);
}

function fileOf(octets: Uint8Array = OCTETS): string {
  return path.join(tempDir({ file: octets }), "file");
}

const verify = (file: string, sha256?: string): Promise<Asset> =>
  Asset.verify(fileAsset("a", file, sha256), cacheOf());

describe("Asset", () => {
  it("is the file's octets with its digest", async () => {
    const file = fileOf();
    utimesSync(file, 1_000.5, 1_000.5);
    const asset = await verify(file, SHA256);
    expect(asset).toMatchObject({ name: "a", size: 2_500, sha256: SHA256, etag: SHA256 });
    expect(asset.mtimeMs).toBe(1_000_000);
    expect([...(await octetsOf(asset))]).toEqual([...OCTETS]);
  });

  it.each([0, 1, 999, 1_000, 1_001, 2_000])("has %d octets if the file has", async (len) => {
    const asset = await verify(fileOf(OCTETS.slice(0, len)));
    expect([...(await octetsOf(asset))]).toEqual([...OCTETS.slice(0, len)]);
  });

  it("refuses a file that is not the pinned one", async () => {
    await expect(verify(fileOf(), "0".repeat(64))).rejects.toMatchObject({
      code: "E_ASSET_DIGEST",
    });
  });

  it.each([
    ["no file", () => path.join(tempDir(), "none"), "E_ASSET_MISSING"],
    ["a path below a file", () => path.join(fileOf(), "below"), "E_ASSET_MISSING"],
    ["a folder", () => tempDir(), "E_ASSET_READ"],
    ["a device", () => "/dev/zero", "E_ASSET_READ"],
  ])("cannot be made of %s", async (_, file, code) => {
    await expect(verify(file())).rejects.toMatchObject({ code });
  });

  it("refuses a file that is shorter than it says", async () => {
    // The kernel says 4096 octets of this file and gives a few: as a file that shrinks while it is read.
    await expect(verify("/sys/kernel/uevent_seqnum")).rejects.toMatchObject({
      code: "E_ASSET_CHANGED",
    });
  });

  it("does not wait for a pipe", async () => {
    const pipe = path.join(tempDir(), "pipe");
    execFileSync("mkfifo", [pipe]);
    await expect(verify(pipe)).rejects.toMatchObject({ code: "E_ASSET_READ" });
  });

  it.each([
    ["another octet", (file: string) => writeFileSync(file, new Uint8Array(OCTETS).fill(9))],
    ["fewer octets", (file: string) => truncateSync(file, 1_500)],
    ["no octets", (file: string) => truncateSync(file, 0)],
  ])("serves nothing of a file that has %s since", async (_, change) => {
    const file = fileOf();
    const asset = await verify(file);
    change(file);
    await expect(asset.load(1)).rejects.toMatchObject({ code: "E_ASSET_CHANGED" });
    expect(asset.peek(1)).toBeUndefined();
  });

  it("serves nothing of a file that is gone, until it is back", async () => {
    const file = fileOf();
    const asset = await verify(file);
    unlinkSync(file);
    await expect(asset.load(0)).rejects.toMatchObject({ code: "E_ASSET_MISSING" });
    writeFileSync(file, OCTETS);
    expect([...(await octetsOf(asset))]).toEqual([...OCTETS]);
  });

  it("goes on serving what is in memory when the file changes", async () => {
    const file = fileOf();
    const asset = await verify(file);
    await asset.load(0);
    truncateSync(file, 0);
    expect([...(await asset.load(0))]).toEqual([...OCTETS.subarray(0, 1_000)]);
  });
});

describe("AssetStore", () => {
  it("keeps what can be had and tells what cannot", async () => {
    const good = fileAsset("good", fileOf());
    const bad = fileAsset("bad", "/nonexistent");
    const folder = fileAsset("folder", tempDir());
    const store = await AssetStore.open([bad, folder, good], cacheOf());
    expect(store.get(good)).toBeInstanceOf(Asset);
    expect(store.get(bad)).toBeInstanceOf(AgentError);
    expect(store.problems().map((e) => e.code)).toEqual(["E_ASSET_MISSING", "E_ASSET_READ"]);
    expect(() => store.get(fileAsset("other", "/x"))).toThrow("not of this site");
  });
});

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openDiskCache } from "../../../agent/assets/cache/disk-cache.ts";
import { newCache, noise, put, sha256 } from "../../support/filled-cache.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { expectIndexResolves, expectWhole } from "../../support/whole-cache.ts";

/** `skopeo copy`, where nothing is signed. */
function copy(from: string, to: string): void {
  execFileSync("skopeo", ["--insecure-policy", "copy", "--quiet", from, to], { encoding: "utf8" });
}

describe("skopeo", () => {
  it("reads each version of an asset", async () => {
    const cache = await newCache();
    const [old, fresh] = [noise(300_000, 1), noise(500_000, 2)];
    await put(cache, "netbsd-sparc64_10.1+x", old);
    await put(cache, "netbsd-sparc64_10.1+x", fresh);
    await cache.flush();
    const shortDigest = sha256(old).slice(0, 12);
    for (const [ref, octets] of [
      ["netbsd-sparc64_10.1+x", fresh],
      [`netbsd-sparc64_10.1+x@sha256-${shortDigest}`, old],
    ] as const) {
      const out = tempDir();
      copy(`oci:${cache.dir}:${ref}`, `dir:${out}`);
      const file = readFileSync(path.join(out, sha256(octets)));
      expect(createHash("sha256").update(file).digest("hex")).toBe(sha256(octets));
    }
  });

  it("fills it, and what it brought stays", async () => {
    const stateDir = tempDir();
    const source = await newCache();
    const [ours, theirs] = [noise(300_000, 3), noise(400_000, 4)];
    await put(source, "kernel", theirs);
    await source.flush();

    const cache = await openDiskCache({ stateDir, limit: 1e9 });
    await put(cache, "a", ours);
    await cache.flush();
    copy(`oci:${source.dir}:kernel`, `oci:${cache.dir}:registry.example.com/kernel:v1`);
    await cache.look();
    // Its name as skopeo found it, with the annotations of its manifest.
    const refs = cache.foreign().map((entry) => entry.ref);
    expect(refs).toEqual(["registry.example.com/kernel:v1"]);

    await put(cache, "a", noise(1000, 5));
    await cache.collect();
    await cache.close();
    expectIndexResolves(cache.dir);
    const again = await newCache({ stateDir });
    await again.look();
    expect(again.foreign()).toHaveLength(1);
    expect(Buffer.compare(readFileSync(again.blobPath(sha256(theirs))), theirs)).toBe(0);
    const out = tempDir();
    copy(`oci:${again.dir}:registry.example.com/kernel:v1`, `dir:${out}`);
    copy(`oci:${again.dir}:a`, `dir:${tempDir()}`);
    expect(Buffer.compare(readFileSync(path.join(out, sha256(theirs))), theirs)).toBe(0);
  });

  it("takes an asset's name, and the asset goes on", async () => {
    const cache = await newCache();
    const [ours, theirs] = [noise(1000, 6), noise(1000, 7)];
    await put(cache, "other", theirs);
    await put(cache, "a", ours);
    await cache.flush();
    copy(`oci:${cache.dir}:other`, `oci:${cache.dir}:a`);
    await put(cache, "b", noise(1000, 8));
    await cache.flush();
    expect(cache.foreign().map((entry) => entry.ref)).toEqual(["a"]);
    const out = tempDir();
    copy(`oci:${cache.dir}:a`, `dir:${out}`);
    expect(readFileSync(path.join(out, sha256(theirs)))).toHaveLength(1000);
    await expectWhole(cache);
    expectIndexResolves(cache.dir);
  });
});

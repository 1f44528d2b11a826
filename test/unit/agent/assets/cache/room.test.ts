import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import type { DiskCache } from "../../../../../agent/assets/cache/disk-cache.ts";
import { openDiskCache } from "../../../../../agent/assets/cache/disk-cache.ts";
import { openDatabase } from "../../../../../agent/state/database.ts";
import { MIB, newCache, noise, put, receive, sha256 } from "../../../../support/filled-cache.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { expectIndexResolves, expectWhole } from "../../../../support/whole-cache.ts";

const LEN = 100_000;

describe("makeRoom", () => {
  it("evicts what no asset names, then old versions, what was used longest ago first", async () => {
    const cache = await newCache({ limit: 5 * LEN });
    const [a1, a2, b1, b2, loose] = [1, 2, 3, 4, 5].map((seed) => noise(LEN, seed));
    if (!a1 || !a2 || !b1 || !b2 || !loose) throw new Error("five");
    for (const [name, octets] of [
      ["a", a1],
      ["b", b1],
      ["a", a2],
      ["b", b2],
    ] as const) {
      await put(cache, name, octets);
    }
    await (await receive(cache, "loose", loose)).keep();
    cache.touch(sha256(a1));
    const there = (): boolean[] =>
      [loose, b1, a1, a2, b2].map((o) => existsSync(cache.blobPath(sha256(o))));
    await cache.makeRoom(1);
    expect(there()).toEqual([false, true, true, true, true]);
    await cache.makeRoom(2 * LEN);
    expect(there()).toEqual([false, false, true, true, true]);
    expect(cache.asset("b")?.versions.map((v) => v.digest)).toEqual([sha256(b2)]);
    await cache.makeRoom(3 * LEN);
    expect(there()).toEqual([false, false, false, true, true]);
    await expect(cache.makeRoom(4 * LEN)).rejects.toMatchObject({
      code: "E_CACHE_FULL",
      message: expect.stringMatching(
        /needs 390\.6 KiB, limit 488\.3 KiB, used 195\.3 KiB, of which protected 195\.3 KiB/,
      ),
    });
    expect(there()).toEqual([false, false, false, true, true]);
    await expectWhole(cache);
    expectIndexResolves(cache.dir);
  });

  it("leaves what is protected", async () => {
    const cache = await newCache({ limit: 2 * LEN });
    await put(cache, "a", noise(LEN, 1));
    await put(cache, "a", noise(LEN, 2));
    cache.protect(() => new Set([sha256(noise(LEN, 1))]));
    await expect(cache.makeRoom(LEN)).rejects.toMatchObject({ code: "E_CACHE_FULL" });
    cache.protect(() => new Set());
    await cache.makeRoom(LEN);
    expect(cache.asset("a")?.versions).toHaveLength(1);
  });

  it("takes what assets had that left the site, last of all and not what the operator holds", async () => {
    const cache = await newCache({ limit: 5 * LEN });
    const octets = [1, 2, 3, 4].map((n) => noise(LEN, n));
    const [gone, old, held, used] = octets as [Buffer, Buffer, Buffer, Buffer];
    await put(cache, "gone", gone);
    await put(cache, "stays", old);
    await put(cache, "held", held);
    await cache.update("held", (before) => before && { ...before, held: sha256(held) });
    await put(cache, "stays", used);
    cache.protect(
      () => new Set(),
      (name) => name === "stays",
    );
    const there = (): boolean[] => octets.map((o) => existsSync(cache.blobPath(sha256(o))));
    await cache.makeRoom(2 * LEN);
    expect(there()).toEqual([true, false, true, true]);
    await cache.makeRoom(3 * LEN);
    expect(there()).toEqual([false, false, true, true]);
    await expect(cache.makeRoom(4 * LEN)).rejects.toMatchObject({ code: "E_CACHE_FULL" });
    // What was seen first is remembered, should the asset come back.
    const record = cache.asset("gone");
    expect(record).toMatchObject({ name: "gone", versions: [] });
    expect(record).not.toHaveProperty("current");
    await expectWhole(cache);
    expectIndexResolves(cache.dir);
  });

  it("foresees a full disk, and a transfer that fills it is explained", async () => {
    const disk = tempDir();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=80m", "tmpfs", disk]);
    onTestFinished(() => void execFileSync("umount", ["--lazy", disk]));
    const cache = await openDiskCache({ stateDir: disk, limit: 1024 * MIB });
    await cache.makeRoom(8 * MIB);
    await expect(cache.makeRoom(79 * MIB)).rejects.toMatchObject({
      code: "E_CACHE_FULL",
      cure: expect.stringMatching(/^Free space on the disk/),
    });
    await expect(receive(cache, "big", Buffer.alloc(90 * MIB), MIB)).rejects.toMatchObject({
      code: "E_CACHE_FULL",
    });
    await cache.close().catch(() => undefined);
  });
});

describe("ingest", () => {
  it("goes on where it was suspended, also in another life", async () => {
    const stateDir = tempDir();
    const octets = noise(700_000);
    const first = await openDiskCache({ stateDir, limit: MIB });
    const ingest = await first.ingest("x");
    await ingest.restart({ etag: '"1"' });
    await ingest.write(octets.subarray(0, 300_001));
    await expect(first.ingest("x")).rejects.toMatchObject({ code: "E_CACHE" });
    await ingest.suspend();
    await first.close();
    const cache = await newCache({ stateDir });
    const again = await cache.ingest("x");
    expect(again).toMatchObject({ at: 300_001, version: { etag: '"1"' } });
    await again.write(octets.subarray(300_001));
    const received = await again.finish();
    expect(received.digest).toBe(sha256(octets));
    await received.keep();
    expect(await cache.check(sha256(octets))).toMatchObject({ sound: true });
  });

  it("trusts only what was durable after a power cut", async () => {
    const stateDir = tempDir();
    const first = await openDiskCache({ stateDir, limit: MIB });
    const ingest = await first.ingest("x");
    await ingest.restart({});
    await ingest.write(noise(500));
    await ingest.suspend();
    await first.close();
    const database = openDatabase({ dir: path.join(stateDir, "db") });
    const table = database.table<{ owner: string; synced: number }>("cache.ingests");
    await database.transaction(() => {
      for (const { key, value } of [...table.getRange()]) {
        void table.put(key, { ...value, owner: "another boot:1:1", synced: 200 });
      }
    });
    await database.close();
    const again = await (await newCache({ stateDir })).ingest("x");
    expect(again.at).toBe(200);
  });

  it("puts aside what was refused, within bounds", async () => {
    const cache = await newCache({ limit: 8 * LEN });
    for (let seed = 1; seed <= 3; seed++) {
      const received = await receive(cache, "x", noise(LEN / 2, seed));
      expect(await received.quarantine("not what is pinned")).toBe(received.digest.slice(0, 16));
    }
    expect((await cache.usage()).quarantined).toBe(LEN);
    const large = await receive(cache, "x", noise(2 * LEN));
    expect(await large.quarantine("too long")).toBeUndefined();
    expect(readdirSync(path.join(cache.dir, "ingest"))).toEqual([]);
  });
});

describe("a database that is gone", () => {
  it("is made again from the layout, sound blobs alone", async () => {
    const stateDir = tempDir();
    const first = await openDiskCache({ stateDir, limit: 64 * MIB });
    const record = await put(first, "a", noise(LEN, 1), { fileName: "a.gz" });
    await put(first, "b", noise(LEN, 2));
    await first.update("a", (r) => r && { ...r, firstSourceDigest: sha256(noise(LEN, 1)) });
    await first.close();
    truncateSync(path.join(stateDir, "db", "data.mdb"), 5000);
    const bad = readFileSync(first.blobPath(sha256(noise(LEN, 2))));
    bad[7] = (bad[7] ?? 0) ^ 1;
    writeFileSync(first.blobPath(sha256(noise(LEN, 2))), bad);
    const cache = await newCache({ stateDir });
    expect([...cache.assets()]).toEqual([{ ...record, firstSourceDigest: sha256(noise(LEN, 1)) }]);
    expect(await cache.check(sha256(noise(LEN, 1)))).toMatchObject({ sound: true });
  });
});

describe("collect", () => {
  it("removes what nothing refers to, and keeps the rest", async () => {
    const cache = await newCache();
    await put(cache, "a", noise(LEN, 1));
    await (await receive(cache, "loose", noise(LEN, 2))).keep();
    writeFileSync(path.join(cache.dir, "blobs", "sha256", "0".repeat(64)), "just came");
    expect(await cache.collect()).toBe(LEN);
    expect(existsSync(cache.blobPath("0".repeat(64)))).toBe(true);
    expect(existsSync(cache.blobPath(sha256(noise(LEN, 2))))).toBe(false);
    await cache.update("a", () => undefined);
    expect(await cache.collect()).toBe(LEN);
    expect((await cache.usage()).used).toBe(0);
  });
});

describe("any order of changes", () => {
  it("leaves a whole cache with the versions that a model has", { timeout: 60_000 }, async () => {
    const name = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ do: fc.constant("put" as const), name, seed: fc.nat({ max: 9 }) }),
      fc.record({ do: fc.constant("drop" as const), name }),
      fc.record({ do: fc.constant("room" as const), len: fc.nat({ max: 30_000 }) }),
      fc.record({ do: fc.constant("collect" as const) }),
      fc.record({ do: fc.constant("reopen" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const stateDir = tempDir();
        const model = new Map<string, string>();
        const open = (): Promise<DiskCache> => openDiskCache({ stateDir, limit: 60_000 });
        let cache = await open();
        for (const s of steps) {
          if (s.do === "put") {
            const octets = noise(1000 + s.seed * 1000, s.seed);
            await put(cache, s.name, octets);
            model.set(s.name, sha256(octets));
          } else if (s.do === "drop") {
            await cache.update(s.name, () => undefined);
            model.delete(s.name);
          } else if (s.do === "room") {
            await cache.makeRoom(s.len);
            expect((await cache.usage()).used + s.len).toBeLessThanOrEqual(60_000);
          } else if (s.do === "collect") {
            await cache.collect();
          } else {
            await cache.close();
            expectIndexResolves(cache.dir);
            cache = await open();
          }
        }
        const current = new Map([...cache.assets()].map((asset) => [asset.name, asset.current]));
        expect(current).toEqual(model);
        await expectWhole(cache);
        await cache.close();
        expectIndexResolves(cache.dir);
      }),
      { interruptAfterTimeLimit: 10_000, numRuns: 60 },
    );
  });
});

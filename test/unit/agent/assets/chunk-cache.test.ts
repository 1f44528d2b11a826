import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";

const chunk = (fill: number, len = 10): Uint8Array => new Uint8Array(len).fill(fill);

describe("ChunkCache", () => {
  it("reads a chunk once, however many wait for it", async () => {
    const cache = new ChunkCache(10, 100);
    let reads = 0;
    let finish: (octets: Uint8Array) => void = () => {};
    const read = (): Promise<Uint8Array> => {
      reads += 1;
      return new Promise((done) => {
        finish = done;
      });
    };
    const waiting = [cache.load("a", 0, read), cache.load("a", 0, read), cache.load("a", 0, read)];
    finish(chunk(1));
    const [first, ...rest] = await Promise.all(waiting);
    for (const other of rest) expect(other).toBe(first);
    expect(await cache.load("a", 0, read)).toBe(first);
    expect(reads).toBe(1);
  });

  it("does not remember a failure, and tells all who wait", async () => {
    const cache = new ChunkCache(10, 100);
    const fail = (): Promise<Uint8Array> => Promise.reject(new Error("disk"));
    const waiting = [cache.load("a", 0, fail), cache.load("a", 0, fail)];
    for (const w of waiting) await expect(w).rejects.toThrow("disk");
    expect(cache.octets).toBe(0);
    expect(await cache.load("a", 0, async () => chunk(1))).toEqual(chunk(1));
  });

  it("holds its budget by dropping what was used longest ago", async () => {
    const cache = new ChunkCache(10, 30);
    for (let i = 0; i < 3; i++) await cache.load("a", i, async () => chunk(i));
    cache.peek("a", 0);
    await cache.load("a", 3, async () => chunk(3));
    expect(cache.octets).toBe(30);
    expect([0, 1, 2, 3].map((i) => cache.peek("a", i) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    for (let i = 0; i < 50; i++) await cache.load("b", i, async () => chunk(i, 7));
    expect(cache.octets).toBeLessThanOrEqual(30);
  });

  it("tells contents and chunks apart", async () => {
    const cache = new ChunkCache(10, 100);
    await cache.load("a", 1, async () => chunk(1));
    expect(cache.peek("a", 0)).toBeUndefined();
    expect(cache.peek("b", 1)).toBeUndefined();
  });

  it("holds two chunks at least: a block may lie across two, and one must not drop the other", async () => {
    const cache = new ChunkCache(10, 1);
    await cache.load("a", 0, async () => chunk(0));
    await cache.load("a", 1, async () => chunk(1));
    expect(cache.peek("a", 0)).toBeDefined();
    expect(cache.peek("a", 1)).toBeDefined();
  });
});

import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { collectGarbage } from "../../../support/allocation.ts";

const chunk = (fill: number, len = 10): Uint8Array => new Uint8Array(len).fill(fill);

/** What nobody holds is gone. A weak reference that was looked at keeps its target until the turn is over. */
async function collected(): Promise<void> {
  await setImmediate();
  collectGarbage();
}

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
    await collected();
    expect([0, 1, 2, 3].map((i) => cache.peek("a", i) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    for (let i = 0; i < 50; i++) await cache.load("b", i, async () => chunk(i, 7));
    expect(cache.octets).toBeLessThanOrEqual(30);
  });

  it("finds a dropped chunk again as long as somebody holds a piece of it, and does not read it twice", async () => {
    const cache = new ChunkCache(10, 20);
    const piece = (await cache.load("a", 0, async () => chunk(7))).subarray(2, 5);
    for (let i = 1; i < 4; i++) await cache.load("a", i, async () => chunk(i));
    await collected();
    const again = await cache.load("a", 0, () => Promise.reject(new Error("read twice")));
    expect(again).toEqual(chunk(7));
    expect(again.buffer).toBe(piece.buffer);
    expect(cache.octets).toBe(20);
  });

  it("remembers a bounded number of dropped chunks", async () => {
    const cache = new ChunkCache(10, 20);
    const lent: Uint8Array[] = [];
    for (let i = 0; i < 5_000; i++) lent.push(await cache.load("a", i, async () => chunk(i)));
    expect(cache.peek("a", 0)).toBeUndefined();
    expect(cache.peek("a", 4_000)).toEqual(chunk(4_000));
    expect(lent).toHaveLength(5_000);
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

import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import type { Loan } from "../../../../agent/assets/loan.ts";
import { collectGarbage } from "../../../support/allocation.ts";

const chunk = (fill: number, len = 10): Uint8Array => new Uint8Array(len).fill(fill);

/** What nobody holds is gone. A weak reference that was looked at keeps its target until the turn is over. */
async function collected(): Promise<void> {
  await setImmediate();
  collectGarbage();
}

/** Long enough that its memory is freed and not left to the collector. */
const LEN = 16 * 1024;

/** A cache of two chunks, and how its chunks come. */
function lending() {
  const cache = new ChunkCache(LEN, 2 * LEN);
  const made: Uint8Array[] = [];
  const fill = async (index: number): Promise<void> => {
    await cache.fill("a", index, async () => {
      const octets = chunk(index, LEN);
      made.push(octets);
      return octets;
    });
  };
  const borrow = (index: number): Loan => {
    const loan = cache.borrow("a", index);
    if (!loan) throw new Error(`chunk ${index} is not there`);
    return loan;
  };
  /** Octets that each chunk still has, in the order in which they were read. */
  const lengths = (): number[] => made.map((octets) => octets.length);
  return { cache, fill, borrow, lengths };
}

describe("ChunkCache that lends", () => {
  it("frees what it drops and nobody has", async () => {
    const { cache, fill, lengths } = lending();
    for (let i = 0; i < 4; i++) await fill(i);
    expect(lengths()).toEqual([0, 0, LEN, LEN]);
    expect(cache.borrow("a", 0)).toBeUndefined();
    expect(cache.fill("a", 3, () => Promise.reject(new Error("read twice")))).toBeUndefined();
  });

  it("frees what it dropped with the last loan", async () => {
    const { cache, fill, borrow, lengths } = lending();
    await fill(0);
    const loans = [borrow(0), borrow(0)];
    for (let i = 1; i < 3; i++) await fill(i);
    expect([lengths(), cache.loans]).toEqual([[LEN, LEN, LEN], 2]);
    loans[0]?.giveBack();
    expect(loans[1]?.octets[5]).toBe(0);
    loans[1]?.giveBack();
    expect([lengths(), cache.loans]).toEqual([[0, LEN, LEN], 0]);
    expect(cache.borrow("a", 0)).toBeUndefined();
    expect(() => loans[1]?.giveBack()).toThrow("twice");
  });

  it("finds what is lent again, and holds it", async () => {
    const { cache, fill, borrow, lengths } = lending();
    await fill(0);
    const first = borrow(0);
    for (let i = 1; i < 3; i++) await fill(i);
    const again = borrow(0);
    expect(again.octets).toBe(first.octets);
    first.giveBack();
    again.giveBack();
    expect(lengths()).toEqual([LEN, 0, LEN]);
    expect(cache.octets).toBe(2 * LEN);
    expect(cache.peek("a", 0)).toEqual(chunk(0, LEN));
  });

  it.each(["peek", "load", "load while it is read"])(
    "leaves what was had by %s to the collector",
    async (how) => {
      const { cache, fill, borrow, lengths } = lending();
      const filling = fill(0);
      const load = () => cache.load("a", 0, () => Promise.reject(new Error("read twice")));
      if (how === "load while it is read") await load();
      await filling;
      const loan = borrow(0);
      if (how === "peek") cache.peek("a", 0);
      if (how === "load") await load();
      for (let i = 1; i < 4; i++) await fill(i);
      loan.giveBack();
      expect(lengths()).toEqual([LEN, 0, LEN, LEN]);
    },
  );

  it("gives nobody a chunk that was freed before its reader came to it", async () => {
    const { cache } = lending();
    const reads = Array.from({ length: 5 }, (_, i) =>
      cache.load("a", i, async () => chunk(i, LEN)).then((octets) => octets[0]),
    );
    const fills = Array.from({ length: 5 }, (_, i) =>
      cache.fill("b", i, async () => chunk(i, LEN)),
    );
    expect(await Promise.all(reads)).toEqual([0, 1, 2, 3, 4]);
    await Promise.all(fills);
    for (let i = 0; i < 5; i++) {
      await cache.fill("b", i, async () => chunk(i, LEN));
      const loan = cache.borrow("b", i);
      expect(loan?.octets.length).toBe(LEN);
      loan?.giveBack();
    }
  });

  it("does not free memory that others use", async () => {
    const cache = new ChunkCache(LEN, 2 * LEN);
    const memory = new Uint8Array(4 * LEN);
    for (let i = 0; i < 4; i++) {
      await cache.fill("a", i, async () => memory.subarray(i * LEN, (i + 1) * LEN));
    }
    expect(memory.length).toBe(4 * LEN);
  });
});

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

import { describe, expect, it } from "vitest";
import { fetchText, MAX_TEXT_OCTETS } from "../../../../../agent/assets/fetch/fetch-text.ts";
import { FETCH_LIMITS } from "../../../../../agent/assets/fetch/keeper-options.ts";
import { OrderHeap } from "../../../../../agent/assets/fetch/order-heap.ts";
import { Room } from "../../../../../agent/assets/fetch/room.ts";
import { hasValidators, sameObject } from "../../../../../agent/assets/fetch/same-object.ts";
import { Turns } from "../../../../../agent/assets/fetch/turns.ts";
import type { ObjectVersion } from "../../../../../agent/assets/stores/source.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { MemoryCache } from "../../../../support/memory-cache.ts";
import { prng, randomOctets } from "../../../../support/prng.ts";
import { ScriptedSource } from "../../../../support/scripted-source.ts";

describe("sameObject", () => {
  it.each([
    [{ sha256: "a", etag: "1" }, { sha256: "a", etag: "2" }, true],
    [{ sha256: "a", etag: "1" }, { sha256: "b", etag: "1" }, false],
    [{ etag: "1" }, { etag: "1" }, true],
    [{ etag: "1" }, { etag: "2" }, false],
    [{ etag: "1", size: 1 }, { etag: "1", size: 2 }, false],
    [{ lastModified: "x", size: 1 }, { lastModified: "x", size: 1 }, true],
    [{ lastModified: "x", size: 1 }, { lastModified: "y", size: 1 }, false],
    [{ lastModified: "x" }, { lastModified: "x", size: 1 }, undefined],
    [{ mtimeMs: 1, size: 1 }, { mtimeMs: 1, size: 1 }, true],
    [{ mtimeMs: 1, size: 1 }, { mtimeMs: 2, size: 1 }, false],
    [{ mtimeMs: 1 }, { mtimeMs: 1 }, undefined],
    [{ size: 1 }, { size: 1 }, undefined],
    [{}, {}, undefined],
    [{ etag: "1" }, { lastModified: "x" }, undefined],
  ] as [ObjectVersion, ObjectVersion, boolean | undefined][])(
    "of %j and %j is %s",
    (a, b, same) => {
      expect(sameObject(a, b)).toBe(same);
      expect(sameObject(b, a)).toBe(same);
    },
  );

  it("needs something to compare", () => {
    expect(hasValidators({ size: 1, fileName: "x" })).toBe(false);
    expect(hasValidators({ etag: "1" })).toBe(true);
  });
});

describe("OrderHeap", () => {
  it("gives what was put in by order, then by age", () => {
    const random = prng(7);
    for (let round = 0; round < 50; round++) {
      const heap = new OrderHeap<string>();
      const put = Array.from({ length: Math.floor(random() * 40) }, (_, age) => ({
        order: Math.floor(random() * 10),
        age,
      }));
      for (const { order, age } of put) heap.push(`${order} ${age}`, order);
      const want = put.sort((a, b) => a.order - b.order || a.age - b.age);
      expect(put.map(() => heap.pop())).toEqual(want.map(({ order, age }) => `${order} ${age}`));
      expect(heap.pop()).toBeUndefined();
    }
  });
});

describe("Turns", () => {
  it("lets one after the other, whatever becomes of them, and keeps nothing", async () => {
    const turns = new Turns();
    const said: string[] = [];
    const work = (name: string, fails: boolean) => async (): Promise<void> => {
      said.push(`${name} begins`);
      await settle();
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
    const results = await Promise.allSettled([
      turns.take("x", work("a", true)),
      turns.take("x", work("b", false)),
      turns.take("y", work("c", false)),
    ]);
    expect(results.map((r) => r.status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    const ofX = said.filter((s) => !s.startsWith("c"));
    expect(ofX).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });
});

describe("Room", () => {
  it("does not promise the same octets twice", async () => {
    const cache = new MemoryCache();
    cache.limit = 1_000;
    const room = new Room(cache, () => {});
    const [a, b] = [room.open(), room.open()];
    await a.need(600);
    await expect(b.need(500)).rejects.toMatchObject({ code: "E_CACHE_FULL" });
    await b.need(400);
    a.release();
    b.used(300);
    await b.need(1_000);
    b.release();
    expect(cache.rooms).toEqual([600, 1_100, 1_000, 1_000]);
  });

  it("reserves in steps what nobody knows the length of, in small ones where room is short", async () => {
    const cache = new MemoryCache();
    cache.limit = 5_000_000;
    const reservation = new Room(cache, () => {}).open();
    for (let i = 0; i < 100; i++) await reservation.grow(1_000);
    expect(cache.rooms).toEqual([64 * 1024 * 1024, 4 * 1024 * 1024]);
    cache.limit = 1_000;
    cache.rooms.length = 0;
    reservation.used(5_000_000);
    await reservation.grow(900);
    expect(cache.rooms.at(-1)).toBe(900);
  });
});

describe("fetchText", () => {
  const fetch = (source: ScriptedSource, clock = new FakeClock()): Promise<Uint8Array> =>
    fetchText(source, clock, FETCH_LIMITS, new AbortController().signal);

  it("gets a small object whole", async () => {
    const octets = randomOctets(1, 1_000);
    expect(Uint8Array.from(await fetch(new ScriptedSource("a", octets)))).toEqual(octets);
  });

  it("refuses what is too large to be a list, without holding all of it", async () => {
    const source = new ScriptedSource("a", new Uint8Array(MAX_TEXT_OCTETS + 1));
    source.pieceLen = 65_536;
    await expect(fetch(source)).rejects.toMatchObject({ code: "E_CHECKSUMS" });
  });

  it("gives up a store that stalls", async () => {
    const clock = new FakeClock();
    const source = new ScriptedSource("a", randomOctets(1, 1_000));
    source.stallAt = 500;
    const fetching = expect(fetch(source, clock)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
    await settle();
    clock.advance(20_000);
    await fetching;
    expect(clock.pending).toBe(0);
  });
});

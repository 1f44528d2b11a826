import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeAttributes } from "../../../../../agent/assets/trees/tree.ts";
import { Listing, nameCookie } from "../../../../../agent/services/nfs/listing.ts";
import { Listings } from "../../../../../agent/services/nfs/listings.ts";
import { MemoryTree } from "../../../../support/memory-tree.ts";
import { NfsClient } from "../../../../support/nfs-client.ts";

const entries = (names: readonly string[]) => names.map((name, i) => ({ name, fileid: i + 10 }));
/** Few hashes, so that names share them. */
const crowded = (name: string): number => 3 + (nameCookie(name) % 8);

function cookiesOf(listing: Listing): Map<string, number> {
  return new Map(listing.entries.map(({ name }, i) => [name, listing.cookieAt(i)]));
}

describe("Listing", () => {
  it("has every name once, by ascending cookies of 31 bits that begin behind . and ..", () => {
    const names = fc.uniqueArray(fc.string(), { maxLength: 60 });
    const check = (all: string[], hashOf: (name: string) => number): void => {
      const listing = Listing.of(entries(all), undefined, hashOf);
      expect(listing.entries.map((e) => e.name).sort()).toEqual([...all].sort());
      let before = 2;
      for (let i = 0; i < listing.length; i++) {
        const cookie = listing.cookieAt(i);
        expect(cookie).toBeGreaterThan(before);
        expect(cookie).toBeLessThanOrEqual(0x7fff_ffff);
        expect(listing.after(cookie)).toBe(i + 1);
        expect(listing.after(cookie - 1)).toBe(i);
        before = cookie;
      }
    };
    fc.assert(fc.property(names, fc.constantFrom(nameCookie, crowded), check), {
      interruptAfterTimeLimit: 1_000,
    });
  });

  it("is the same whatever the order of the source", () => {
    const names = fc.uniqueArray(fc.string(), { maxLength: 40 });
    const check = (all: string[]): void => {
      const one = cookiesOf(Listing.of(entries(all), undefined, crowded));
      const other = cookiesOf(Listing.of(entries([...all].reverse()), undefined, crowded));
      expect([...one]).toEqual([...other]);
    };
    fc.assert(fc.property(names, check), { interruptAfterTimeLimit: 1_000 });
  });

  it("leaves every name its cookie while others come and go", () => {
    const names = fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 30 });
    const check = (all: string[], steps: string[][]): void => {
      let known = Listing.of(entries(all), undefined, crowded);
      for (const step of steps) {
        const before = cookiesOf(known);
        known = Listing.of(entries(step), known, crowded);
        const now = cookiesOf(known);
        expect(now.size).toBe(step.length);
        expect(new Set(now.values()).size).toBe(step.length);
        for (const name of step) {
          if (before.has(name)) expect(now.get(name), name).toBe(before.get(name));
        }
      }
    };
    fc.assert(fc.property(names, fc.array(names, { maxLength: 4 }), check), {
      interruptAfterTimeLimit: 2_000,
    });
  });

  it("needs no more than a moment for ten thousand names of one hash", () => {
    const all = Array.from({ length: 10_000 }, (_, i) => `n${i}`);
    const listing = Listing.of(entries(all), undefined, () => 0x7fff_fff0);
    expect(new Set(cookiesOf(listing).values()).size).toBe(10_000);
  });
});

describe("Listings", () => {
  const a = (mtimeMs: number): NodeAttributes => ({
    ...{ kind: "directory", mode: 0o755, nlink: 2, uid: 0, gid: 0, size: 512 },
    ...{ atimeMs: 0, mtimeMs, ctimeMs: mtimeMs },
  });

  async function large(n: number) {
    const tree = new MemoryTree();
    for (let i = 0; i < n; i++) await tree.create({ directory: tree.root, name: `f${i}` }, {});
    let nowMs = 0;
    const listings = new Listings(() => nowMs);
    const ask = (mtimeMs: number, ms: number): number => {
      nowMs += ms;
      void listings.of(tree, tree.root, a(mtimeMs));
      return tree.lists;
    };
    return { tree, ask, listings };
  }

  it("keep a large directory once its time is older than a tick, until it changes or ages", async () => {
    const { ask } = await large(300);
    expect(ask(5, 0)).toBe(1);
    expect(ask(5, 50)).toBe(2);
    expect(ask(5, 60)).toBe(3);
    expect(ask(5, 1_000)).toBe(3);
    expect(ask(6, 1_000)).toBe(4);
    expect(ask(6, 200)).toBe(5);
    expect(ask(6, 5_000)).toBe(5);
    expect(ask(6, 1)).toBe(6);
  });

  it("put a small one in order each time", async () => {
    const { ask } = await large(10);
    expect([ask(5, 0), ask(5, 1_000), ask(5, 1_000)]).toEqual([1, 2, 3]);
  });

  it("hold another tree of the same number apart", async () => {
    const { tree, ask, listings } = await large(300);
    ask(5, 0);
    ask(5, 1_000);
    const other = new MemoryTree(tree.fsid);
    const listing = await listings.of(other, other.root, a(5));
    expect(listing).toMatchObject({ entries: [] });
  });
});

describe("READDIR", () => {
  it("shows each name that stays exactly once while others come and go", async () => {
    const c = await NfsClient.open();
    const steps = fc.array(
      fc.record({ count: fc.integer({ min: 300, max: 900 }), add: fc.nat(50), remove: fc.nat(50) }),
      { minLength: 1, maxLength: 8 },
    );
    let run = 0;
    const check = async (all: { count: number; add: number; remove: number }[]): Promise<void> => {
      const { fh, attributes } = await c.mkdir(c.root, `d${run++}`);
      const directory = attributes.fileid;
      for (let i = 0; i < 50; i++) {
        await c.tree.create({ directory, name: `stays${i}` }, {});
        await c.tree.create({ directory, name: `goes${i}` }, {});
      }
      const seen: string[] = [];
      let cookie = 0;
      for (let i = 0; ; i++) {
        const step = all[i % all.length] ?? { count: 400, add: 0, remove: 0 };
        const { status, entries: page, eof, len } = await c.readdir(fh, cookie, step.count);
        expect(status).toBe(0);
        expect(len).toBeLessThanOrEqual(step.count);
        seen.push(...page.map((entry) => entry.name));
        cookie = page.at(-1)?.cookie ?? cookie;
        if (eof) break;
        await c.tree.remove({ directory, name: `goes${step.remove}` });
        await c.tree.create({ directory, name: `new${step.add}` }, {});
      }
      expect(new Set(seen).size).toBe(seen.length);
      const stays = seen.filter((name) => name.startsWith("stays"));
      expect([stays.length, ...seen.slice(0, 2)]).toEqual([50, ".", ".."]);
    };
    await fc.assert(fc.asyncProperty(steps, check), {
      numRuns: 30,
      interruptAfterTimeLimit: 2_500,
    });
  });

  it("goes on from any cookie, . and .. among them", async () => {
    const c = await NfsClient.open();
    await c.create(c.root, "f");
    const names = async (cookie: number): Promise<string[]> =>
      (await c.readdir(c.root, cookie, 512)).entries.map((e) => e.name);
    expect(await names(0)).toEqual([".", "..", "f"]);
    expect(await names(1)).toEqual(["..", "f"]);
    expect(await names(2)).toEqual(["f"]);
    expect(await names(nameCookie("f"))).toEqual([]);
    expect(await names(0xffff_ffff)).toEqual([]);
  });

  it("leaves out a name that is longer than a client takes", async () => {
    const c = await NfsClient.open();
    await c.tree.create({ directory: c.tree.root, name: "é".repeat(128) }, {});
    await c.tree.create({ directory: c.tree.root, name: "x".repeat(255) }, {});
    expect((await c.readdir(c.root, 2, 512)).entries.map((e) => e.name.length)).toEqual([255]);
  });
});

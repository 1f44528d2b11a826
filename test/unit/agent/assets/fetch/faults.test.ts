import { describe, expect, it } from "vitest";
import type { Content } from "../../../../../agent/assets/content.ts";
import { isWait } from "../../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { MemoryCache, sha256 } from "../../../../support/memory-cache.ts";
import { prng, randomOctets } from "../../../../support/prng.ts";
import { unreachable } from "../../../../support/scripted-source.ts";
import { octetsOf } from "../contents.ts";
import { Rig } from "./rig.ts";

const OLD = randomOctets(1, 2_500);
const NEW = randomOctets(2, 3_100);
const BAD = randomOctets(3, 2_500);
const PINNED = { sha256: sha256(OLD) };

describe("a store that fails", () => {
  it.each([false, true])("by stalling is left for the next mirror (deaf: %s)", async (deaf) => {
    const rig = new Rig();
    const first = rig.source("a", OLD);
    first.stallAt = 1_000;
    first.deaf = deaf;
    const second = rig.source("b", OLD);
    const slot = rig.slot("kernel", ["a", "b"]);
    slot.want();
    await eventually(() => rig.cache.written === 1_000, "it stalls");
    await rig.pass(19_999);
    expect(second.opens).toEqual([]);
    await rig.pass(1);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.cache.partials.get("a")?.octets).toEqual(OLD.slice(0, 1_000));
    expect(rig.clock.pending).toBe(0);
  });

  it("by trickling is left for the next mirror", async () => {
    const rig = new Rig();
    const first = rig.source("a", OLD);
    first.pieceLen = 1;
    first.pace = () => new Promise((go) => rig.clock.after(1_000, go));
    rig.source("b", OLD);
    const slot = rig.slot("kernel", ["a", "b"]);
    slot.want();
    await rig.pass(61_000, 61);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.cache.partials.get("a")?.octets).toHaveLength(60);
  });

  it("by not answering at all is left for the next mirror", async () => {
    const rig = new Rig();
    const first = rig.source("a", OLD);
    first.open = () => new Promise(() => {});
    rig.source("b", OLD);
    const slot = rig.slot("kernel", ["a", "b"]);
    slot.want();
    await rig.pass(60_000);
    expect(await rig.served(slot)).toEqual(OLD);
  });

  it("by breaking off is gone on with where it ended", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.breakAt = 1_000;
    const slot = rig.slot("kernel", ["a"]);
    expect(await rig.failed(slot)).toMatchObject({ code: "E_STORE_BROKEN" });
    await rig.pass(1_000);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(source.opens).toEqual([0, 1_000]);
    expect(rig.cache.written).toBe(2_500);
  });

  it.each([
    ["has another version by now", { etag: "2", resumable: true }],
    ["cannot go on", { etag: "1", resumable: false }],
  ])("and then %s begins anew", async (_, { etag, resumable }) => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.breakAt = 1_000;
    const slot = rig.slot("kernel", ["a"]);
    await rig.failed(slot);
    source.octets = NEW;
    source.etag = etag;
    source.resumable = resumable;
    await rig.pass(1_000);
    expect(await rig.served(slot)).toEqual(NEW);
    expect(source.opens).toEqual([0, 1_000]);
  });

  it("and goes on with another version than it began is asked for all of it", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.breakAt = 1_000;
    const slot = rig.slot("kernel", ["a"]);
    await rig.failed(slot);
    const open = source.open.bind(source);
    source.octets = NEW;
    source.open = async (request) => {
      const opened = await open({ ...request, version: { etag: "1" } });
      return { ...opened, version: { ...opened.version, etag: "2" } };
    };
    await rig.pass(1_000);
    expect(await rig.served(slot)).toEqual(NEW);
    expect(source.opens).toEqual([0, 1_000, 0]);
  });

  it("and lies about its version is found out by the digest, and asked again", async () => {
    const rig = new Rig();
    const source = rig.source("a", BAD);
    source.breakAt = 1_000;
    const slot = rig.slot("kernel", ["a"], PINNED);
    await rig.failed(slot);
    source.octets = OLD;
    await rig.pass(1_000);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(source.opens).toEqual([0, 1_000, 0]);
    expect(rig.cache.quarantined).toEqual([]);
  });

  it("does not get all of it again when all of it was there", async () => {
    const cache = new MemoryCache();
    const version = { size: 2_500, etag: "1", fileName: "object" };
    cache.partials.set("a", { octets: OLD, version });
    const rig = new Rig({}, cache);
    const source = rig.source("a", OLD);
    expect(await rig.served(rig.slot("kernel", ["a"]))).toEqual(OLD);
    expect(source.opens).toEqual([]);
  });

  it("is tried again later each time, and journalled once", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.failure = unreachable();
    rig.random = 0.5;
    rig.keeper.slot(rig.spec("kernel", ["a"])).want();
    await settle();
    const gaps: number[] = [];
    for (let seconds = 0; gaps.length < 10; seconds++) {
      const before = source.opens.length;
      await rig.pass(500);
      if (source.opens.length > before) {
        gaps.push(seconds / 2);
        seconds = 0;
      }
    }
    expect(gaps.map(Math.floor)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 150, 150]);
    expect(rig.events("failed")).toHaveLength(1);
  });

  it("is tried again once a minute while a machine waits", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.failure = new AgentError("E_STORE_MISSING", "404");
    const slot = rig.slot("kernel", ["a"]);
    slot.want();
    await rig.pass(10);
    slot.want();
    await rig.pass(10);
    for (let s = 0; s < 300; s++) {
      slot.want();
      await rig.pass(1_000);
    }
    // Once by itself, once by the first question after that, and then every minute; five minutes after the last it comes by itself.
    expect(source.opens).toHaveLength(6);
  });

  it("is left alone for as long as it asks for", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.failure = Object.assign(unreachable(), { retryAfterMs: 120_000 });
    const slot = rig.slot("kernel", ["a"]);
    slot.want();
    await rig.pass(10);
    source.failure = undefined;
    for (let s = 0; s < 119; s++) {
      slot.want();
      await rig.pass(1_000);
    }
    expect(source.opens).toHaveLength(1);
    await rig.pass(1_000);
    expect(await rig.served(slot)).toEqual(OLD);
  });
});

describe("wrong octets", () => {
  it("are refused and kept aside, and the next mirror is asked", async () => {
    const rig = new Rig();
    rig.source("a", BAD);
    rig.source("b", OLD);
    const slot = rig.slot("kernel", ["a", "b"], PINNED);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.cache.quarantined.map((q) => q.digest)).toEqual([sha256(BAD)]);
    expect(rig.events("refused")).toHaveLength(1);
    expect(rig.cache.blobs.has(sha256(BAD))).toBe(false);
  });

  it("are an error when there are no others, and not fetched again while the store has them", async () => {
    const rig = new Rig();
    const source = rig.source("a", BAD);
    const slot = rig.slot("kernel", ["a"], PINNED);
    const error = await rig.failed(slot);
    expect(error).toMatchObject({ code: "E_ASSET_DIGEST" });
    expect(error.message).toContain(sha256(BAD));
    expect((await rig.keeper.status()).assets[0]).toMatchObject({
      state: "refused",
      refused: { sourceDigest: sha256(BAD) },
      error: { code: "E_ASSET_DIGEST" },
    });
    await rig.pass(4 * 3_600_000, 40);
    expect(source.opens).toEqual([0]);
    expect(rig.events("refused")).toHaveLength(1);
    source.octets = OLD;
    source.etag = "2";
    await rig.pass(3_600_000);
    expect(await rig.served(slot)).toEqual(OLD);
  });

  it("are not even fetched when the store calls them by their digest", async () => {
    const rig = new Rig();
    const source = rig.source("a", BAD);
    source.sha256 = sha256(BAD);
    const slot = rig.slot("kernel", ["a"], PINNED);
    expect(await rig.failed(slot)).toMatchObject({ code: "E_ASSET_DIGEST" });
    expect(rig.cache.written).toBe(0);
  });

  it("are those that the store calls by another digest", async () => {
    const rig = new Rig();
    rig.source("a", BAD).sha256 = sha256(OLD);
    expect(await rig.failed(rig.slot("kernel", ["a"]))).toMatchObject({ code: "E_ASSET_DIGEST" });
    expect(rig.cache.quarantined).toHaveLength(1);
  });

  it("for one asset may be right for another one", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const first = rig.spec("first", ["a"], { refreshMs: 3_600_000 });
    await rig.served(rig.keeper.slot(first));
    source.octets = NEW;
    source.etag = "2";
    const any = rig.spec("any", ["a"], { pin: "none", refreshMs: 3_600_000 });
    await rig.pass(3_600_000, 10);
    rig.keeper.refresh(any);
    await rig.pass(3_600_000, 10);
    expect(await rig.served(rig.keeper.slot(first))).toEqual(OLD);
    expect((await rig.served(rig.keeper.slot(any))).length).toBeGreaterThan(0);
    await rig.pass(20 * 3_600_000, 100);
    expect(source.opens.length).toBeLessThan(4);
  });
});

describe("damage on disk", () => {
  it("is put aside and fetched again at once", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"]);
    await rig.served(slot);
    const damaged = slot.current();
    rig.cache.rot(sha256(OLD));
    rig.cache.found(sha256(OLD));
    rig.cache.found(sha256(OLD));
    expect(isWait(slot.current())).toBe(true);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(slot.current()).not.toBe(damaged);
    expect(source.opens).toEqual([0, 0]);
    const told = rig.events("noted").map((e) => e.split(": ")[1]);
    expect(told.filter((e) => e?.includes("is damaged"))).toHaveLength(1);
    expect(told.at(-1)).toBe(`${sha256(OLD)} is sound again`);
    expect(rig.cache.quarantined).toHaveLength(1);
  });

  it("of what was unpacked is mended out of the cache", async () => {
    const rig = new Rig();
    const source = rig.source("iso", OLD);
    const slot = rig.slot("part", ["iso"], { treatment: { extract: "0-500" } });
    await rig.served(slot);
    source.failure = unreachable();
    rig.cache.found(sha256(OLD.slice(0, 500)));
    await eventually(() => rig.treated === 2, "it is unpacked again");
    expect(await rig.served(slot)).toEqual(OLD.slice(0, 500));
    expect(source.opens).toEqual([0]);
  });

  it("has an older version served when no store has the newer one any more", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"], { pin: "none", refreshMs: 3_600_000 });
    await rig.served(slot);
    source.octets = NEW;
    source.etag = "2";
    await rig.pass(3_600_000, 10);
    expect(await rig.served(slot)).toEqual(NEW);
    source.failure = unreachable();
    rig.cache.found(sha256(NEW));
    // As long as it may come back, nobody gets another one.
    expect(isWait(slot.current())).toBe(true);
    expect(await rig.served(slot)).toEqual(OLD);
    source.failure = undefined;
    await rig.pass(1_000);
    await eventually(() => (slot.current() as Content).etag === sha256(NEW), "the repair");
  });

  it("of a version that is not served is put aside, and nothing is fetched for it", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    await rig.served(rig.slot("kernel", ["a"]));
    rig.cache.found(rig.cache.put(BAD));
    await settle();
    expect(source.opens).toEqual([0]);
    expect(rig.cache.quarantined).toHaveLength(1);
  });
});

describe("under any faults", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "nothing but whole versions is served, and in the end the newest (seed %d)",
    async (seed) => {
      const random = prng(seed);
      const rig = new Rig({ random });
      const pick = (n: number): number => Math.floor(random() * n);
      const versions = Array.from({ length: 6 }, (_, i) =>
        randomOctets(seed * 10 + i, 200 + pick(3_000)),
      );
      const sources = ["a", "b"].map((id) => rig.source(id, versions[0] ?? OLD));
      const spec = rig.spec("kernel", ["a", "b"], { pin: "always-newest", refreshMs: 600_000 });
      const start = (): Promise<void> => rig.keeper.prefetch([spec]);
      await start();
      const whole = new Set(versions.map(sha256));
      for (let step = 0; step < 60; step++) {
        const source = sources[pick(2)];
        if (!source) continue;
        const fault = pick(7);
        source.failure = fault === 0 ? unreachable() : undefined;
        source.stallAt = fault === 1 ? pick(1_000) : undefined;
        if (fault === 2) source.breakAt = pick(1_000);
        source.resumable = fault !== 3;
        rig.booting = fault === 4;
        if (fault === 5) {
          source.octets = versions[pick(6)] ?? OLD;
          source.etag = sha256(source.octets);
        }
        const slot = rig.keeper.slot(spec);
        const state = slot.current();
        if (fault === 6 && !isWait(state) && !(state instanceof AgentError))
          rig.cache.found(state.etag);
        if (pick(3) === 0) slot.want();
        if (pick(15) === 0) await rig.restart().then(start);
        await rig.pass(pick(200_000), 4);
        const now = rig.keeper.slot(spec).current();
        if (isWait(now) || now instanceof AgentError) continue;
        expect(whole.has(now.etag)).toBe(true);
        expect(sha256(await octetsOf(now))).toBe(now.etag);
      }
      expect(rig.bugs).toEqual([]);
      rig.booting = false;
      for (const s of sources) {
        s.octets = NEW;
        s.etag = "the last";
        s.failure = s.stallAt = s.breakAt = undefined;
        s.resumable = true;
      }
      await rig.pass(4 * 3_600_000, 60);
      const end = rig.keeper.slot(spec).current();
      expect(end).toMatchObject({ etag: sha256(NEW) });
    },
  );
});

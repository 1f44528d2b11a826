import { describe, expect, it } from "vitest";
import { isWait } from "../../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { sha256 } from "../../../../support/memory-cache.ts";
import { randomOctets } from "../../../../support/prng.ts";
import { unreachable } from "../../../../support/scripted-source.ts";
import { Rig } from "./rig.ts";

const OLD = randomOctets(1, 2_500);
const NEW = randomOctets(2, 3_100);
const BAD = randomOctets(3, 2_500);

describe("AssetKeeper", () => {
  it("has those who ask wait until the octets are verified", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"], { sha256: sha256(OLD) });
    const state = slot.current();
    expect(isWait(state) && state.why).toBe("asking https://a/object");
    await (isWait(state) && state.settled);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(slot.current()).toBe(slot.current());
    expect(source.opens).toEqual([0]);
    expect(rig.events("noted")).toEqual([
      "kernel: fetching https://a/object: is not in the cache in this version",
    ]);
    expect(rig.events("done")).toEqual([`kernel: fetched https://a/object: sha256 ${sha256(OLD)}`]);
    expect(rig.cache.asset("kernel")).toMatchObject({
      current: sha256(OLD),
      firstSourceDigest: sha256(OLD),
      versions: [{ digest: sha256(OLD), sourceId: "a", treatment: "", object: { etag: "1" } }],
    });
  });

  it("says how far it is, in words and as progress", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"]);
    source.pace = async () => {
      rig.clock.advance(100);
      const state = slot.current();
      if (isWait(state)) said.push(state.why);
    };
    const said: string[] = [];
    await rig.served(slot);
    expect(said.at(-1)).toBe("fetching https://a/object (2.40 kB of 2.50 kB)");
    const told = rig.notes.filter((n) => n.outcome === "progress");
    // 26 pieces, one each 100 ms: every third one is told.
    expect(told.length).toBeGreaterThan(6);
    expect(told.length).toBeLessThan(11);
    expect(told.at(-1)).toMatchObject({ protocol: "assets", file: "kernel", total: 2_500 });
  });

  it("fetches once, however many wait", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const spec = rig.spec("kernel", ["a"]);
    const slots = Array.from({ length: 100 }, () => rig.keeper.slot(spec));
    for (const s of slots) s.want();
    const states = slots.map((s) => s.current());
    await Promise.all(states.map((s) => isWait(s) && s.settled));
    for (const s of slots) expect(s.current()).toBe(slots[0]?.current());
    expect(source.opens).toEqual([0]);
  });

  it("serves what is cached without asking anyone, at once", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    await rig.served(rig.slot("kernel", ["a"]));
    await rig.restart();
    source.failure = unreachable();
    const slot = rig.slot("kernel", ["a"]);
    expect(slot.current()).toMatchObject({ size: 2_500, etag: sha256(OLD) });
    expect(source.opens).toEqual([0]);
  });

  describe("makes several assets of one object", () => {
    const parts = [
      { extract: "0-500", octets: OLD.slice(0, 500) },
      { extract: "300-2500", octets: OLD.slice(300) },
    ];

    it("and fetches that once", async () => {
      const rig = new Rig();
      const source = rig.source("iso", OLD);
      const slots = parts.map(({ extract }) =>
        rig.slot(extract, ["iso"], { treatment: { extract } }),
      );
      for (const s of slots) s.want();
      for (const [i, s] of slots.entries()) expect(await rig.served(s)).toEqual(parts[i]?.octets);
      expect(source.opens).toEqual([0]);
      expect(rig.cache.blobs.has(sha256(OLD))).toBe(true);
      expect(rig.cache.asset("0-500")?.versions[0]).toMatchObject({
        sourceDigest: sha256(OLD),
        treatment: "extract 0-500",
        fileName: "0-500",
      });
    });

    it("and a later one out of what is cached", async () => {
      const rig = new Rig();
      const source = rig.source("iso", OLD);
      const [first, second] = parts.map(({ extract }) =>
        rig.spec(extract, ["iso"], { treatment: { extract } }),
      );
      if (!first || !second) throw new Error("two parts");
      await rig.served(rig.keeper.slot(first));
      await rig.restart();
      rig.keeper.slot(first).want();
      expect(await rig.served(rig.keeper.slot(first))).toEqual(parts[0]?.octets);
      await rig.keeper.prefetch([first, second]);
      expect(await rig.served(rig.keeper.slot(second))).toEqual(parts[1]?.octets);
      expect(source.opens).toEqual([0]);
    });

    it("reads what is cached from end to end before it makes something of it", async () => {
      const rig = new Rig();
      const source = rig.source("iso", OLD);
      const [first, second] = parts.map(({ extract }) =>
        rig.spec(extract, ["iso"], { treatment: { extract } }),
      );
      if (!first || !second) throw new Error("two parts");
      await rig.served(rig.keeper.slot(first));
      await rig.restart();
      rig.cache.rot(sha256(OLD));
      await rig.keeper.prefetch([first, second]);
      expect(await rig.served(rig.keeper.slot(second))).toEqual(parts[1]?.octets);
      expect(source.opens).toEqual([0, 0]);
      expect(rig.cache.quarantined).toHaveLength(1);
    });
  });

  it("says what is wrong with the treatment, and asks the store before it tries again", async () => {
    const rig = new Rig();
    const source = rig.source("iso", OLD);
    const slot = rig.slot("part", ["iso"], {
      pin: "always-newest",
      treatment: { extract: "0-3000" },
    });
    expect(await rig.failed(slot)).toMatchObject({ code: "E_TREATMENT" });
    await rig.pass(300_000);
    expect(await rig.failed(slot)).toMatchObject({ code: "E_TREATMENT" });
    expect(source.opens).toEqual([0]);
    expect(rig.treated).toBe(1);
    expect(rig.events("failed")).toHaveLength(1);
    source.octets = NEW;
    source.etag = "2";
    await rig.pass(3_600_000);
    expect(await rig.served(slot)).toEqual(NEW.slice(0, 3_000));
  });

  it("does not fetch what the store calls by a digest that is cached", async () => {
    const rig = new Rig();
    const source = rig.source("oci", OLD);
    source.sha256 = rig.cache.put(OLD);
    source.pace = () => Promise.reject(new Error("octets were asked for"));
    expect(await rig.served(rig.slot("kernel", ["oci"]))).toEqual(OLD);
    expect(rig.cache.written).toBe(0);
  });

  it("takes a pinned blob that is in the cache already", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"], { sha256: rig.cache.put(OLD) });
    expect(await rig.served(slot)).toEqual(OLD);
    expect(source.opens).toEqual([]);
  });

  it("asks a place on this host first as long as nothing is cached", async () => {
    const local = new Rig().source("usb", OLD);
    const rig = new Rig({ local: () => local });
    const source = rig.source("a", OLD);
    source.failure = unreachable();
    expect(await rig.served(rig.slot("kernel", ["a"]))).toEqual(OLD);
    expect(source.opens).toEqual([]);
  });

  it("looks on this host again at each attempt: the cache may be filled while the agent runs", async () => {
    const local = new Rig().source("usb", OLD);
    let there = false;
    const rig = new Rig({ local: () => (there ? local : undefined) });
    rig.source("a", OLD).failure = unreachable();
    const slot = rig.slot("kernel", ["a"], { sha256: sha256(OLD) });
    slot.want();
    await rig.failed(slot);
    there = true;
    await rig.pass(2_000);
    expect(await rig.served(slot)).toEqual(OLD);
  });

  it("goes to the stores when what is on this host cannot be read, and says so once", async () => {
    const rig = new Rig({
      local: () => {
        throw new AgentError("E_STORE_BROKEN", "index.json is not JSON");
      },
    });
    const source = rig.source("a", OLD);
    source.failure = unreachable();
    const slot = rig.slot("kernel", ["a"]);
    slot.want();
    await rig.failed(slot);
    source.failure = undefined;
    await rig.pass(2_000);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.events("failed").filter((text) => text.includes("index.json"))).toHaveLength(1);
  });

  it("serves what another process put into the cache where nothing was before", async () => {
    const rig = new Rig();
    rig.source("a", OLD).failure = unreachable();
    const slot = rig.slot("kernel", ["a"]);
    await rig.failed(slot);
    const digest = rig.cache.put(NEW);
    await rig.cache.update("kernel", () => ({
      name: "kernel",
      versions: [
        {
          digest,
          size: NEW.length,
          sourceDigest: digest,
          sourceId: "added",
          treatment: "",
          object: {},
          mtimeMs: 0,
          fetchedMs: 0,
        },
      ],
      current: digest,
      firstSourceDigest: digest,
    }));
    rig.keeper.recheck();
    expect(await rig.served(slot)).toEqual(NEW);
  });

  it("goes to the stores when the place on this host has other octets than are pinned", async () => {
    const local = new Rig().source("usb", BAD);
    const rig = new Rig({ local: () => local });
    rig.source("a", OLD);
    expect(await rig.served(rig.slot("kernel", ["a"], { sha256: sha256(OLD) }))).toEqual(OLD);
  });

  it("fetches in the order of need, two at once, and what a machine waits for first", async () => {
    const rig = new Rig();
    const gates: (() => void)[] = [];
    const begun: string[] = [];
    const specs = Array.from({ length: 8 }, (_, i) => {
      const source = rig.source(`s${i}`, randomOctets(10 + i, 50));
      source.pace = () => {
        begun.push(source.id);
        return new Promise((go) => gates.push(go));
      };
      return rig.spec(`a${i}`, [source.id]);
    });
    await rig.keeper.prefetch(specs);
    await eventually(() => begun.length === 2, "two begin");
    await settle();
    expect(begun).toEqual(["s0", "s1"]);
    for (const i of [6, 4]) {
      rig.clock.advance(1);
      const spec = specs[i];
      if (spec) rig.keeper.slot(spec).want();
    }
    for (let done = 0; done < 8; done++) {
      await eventually(() => gates.length > done, "the next one begins");
      gates[done]?.();
    }
    await eventually(() => begun.length === 8, "all begin");
    expect(begun).toEqual(["s0", "s1", "s6", "s4", "s2", "s3", "s5", "s7"]);
  });

  it("explains a full cache before it writes anything", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    rig.source("b", OLD);
    rig.cache.limit = 2_499;
    const slot = rig.slot("kernel", ["a", "b"]);
    expect(await rig.failed(slot)).toMatchObject({ code: "E_CACHE_FULL" });
    expect(rig.cache.written).toBe(0);
    expect(source.active).toBe(0);
    expect(rig.sources.get("b")?.opens).toEqual([]);
    rig.cache.limit = 2_500;
    await rig.pass(3_600_000);
    expect(await rig.served(slot)).toEqual(OLD);
  });

  it("makes room by dropping what was used longest ago, and says so", async () => {
    const rig = new Rig();
    rig.source("a", OLD);
    rig.cache.put(BAD);
    rig.cache.limit = 3_000;
    await rig.served(rig.slot("kernel", ["a"]));
    expect(rig.events("noted")[0]).toBe(
      "1 file dropped from the cache: to make room: 2.50 kB, last used longest ago",
    );
  });

  it("keeps what came until it stopped, for the next start", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    source.stallAt = 1_200;
    const spec = rig.spec("kernel", ["a"]);
    const waiting = rig.keeper.slot(spec).current();
    await eventually(() => rig.cache.written === 1_200, "half of it comes");
    await rig.keeper.stop();
    await (isWait(waiting) && waiting.settled);
    const { why, ...state } = { why: "", ...rig.keeper.slot(spec).current() };
    expect(state).toMatchObject({ code: "E_ASSET_PENDING" });
    expect(rig.clock.pending).toBe(0);
    source.stallAt = undefined;
    await rig.restart();
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
    expect(source.opens).toEqual([0, 1_200]);
    expect(rig.cache.written).toBe(2_500);
  });

  it("lets bugs surface", async () => {
    const rig = new Rig();
    const bug = new TypeError("a bug");
    rig.forgiven = true;
    rig.source("a", OLD).failure = bug;
    rig.slot("kernel", ["a"]).want();
    await eventually(() => rig.bugs.length > 0, "the bug surfaces");
    expect(rig.bugs).toEqual([bug]);
    await expect(rig.keeper.stop()).rejects.toBe(bug);
  });

  it("says what cannot be opened at all", async () => {
    const rig = new Rig();
    expect(await rig.failed(rig.slot("kernel", ["nowhere"]))).toMatchObject({ code: "E_USAGE" });
  });

  it("does not hold up its start with thousands of assets", async () => {
    const rig = new Rig();
    const specs = Array.from({ length: 3_000 }, (_, i) => {
      rig.source(`s${i}`, OLD).failure = unreachable();
      return rig.spec(`a${i}`, [`s${i}`], { refreshMs: 1_000_000 });
    });
    await rig.keeper.prefetch(specs);
    expect((await rig.keeper.status()).assets).toHaveLength(3_000);
    expect(await rig.failed(rig.slot("a2999", ["s2999"]))).toBeInstanceOf(AgentError);
  });

  it("notes a clock that cannot be right", () => {
    const rig = new Rig({ wallMs: () => 5_000 });
    expect(rig.events("noted")[0]).toContain("1970-01-01T00:00:05");
  });
});

import { describe, expect, it } from "vitest";
import type { AssetSpec } from "../../../../../agent/site/site.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { sha256 } from "../../../../support/memory-cache.ts";
import { randomOctets } from "../../../../support/prng.ts";
import { type ScriptedSource, unreachable } from "../../../../support/scripted-source.ts";
import { Rig } from "./rig.ts";

const OLD = randomOctets(1, 2_500);
const NEW = randomOctets(2, 3_100);
const HOUR_MS = 3_600_000;

function change(source: ScriptedSource, octets: Uint8Array): void {
  source.octets = octets;
  source.etag = `"${sha256(octets)}"`;
}

/** A keeper that serves OLD, whose store has NEW by now. */
async function changed(over: Partial<AssetSpec>): Promise<{
  rig: Rig;
  source: ScriptedSource;
  spec: AssetSpec;
}> {
  const rig = new Rig();
  const source = rig.source("a", OLD);
  const spec = rig.spec("kernel", ["a"], { refreshMs: HOUR_MS, ...over });
  expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
  change(source, NEW);
  return { rig, source, spec };
}

describe("a refresh", () => {
  it("asks without fetching while nothing has changed", async () => {
    const rig = new Rig();
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"], { refreshMs: HOUR_MS });
    await rig.served(slot);
    await rig.pass(10 * HOUR_MS, 100);
    // Every 0.8 hours, since the jitter is nothing here.
    expect(source.probes).toBe(12);
    expect(source.opens).toEqual([0]);
    expect(rig.cache.asset("kernel")?.checkedMs).toBeGreaterThan(rig.wallOffsetMs + 9 * HOUR_MS);
  });

  it("never comes while a machine boots", async () => {
    const { rig, source, spec } = await changed({ pin: "always-newest" });
    rig.booting = true;
    await rig.pass(10 * HOUR_MS, 100);
    expect(source.probes).toBe(0);
    rig.booting = false;
    await rig.pass(60_000);
    await eventually(() => rig.keeper.slot(spec).current() !== undefined && source.probes === 1);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(NEW);
  });

  it.each(["always-newest", "none"] as const)("switches under pin: %s", async (pin) => {
    const { rig, spec } = await changed({ pin });
    await rig.pass(HOUR_MS, 10);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(NEW);
    const record = rig.cache.asset("kernel");
    expect(record?.current).toBe(sha256(NEW));
    expect(record?.versions.map((v) => v.digest)).toEqual([sha256(NEW), sha256(OLD)]);
    const told = rig.events("noted").filter((e) => e.includes("served now"));
    expect(told).toHaveLength(pin === "none" ? 0 : 1);
  });

  it("waits with the switch until no machine boots", async () => {
    const { rig, source, spec } = await changed({ pin: "always-newest" });
    const slot = rig.keeper.slot(spec);
    source.pace = async () => {
      rig.booting = true;
    };
    await rig.pass(HOUR_MS, 10);
    await eventually(() => rig.cache.asset("kernel")?.versions.length === 2, "NEW is cached");
    await rig.pass(60_000, 10);
    expect(await rig.served(slot)).toEqual(OLD);
    expect((await rig.keeper.status()).assets[0]).toMatchObject({
      digest: sha256(OLD),
      next: sha256(NEW),
    });
    expect(rig.cache.protectedDigests()).toEqual(new Set([sha256(OLD), sha256(NEW)]));
    rig.booting = false;
    await rig.pass(5_000);
    expect(await rig.served(slot)).toEqual(NEW);
    expect(rig.cache.asset("kernel")?.current).toBe(sha256(NEW));
  });

  it("refuses under pin: first, once, and serves what it had", async () => {
    const { rig, source, spec } = await changed({ pin: "first" });
    await rig.pass(10 * HOUR_MS, 100);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
    expect(source.opens).toEqual([0, 0]);
    expect(rig.cache.quarantined.map((q) => q.digest)).toEqual([sha256(NEW)]);
    expect(rig.events("refused")).toHaveLength(1);
    expect(rig.events("refused")[0]).toContain("pin: first");
    expect(rig.cache.asset("kernel")?.refused).toMatchObject({
      sourceDigest: sha256(NEW),
      keptAs: sha256(NEW).slice(0, 12),
    });
    expect((await rig.keeper.status()).assets[0]).toMatchObject({ state: "served" });
    // Nor is it fetched again by the agent's next start.
    await rig.restart();
    await rig.keeper.prefetch([spec]);
    await rig.pass(2 * HOUR_MS, 10);
    expect(source.opens).toEqual([0, 0]);
    change(source, OLD);
    await rig.pass(2 * HOUR_MS, 10);
    expect(rig.cache.asset("kernel")?.refused).toBeUndefined();
  });

  it("refuses what is not the pinned digest, and serves what it had", async () => {
    const { rig, spec } = await changed({ sha256: sha256(OLD) });
    await rig.pass(10 * HOUR_MS, 100);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
    expect(rig.events("refused")).toEqual([
      expect.stringContaining(`refused: the site pins ${sha256(OLD)}; kept aside as quarantine/`),
    ]);
    expect(rig.events("failed")).toEqual([]);
  });

  it("takes the same octets under another name for the same", async () => {
    const { rig, source, spec } = await changed({ pin: "first" });
    source.octets = OLD;
    const content = rig.keeper.slot(spec).current();
    await rig.pass(3 * HOUR_MS, 20);
    expect(source.opens).toEqual([0, 0]);
    expect(rig.keeper.slot(spec).current()).toBe(content);
    expect(rig.cache.asset("kernel")).toMatchObject({
      versions: [{ object: { etag: source.etag } }],
    });
  });

  it("that no store answers is noted with its beginning, and nothing else", async () => {
    const { rig, source, spec } = await changed({ pin: "always-newest" });
    source.failure = unreachable();
    await rig.pass(10 * HOUR_MS, 100);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
    expect(rig.events("failed")).toHaveLength(1);
    const [status] = (await rig.keeper.status()).assets;
    expect(status).toMatchObject({ state: "served", stale: { code: "E_STORE_UNREACHABLE" } });
    expect(status?.stale?.sinceMs).toBeLessThan(rig.wallOffsetMs + 2 * HOUR_MS);
    source.failure = undefined;
    await rig.pass(HOUR_MS, 10);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(NEW);
    expect((await rig.keeper.status()).assets[0]?.stale).toBeUndefined();
  });

  it("comes at once when a file of this host has changed", async () => {
    const { rig, source, spec } = await changed({ pin: "none", refreshMs: 0 });
    await rig.pass(10 * HOUR_MS, 10);
    expect(source.probes).toBe(0);
    rig.keeper.changed("a");
    await eventually(() => rig.cache.asset("kernel")?.current === sha256(NEW), "the switch");
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(NEW);
  });

  it("comes after a start for a file of this host, which may have changed meanwhile", async () => {
    const { rig, source, spec } = await changed({ pin: "none", refreshMs: 0 });
    source.local = true;
    await rig.restart();
    await rig.keeper.prefetch([spec]);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
    await rig.pass(2_000);
    await eventually(() => rig.cache.asset("kernel")?.current === sha256(NEW), "the switch");
  });

  it("fetches a newer version on although the transfer breaks off", async () => {
    const { rig, source, spec } = await changed({ pin: "none" });
    source.breakAt = 2_000;
    await rig.pass(HOUR_MS, 10);
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(NEW);
    expect(source.opens).toEqual([0, 0, 2_000]);
  });

  it("keeps as many versions as it is told", async () => {
    const { rig, source, spec } = await changed({ pin: "none" });
    for (let i = 0; i < 5; i++) {
      change(source, randomOctets(20 + i, 100));
      await rig.pass(HOUR_MS, 4);
    }
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(randomOctets(24, 100));
    expect(rig.cache.asset("kernel")?.versions.map((v) => v.digest)).toEqual(
      [24, 23, 22].map((seed) => sha256(randomOctets(seed, 100))),
    );
  });
});

describe("what the operator pins", () => {
  it("is served whatever the store has, at the machine's next question", async () => {
    const { rig, spec } = await changed({ pin: "always-newest" });
    const slot = rig.keeper.slot(spec);
    await rig.pass(HOUR_MS, 10);
    expect(await rig.served(slot)).toEqual(NEW);
    // Another process rolls back.
    await rig.cache.update("kernel", (r) => r && { ...r, held: sha256(OLD) });
    await rig.pass(2_000);
    slot.want();
    expect(await rig.served(slot)).toEqual(OLD);
    expect((await rig.keeper.status()).assets[0]).toMatchObject({ state: "held" });
    await settle();
    expect(rig.cache.asset("kernel")?.current).toBe(sha256(OLD));
    await rig.cache.update("kernel", (r) => {
      if (!r) return undefined;
      const { held, ...rest } = r;
      return held === undefined ? r : rest;
    });
    rig.keeper.recheck();
    expect(await rig.served(slot)).toEqual(NEW);
  });
});

describe("a published list", () => {
  const over = { checksums: { source: { kind: "file", file: "/list" }, entry: "x" } } as const;

  it("says which octets are the right ones", async () => {
    const rig = new Rig();
    rig.published = sha256(OLD);
    rig.source("bad", NEW);
    rig.source("good", OLD);
    const slot = rig.slot("kernel", ["bad", "good"], over);
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.events("refused")[0]).toContain(`the published list says ${sha256(OLD)}`);
  });

  it("is read from its store", async () => {
    const rig = new Rig({
      openSource: (spec) => {
        const source = rig.sources.get(spec.kind === "http" ? spec.url : "");
        if (!source) throw new Error("no such source");
        return source;
      },
      publishedDigest: async (list, fetchText) => {
        expect(list.entry).toBe("x");
        return Buffer.from(await fetchText(list.source)).toString();
      },
    });
    rig.source("list", Buffer.from(sha256(OLD)));
    rig.source("a", OLD);
    const list = { kind: "http", url: "list", access: {} } as const;
    const slot = rig.slot("kernel", ["a"], { checksums: { source: list, entry: "x" } });
    expect(await rig.served(slot)).toEqual(OLD);
    expect(rig.sources.get("list")?.opens).toEqual([0]);
  });

  it("that is not good lets nothing be fetched", async () => {
    const { AgentError } = await import("../../../../../agent/errors.ts");
    const rig = new Rig();
    rig.published = new AgentError("E_CHECKSUMS", "the signature is wrong");
    const source = rig.source("a", OLD);
    const slot = rig.slot("kernel", ["a"], over);
    expect(await rig.failed(slot)).toMatchObject({ code: "E_CHECKSUMS" });
    expect(source.opens).toEqual([]);
  });

  it("that names another digest has that fetched, from whichever mirror has it", async () => {
    const rig = new Rig();
    rig.published = sha256(OLD);
    rig.source("slow", OLD);
    const fast = rig.source("fast", OLD);
    const slot = rig.slot("kernel", ["slow", "fast"], { ...over, refreshMs: HOUR_MS });
    await rig.served(slot);
    await rig.pass(3 * HOUR_MS, 20);
    expect(rig.sources.get("slow")?.opens).toEqual([0]);
    rig.published = sha256(NEW);
    change(fast, NEW);
    await rig.pass(HOUR_MS, 10);
    expect(await rig.served(slot)).toEqual(NEW);
    // The mirror that lags behind has nothing to be put aside.
    expect(rig.cache.quarantined).toEqual([]);
  });

  it("is not needed to serve what it named in its time", async () => {
    const rig = new Rig();
    rig.published = sha256(OLD);
    rig.source("a", OLD);
    const spec = rig.spec("kernel", ["a"], over);
    await rig.served(rig.keeper.slot(spec));
    await rig.restart();
    rig.published = unreachable();
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OLD);
  });
});

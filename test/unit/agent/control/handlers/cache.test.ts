import { describe, expect, it } from "vitest";
import { assetControl } from "../../../../../agent/control/asset-control.ts";
import { createHandlers } from "../../../../../agent/control/handlers/all.ts";
import type { CurrentPlans } from "../../../../../agent/plan/current-plans.ts";
import type { AssetSpec } from "../../../../../agent/site/site.ts";
import { byEva, testAgent } from "../../../../support/agent-parts.ts";
import { sha256 } from "../../../../support/memory-cache.ts";
import { pattern } from "../../../../support/test-site.ts";
import { Rig } from "../../assets/fetch/rig.ts";

const OLD = pattern(3_000, 1);
const NEW = pattern(3_100, 2);

/** An agent that had an old version of the asset "netbsd" and serves a newer one. */
async function setUp(over: Partial<AssetSpec> = {}) {
  const rig = new Rig();
  const source = rig.source("http://a/netbsd", OLD);
  const spec = rig.spec("netbsd", ["http://a/netbsd"], { pin: "none", ...over });
  const slot = rig.keeper.slot(spec);
  await rig.keeper.prefetch([spec]);
  await rig.served(slot);
  const agent = await testAgent();
  const site = { ...agent.site, assets: new Map([["netbsd", spec]]) };
  const { keeper, cache } = rig;
  const running = {
    ...agent.running,
    planner: Object.create(agent.plans, { site: { value: site } }) as CurrentPlans,
    keeper,
    cache,
    assets: assetControl({ site, keeper, cache, booting: () => [], pid: 1, version: "1" }),
  };
  const verbs = createHandlers({ ...agent.parts, running: () => running });
  const renew = async (octets: Uint8Array): Promise<void> => {
    source.octets = octets;
    source.etag = `"${sha256(octets)}"`;
    await verbs["cache.refresh"]({ names: ["netbsd"] }, byEva());
    await rig.pass(1_000, 4);
  };
  const served = async (): Promise<unknown> => {
    const { assets } = await verbs["cache.list"]({}, byEva());
    return [assets[0]?.state, assets[0]?.digest];
  };
  return { rig, agent, verbs, renew, served };
}

describe("cache", () => {
  it("rolls back to the version before, holds it, and pins", async () => {
    const { verbs, renew, served, agent } = await setUp();
    await renew(NEW);
    expect(await served()).toEqual(["served", sha256(NEW)]);
    const back = await verbs["cache.rollback"]({ name: "netbsd" }, byEva());
    expect(back).toEqual({ name: "netbsd", digest: sha256(OLD) });
    expect(await served()).toEqual(["held", sha256(OLD)]);
    expect(agent.last()).toMatchObject({ protocol: "assets", decision: "asked for by eva@laptop" });
    const digest = sha256(NEW).slice(0, 10);
    await verbs["cache.pin"]({ name: "netbsd", digest }, byEva());
    expect(await served()).toEqual(["held", sha256(NEW)]);
    await verbs["cache.pin"]({ name: "netbsd" }, byEva());
    expect(await served()).toEqual(["held", sha256(NEW)]);
  });

  it("says what it cannot go back to, and what it does not know", async () => {
    const { verbs } = await setUp();
    await expect(verbs["cache.rollback"]({ name: "netbsd" }, byEva())).rejects.toThrow(
      "no version before",
    );
    await expect(verbs["cache.pin"]({ name: "netbds" }, byEva())).rejects.toMatchObject({
      code: "E_USAGE",
      cure: expect.stringContaining('"netbsd"'),
    });
    await expect(
      verbs["cache.pin"]({ name: "netbsd", digest: "00000000" }, byEva()),
    ).rejects.toMatchObject({ code: "E_USAGE" });
    expect(await verbs["cache.prefetch"]({}, byEva())).toEqual({ names: ["netbsd"] });
    await expect(verbs["cache.refresh"]({ names: ["x"] }, byEva())).rejects.toMatchObject({
      code: "E_USAGE",
    });
  });

  it("changes nothing where the site itself says another digest", async () => {
    const { rig, verbs, served } = await setUp({ sha256: sha256(OLD) });
    const record = rig.cache.asset("netbsd");
    if (!record) throw new Error("no record");
    const other = { ...record.versions[0], digest: sha256(NEW), sourceDigest: sha256(NEW) };
    rig.cache.blobs.set(sha256(NEW), NEW);
    await rig.cache.update(
      "netbsd",
      (r) => r && { ...r, versions: [...r.versions, other as never] },
    );
    await expect(
      verbs["cache.pin"]({ name: "netbsd", digest: sha256(NEW) }, byEva()),
    ).rejects.toThrow("above a pin");
    expect(rig.cache.asset("netbsd")?.held).toBeUndefined();
    expect(await served()).toEqual(["served", sha256(OLD)]);
  });
});

import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createHandlers } from "../../../../../agent/control/handlers/all.ts";
import { VERBS } from "../../../../../agent/control/verbs.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { byEva, LOCALLY, testAgent, testKey, WALL_MS } from "../../../../support/agent-parts.ts";
import { pattern, RACK } from "../../../../support/test-site.ts";

const UNCONFIGURED = { code: "E_NOT_FOUND", message: /^this agent is unconfigured/ };

async function setUp(over: Parameters<typeof testAgent>[0] = {}) {
  const agent = await testAgent(over);
  return { ...agent, agent, verbs: createHandlers(agent.parts) };
}

function refusal(error: { readonly code: string; readonly message: RegExp }): object {
  return { code: error.code, message: expect.stringMatching(error.message) };
}

describe("handlers", () => {
  it("there is one for every verb", async () => {
    const { verbs } = await setUp();
    expect(Object.keys(verbs).sort()).toEqual(Object.keys(VERBS).sort());
  });
});

describe("identity", () => {
  it("says who the agent is, and takes another name", async () => {
    const { verbs, trust, last } = await setUp();
    expect(await verbs["identity.get"]({}, LOCALLY)).toEqual({
      name: "pilot",
      publicKey: testKey(9).octets,
      fingerprint: testKey(9).fingerprint,
      version: "1.2.3",
      board: "generic-x64",
      protocol: 1,
      claimable: true,
    });
    await trust.add("eva", testKey(1), { by: "claim" });
    expect(await verbs["identity.rename"]({ name: "rack seven" }, byEva())).toMatchObject({
      name: "rack seven",
      claimable: false,
    });
    expect(last().decision).toBe("it was pilot; changed by eva@laptop");
  });

  it.each(["", " ", "a\nb", "x".repeat(64), "ä".repeat(32)])(
    "refuses the name %j",
    async (name) => {
      const { verbs } = await setUp();
      await expect(verbs["identity.rename"]({ name }, byEva())).rejects.toMatchObject({
        code: "E_USAGE",
      });
    },
  );
});

describe("status.get", () => {
  it("tells of a running agent", async () => {
    const { verbs, context, config, agent } = await setUp();
    context.counters.add("tftp", "truncated");
    agent.situation = { state: "degraded", reasons: ["eth1 is down"] };
    await config.apply(Uint8Array.of(7), { kind: "fetched", where: "x" });
    expect(await verbs["status.get"]({}, LOCALLY)).toMatchObject({
      identity: { name: "pilot" },
      state: "degraded",
      reasons: ["eth1 is down"],
      site: { name: "rack7", source: "bundle", bundle: { serial: 7 } },
      interfaces: [{ name: "eth1", role: "rack" }],
      booting: [],
      machines: 4,
      assets: { all: 3, cached: 1, fetching: 1, failed: 1, usedOctets: 10, limitOctets: 1_000 },
      clock: { time: new Date(WALL_MS + 1_000).toISOString(), plausible: true },
      startedAt: new Date(WALL_MS).toISOString(),
      logLevel: "info",
      counters: { "tftp truncated": 1 },
    });
  });

  it("names the site file where there is one", async () => {
    const { verbs } = await setUp({ siteFile: "/etc/pilotlight/site.yaml" });
    expect((await verbs["status.get"]({}, LOCALLY)).site).toEqual({
      name: "rack7",
      source: "file",
      file: "/etc/pilotlight/site.yaml",
    });
  });

  it("tells how an unconfigured agent looks for its site", async () => {
    const { verbs } = await setUp({
      running: () => undefined,
      situation: () => ({ state: "unconfigured", reasons: ["no site was found yet"] }),
      search: () => ({ where: ["mDNS"], lastTryAt: "2026-06-01T00:00:00.000Z" }),
    });
    const status = await verbs["status.get"]({}, LOCALLY);
    expect(status).toMatchObject({
      state: "unconfigured",
      search: { where: ["mDNS"] },
      machines: 0,
      booting: [],
      counters: {},
    });
    expect(status).not.toHaveProperty("site");
    expect(status).not.toHaveProperty("assets");
  });
});

describe("site", () => {
  it("puts, confirms and rolls back by the keeper of configurations", async () => {
    const { verbs, config } = await setUp();
    const asked = byEva();
    expect(await verbs["site.put"]({ bundle: Uint8Array.of(3) }, asked)).toMatchObject({
      serial: 3,
    });
    await verbs["site.put"]({ bundle: Uint8Array.of(4), probationS: 5 }, asked);
    await verbs["site.confirm"]({ serial: 4 }, asked);
    await verbs["site.rollback"]({}, asked);
    const source = { kind: "push", caller: asked.caller };
    expect(config.asked).toEqual([
      ["apply", source, 30_000],
      ["apply", source, 5_000],
      ["confirm", 4],
      ["rollback", undefined],
    ]);
    expect((await verbs["site.history"]({}, asked)).bundles.map((b) => b.serial)).toEqual([4, 3]);
  });

  it.each([4, 601, Number.NaN, -1])("refuses a probation of %d s", async (probationS) => {
    const { verbs, config } = await setUp();
    const put = verbs["site.put"]({ bundle: Uint8Array.of(3), probationS }, byEva());
    await expect(put).rejects.toMatchObject({ code: "E_USAGE" });
    expect(config.asked).toEqual([]);
  });

  it("lets nothing be pushed to an agent that runs a local file, and says which", async () => {
    const { verbs, config } = await setUp({ siteFile: "/etc/site.yaml" });
    const refused = refusal({ code: "E_CONFIG", message: /site file \/etc\/site\.yaml/ });
    const asked = byEva();
    for (const tried of [
      verbs["site.put"]({ bundle: Uint8Array.of(3) }, asked),
      verbs["site.confirm"]({ serial: 1 }, asked),
      verbs["site.rollback"]({}, asked),
    ]) {
      await expect(tried).rejects.toMatchObject(refused);
    }
    expect(config.asked).toEqual([]);
  });

  it("gives the files of a bundle, and of a local site with its templates", async () => {
    const { verbs, config, dir } = await setUp();
    await config.apply(Uint8Array.of(3), { kind: "fetched", where: "x" });
    const document = { site: "rack7", serial: 3, main: "site.yaml" };
    const files = { "site.yaml": Uint8Array.of(3) };
    expect(await verbs["site.get"]({}, LOCALLY)).toEqual({ ...document, files });
    expect(await verbs["site.get"]({ serial: 3 }, LOCALLY)).toEqual({ ...document, files });
    await expect(verbs["site.get"]({ serial: 8 }, LOCALLY)).rejects.toMatchObject({
      code: "E_NOT_FOUND",
      cure: "There are: 3.",
    });

    // The test's site was never a file.
    const local = await setUp({ siteFile: `${dir}/site.yaml` });
    await expect(local.verbs["site.get"]({}, LOCALLY)).rejects.toMatchObject({
      code: "E_SITE_READ",
    });
    writeFileSync(path.join(local.dir, "site.yaml"), RACK);
    const written = await local.verbs["site.get"]({}, LOCALLY);
    expect(written).toMatchObject({ site: "rack7", serial: 0, main: "site.yaml" });
    expect(Object.keys(written.files)).toEqual(["site.yaml", "config.liquid"]);
    expect(Buffer.from(written.files["site.yaml"] ?? []).toString()).toBe(RACK);
  });

  it("says what a bundle would change, and what is different between two", async () => {
    const { verbs, config } = await setUp();
    const validated = verbs["site.validate"]({ bundle: Uint8Array.of(9) }, byEva());
    expect(await validated).toEqual({ site: "rack7", serial: 9, changes: ["none to 9"] });
    await config.apply(Uint8Array.of(3), { kind: "fetched", where: "x" });
    await config.apply(Uint8Array.of(5), { kind: "fetched", where: "x" });
    const second = await verbs["site.validate"]({ bundle: Uint8Array.of(9) }, byEva());
    expect(second.changes).toEqual(["5 to 9"]);
    expect(await verbs["site.diff"]({ from: 5, to: 3 }, byEva())).toEqual({ changes: ["5 to 3"] });
    await expect(verbs["site.diff"]({ from: 4, to: 3 }, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
    await expect(
      verbs["site.validate"]({ bundle: new Uint8Array(0) }, byEva()),
    ).rejects.toMatchObject({ code: "E_BUNDLE" });
  });
});

describe("machines", () => {
  it("lists each with its last step", async () => {
    const { verbs, journal, plan, context } = await setUp();
    context.sightings.rarp(plan("v100").machine);
    const note = { machine: "v100", decision: "", outcome: "answered" } as const;
    journal.note({ ...note, protocol: "rarp", event: "who is it?" });
    journal.note({ ...note, protocol: "agent", event: "held" });
    const { machines } = await verbs["machines.list"]({}, LOCALLY);
    expect(machines.map((m) => m.name)).toEqual(["v100", "minipc", "plain", "bare"]);
    expect(machines[0]).toEqual({
      name: "v100",
      mac: "00:03:ba:5b:ae:b3",
      ip: "172.24.42.51",
      profile: "sun",
      family: "openfirmware",
      booting: true,
      last: {
        time: expect.stringMatching(/^20/),
        event: "who is it?",
        outcome: "answered",
      },
      overrides: [],
    });
    expect(machines[3]).toMatchObject({ profile: null, family: null, booting: false });
  });

  it("does not take a look for a sign of life", async () => {
    const { verbs, clock, plan, context } = await setUp();
    context.sightings.rarp(plan("v100").machine);
    for (let i = 0; i < 3; i++) {
      clock.advance(5 * 60_000);
      await verbs["machines.list"]({}, LOCALLY);
    }
    const [v100] = (await verbs["machines.list"]({}, LOCALLY)).machines;
    expect(v100?.family).toBeNull();
  });

  it("shows what the next boot would be served", async () => {
    const { verbs, assets } = await setUp();
    const sun = await verbs["machines.plan"]({ machine: "v100" }, LOCALLY);
    expect(sun).toMatchObject({
      machine: { name: "v100" },
      server: "172.24.42.150",
      root: { path: "/sun" },
      bootparams: { root: "172.24.42.150:/sun", swap: ":none" },
    });
    expect(sun.offers.find((o) => o.family === "openfirmware")).toEqual({
      family: "openfirmware",
      bootFile: "ofwboot",
      why: "profile sun begins with its loader",
    });
    expect(sun.offers.find((o) => o.family === "bsd-loader")?.bootFile).toBeNull();
    expect(sun.files[0]).toEqual({ name: "ofwboot", octets: 1_024, state: "served" });

    assets.slots.get("netbsd")?.wait("fetching netbsd (1 of 2 MB)");
    const pc = await verbs["machines.plan"]({ machine: "minipc" }, LOCALLY);
    const file = (name: string) => pc.files.find((f) => f.name === name);
    expect(file("netbsd")).toMatchObject({ octets: null, state: "fetching netbsd (1 of 2 MB)" });
    expect(file("broken")).toMatchObject({ octets: null, state: expect.stringContaining("gone") });
    expect(file("config.txt")).toMatchObject({ state: "served" });
    await verbs["machines.boot"]({ machine: "minipc", profile: "plain" }, byEva());
    const other = await verbs["machines.plan"]({ machine: "minipc" }, LOCALLY);
    expect(other.files.map((f) => f.name)).toContain("grub.efi");
    expect(other.machine.profile).toBe("debian");
  });

  it("overrides, holds, releases and wakes in the name of whoever asks", async () => {
    const { verbs, plans, plan, woken } = await setUp();
    const asked = byEva();
    const boot = await verbs["machines.boot"]({ machine: "v100", profile: "plain" }, asked);
    expect(boot.overrides).toMatchObject([{ profile: "plain", by: "eva@laptop", taken: false }]);
    const held = await verbs["machines.hold"]({ machine: "v100" }, LOCALLY);
    expect(held.overrides).toHaveLength(2);
    expect(plans.heldBy(plan("v100"))).toBe("local");
    const free = await verbs["machines.release"]({ machine: "v100" }, asked);
    expect(free.overrides).toEqual([]);
    await verbs["machines.wake"]({ machine: "v100" }, asked);
    expect(woken).toEqual(["v100 by eva@laptop"]);
  });

  it("refuses names that the site does not have", async () => {
    const { verbs } = await setUp();
    const none = { code: "E_NOT_FOUND", cure: 'Did you mean "v100"?' };
    const machine = "v10";
    for (const tried of [
      verbs["machines.plan"]({ machine }, LOCALLY),
      verbs["machines.boot"]({ machine, profile: "sun" }, LOCALLY),
      verbs["machines.hold"]({ machine }, LOCALLY),
      verbs["machines.release"]({ machine }, LOCALLY),
      verbs["machines.wake"]({ machine }, LOCALLY),
    ]) {
      await expect(tried).rejects.toMatchObject(none);
    }
  });
});

describe("an agent without a site", () => {
  it("says so wherever a site is needed, and lists nothing where there is nothing", async () => {
    const { verbs } = await setUp({ running: () => undefined });
    const asked = byEva();
    for (const tried of [
      verbs["machines.plan"]({ machine: "x" }, asked),
      verbs["machines.boot"]({ machine: "x", profile: "y" }, asked),
      verbs["machines.wake"]({ machine: "x" }, asked),
      verbs["cache.list"]({}, asked),
      verbs["cache.prefetch"]({}, asked),
      verbs["cache.refresh"]({}, asked),
      verbs["cache.pin"]({ name: "x" }, asked),
      verbs["cache.rollback"]({ name: "x" }, asked),
      verbs["capture.start"]({}, asked),
      verbs["site.get"]({}, asked),
    ]) {
      await expect(tried).rejects.toMatchObject(refusal(UNCONFIGURED));
    }
    expect(await verbs["machines.list"]({}, asked)).toEqual({ machines: [] });
    expect(await verbs["capture.list"]({}, asked)).toEqual({ captures: [] });
    expect(await verbs["site.history"]({}, asked)).toEqual({ bundles: [] });
    expect(await verbs["journal.get"]({}, asked)).toEqual({ entries: [] });
  });
});

describe("journal.get", () => {
  it("gives the newest entries, of one machine where one is named", async () => {
    const { verbs, journal } = await setUp();
    for (let i = 0; i < 6; i++) {
      const machine = i % 2 === 0 ? "v100" : "minipc";
      journal.note({ protocol: "tftp", machine, event: `${i}`, decision: "", outcome: "answered" });
    }
    const events = async (args: object): Promise<string[]> =>
      (await verbs["journal.get"](args, LOCALLY)).entries.map((e) => e.event);
    expect(await events({})).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(await events({ limit: 2 })).toEqual(["4", "5"]);
    expect(await events({ machine: "v100", limit: 2 })).toEqual(["2", "4"]);
    expect(await events({ machine: "nobody" })).toEqual([]);
    for (const limit of [0, -1, 1.5, 1e9]) {
      await expect(events({ limit })).rejects.toMatchObject({ code: "E_USAGE" });
    }
  });
});

describe("trust", () => {
  it("lists, adds and revokes, and keeps who did it", async () => {
    const { verbs, last } = await setUp();
    const publicKey = testKey(5).octets;
    expect(await verbs["trust.add"]({ name: "ada", publicKey }, byEva())).toEqual({
      name: "ada",
      fingerprint: testKey(5).fingerprint,
      publicKey,
      since: "2026-06-01T00:00:00.000Z",
      origin: testKey(1).fingerprint,
    });
    const bob = { name: "bob", publicKey: testKey(6).octets };
    expect(await verbs["trust.add"](bob, LOCALLY)).toMatchObject({ origin: "local" });
    const { fingerprint } = testKey(5);
    expect(await verbs["trust.revoke"]({ fingerprint }, LOCALLY)).toMatchObject({
      name: "ada",
      revoked: "2026-06-02T00:00:00.000Z",
    });
    expect(last()).toMatchObject({ event: "ada is not trusted any more", decision: "by local" });
    const { operators } = await verbs["trust.list"]({}, LOCALLY);
    expect(operators.map((o) => [o.name, o.revoked !== undefined])).toEqual([
      ["ada", true],
      ["bob", false],
    ]);
    await expect(verbs["trust.revoke"]({ fingerprint: "x" }, LOCALLY)).rejects.toMatchObject({
      code: "E_TRUST",
    });
  });
});

describe("the agent itself", () => {
  it("sets its log's level, and restarts", async () => {
    const { verbs, parts, restarts, last } = await setUp();
    expect(await verbs["log.level"]({ level: "debug" }, byEva())).toEqual({ level: "debug" });
    expect(parts.log.level).toBe("debug");
    const wrong = verbs["log.level"]({ level: "loud" as "debug" }, byEva());
    await expect(wrong).rejects.toMatchObject({ code: "E_USAGE" });
    expect(await verbs["agent.restart"]({}, byEva())).toEqual({});
    expect(restarts).toHaveLength(1);
    expect(last().decision).toBe("asked for by eva@laptop");
  });
});

describe("captures", () => {
  it("are of the rack's interface, in the name of whoever asks", async () => {
    const { verbs } = await setUp();
    await expect(verbs["capture.start"]({ filter: "udp" }, byEva())).rejects.toBeInstanceOf(
      AgentError,
    );
    await expect(verbs["capture.stop"]({ id: "0" }, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
    const read = async (): Promise<void> => {
      for await (const piece of verbs["capture.get"]({ id: "0" }, byEva())) pattern(piece.length);
    };
    await expect(read()).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  });
});

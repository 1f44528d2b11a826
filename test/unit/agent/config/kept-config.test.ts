import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { eventually } from "../../../support/eventually.ts";
import { plainBundle } from "../../../support/plain-bundles.ts";
import { FETCHED, KeeperRig, LOCAL, PUSH, siteText } from "./keeper-rig.ts";

const bundle = (serial: number, name: string): Uint8Array => plainBundle(serial, siteText(name));

/** States by serial, the one applied last first: "2 running, 1 kept". */
function states({ keeper }: KeeperRig): string {
  return keeper
    .history()
    .map(({ serial, state }) => `${serial} ${state}`)
    .join(", ");
}

async function pushed(rig: KeeperRig, serial: number, name: string): Promise<void> {
  await rig.keeper.apply(bundle(serial, name), PUSH);
  await rig.keeper.confirm(serial, LOCAL);
}

describe("a pushed bundle", () => {
  it("is served, and stays when it is confirmed", async () => {
    const rig = await KeeperRig.open();
    expect(rig.keeper.current).toBeUndefined();
    const record = await rig.keeper.apply(bundle(7, "a"), PUSH, 60_000);
    expect(record).toEqual({
      serial: 7,
      site: "a",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      signer: "k".repeat(52),
      operator: "eva@laptop",
      source: "push by this host",
      appliedAt: "2026-09-21T14:13:20.000Z",
      state: "probation",
      changes: ["nothing to a"],
    });
    expect(rig.keeper.probation).toEqual({ serial: 7, previous: 0, endsInMs: 60_000 });
    await rig.keeper.confirm(7, LOCAL);
    rig.clock.advance(600_000);
    expect([rig.served, states(rig), rig.keeper.probation]).toEqual([
      ["a"],
      "7 running",
      undefined,
    ]);
    expect(rig.clock.pending).toBe(0);
    await rig.keeper.confirm(7, LOCAL);
    await expect(rig.keeper.confirm(6, LOCAL)).rejects.toMatchObject({ code: "E_CONFIG" });
  });

  it("goes when nobody confirms it, to none where there was none", async () => {
    const rig = await KeeperRig.open();
    await rig.keeper.apply(bundle(1, "a"), PUSH, 10_000);
    rig.clock.advance(9_999);
    expect(states(rig)).toBe("1 probation");
    rig.clock.advance(1);
    await eventually(() => states(rig) === "1 returned");
    expect(rig.served).toEqual(["a", "-"]);
    expect(rig.keeper.current).toBeUndefined();
    expect(rig.keeper.history()[0]?.reason).toBe("nobody confirmed it within 10 s");
    await expect(rig.keeper.apply(bundle(1, "b"), PUSH)).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
    });
  });

  it("goes back to the one that was confirmed last, not to one that never was", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    await rig.keeper.apply(bundle(2, "b"), PUSH);
    await rig.keeper.apply(bundle(3, "c"), PUSH);
    expect(states(rig)).toBe("3 probation, 2 returned, 1 kept");
    rig.clock.advance(30_000);
    await eventually(() => states(rig) === "3 returned, 2 returned, 1 running");
    expect(rig.served).toEqual(["a", "b", "c", "a"]);
    expect(rig.keeper.history()[1]?.reason).toBe("serial 3 took its place before it was confirmed");
  });

  it("goes when an interface fails, and not when a cable was plugged anew", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    await rig.keeper.apply(bundle(2, "b"), PUSH);
    rig.fault = "eth0 is down";
    rig.clock.advance(2_000);
    rig.fault = undefined;
    rig.clock.advance(3_000);
    expect(states(rig)).toBe("2 probation, 1 kept");
    rig.fault = "eth0 is down";
    rig.clock.advance(6_000);
    await eventually(() => states(rig) === "2 returned, 1 running");
    expect(rig.keeper.history()[0]?.reason).toBe("eth0 is down");
    await eventually(() => rig.served.at(-1) === "a");
  });

  it.each([
    ["no bundle", new Uint8Array([1, 2, 3]), "E_BUNDLE"],
    ["a lower serial number", bundle(1, "b"), "E_BUNDLE_REFUSED"],
    ["the same serial number", bundle(5, "b"), "E_BUNDLE_REFUSED"],
    ["a site with mistakes", plainBundle(6, "site: b\n"), "E_SITE_INVALID"],
    ["a site that cannot be served here", bundle(6, "impossible"), "E_CONFIG"],
  ])("changes nothing when it is %s", async (_, octets, code) => {
    const rig = await KeeperRig.open();
    rig.impossible.add("impossible");
    await pushed(rig, 5, "a");
    const files = readdirSync(`${rig.dir}/config`);
    await expect(rig.keeper.apply(octets, PUSH)).rejects.toMatchObject({ code });
    expect([states(rig), rig.served, rig.keeper.highestSerial]).toEqual(["5 running", ["a"], 5]);
    expect(readdirSync(`${rig.dir}/config`)).toEqual(files);
    await pushed(rig, 6, "c");
    expect(states(rig)).toBe("6 running, 5 kept");
  });

  it("that runs already is no change", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 5, "a");
    expect(await rig.keeper.apply(bundle(5, "a"), FETCHED)).toMatchObject({ state: "running" });
    expect(rig.served).toEqual(["a"]);
  });

  it("may be looked at without being applied", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 5, "a");
    const files = readdirSync(`${rig.dir}/config`);
    expect(await rig.keeper.preview(bundle(6, "b"))).toMatchObject({ changes: ["a to b"] });
    expect((await rig.keeper.validate(bundle(6, "b"))).bundle.serial).toBe(6);
    await expect(rig.keeper.validate(bundle(4, "b"))).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
    });
    expect(readdirSync(`${rig.dir}/config`)).toEqual(files);
    await pushed(rig, 6, "b");
  });
});

describe("a fetched bundle", () => {
  it("stays when nothing fails, whether or not somebody confirms it", async () => {
    const rig = await KeeperRig.open();
    const record = await rig.keeper.apply(bundle(1, "a"), FETCHED);
    expect(record.source).toBe("fetched from https://10.0.0.9");
    rig.clock.advance(30_000);
    await eventually(() => states(rig) === "1 running");
    expect(rig.served).toEqual(["a"]);
  });

  it("goes when an interface fails", async () => {
    const rig = await KeeperRig.open();
    await rig.keeper.apply(bundle(1, "a"), FETCHED);
    rig.fault = "eth0 is down";
    rig.clock.advance(30_000);
    await eventually(() => states(rig) === "1 returned");
    await eventually(() => rig.served.at(-1) === "-");
  });

  it("is tried again after a restart, but not for ever", async () => {
    const rig = await KeeperRig.open();
    await rig.keeper.apply(bundle(1, "a"), FETCHED);
    for (let i = 0; i < 2; i++) {
      await rig.restart();
      expect([rig.served, states(rig)]).toEqual([["a"], "1 probation"]);
    }
    await rig.restart();
    expect([rig.served, states(rig)]).toEqual([["-"], "1 returned"]);
  });
});

describe("after a restart", () => {
  it("what was confirmed is served", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    await pushed(rig, 2, "b");
    await rig.restart();
    expect([rig.served, states(rig)]).toEqual([["b"], "2 running, 1 kept"]);
    expect(rig.clock.pending).toBe(0);
  });

  it("a pushed one that nobody had confirmed has failed", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    await rig.keeper.apply(bundle(2, "b"), PUSH);
    await rig.restart();
    expect([rig.served, states(rig)]).toEqual([["a"], "2 returned, 1 running"]);
    await rig.restart();
    expect(rig.served).toEqual(["a"]);
  });

  it("unpacked files that are gone are unpacked again, and what nobody knows is swept away", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    const [folder = ""] = readdirSync(`${rig.dir}/config`).filter((n) => !n.endsWith(".bundle"));
    rmSync(`${rig.dir}/config/${folder}`, { recursive: true });
    writeFileSync(`${rig.dir}/config/9-deadbeef.bundle`, "left by a power cut");
    await rig.restart();
    expect(rig.served).toEqual(["a"]);
    expect(readdirSync(`${rig.dir}/config`)).toEqual([folder, `${folder}.bundle`]);
  });

  it("what cannot be served is tried again when it is asked to", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    rig.impossible.add("a");
    await expect(rig.restart()).rejects.toMatchObject({ code: "E_INTERFACE" });
    rig.impossible.clear();
    await rig.keeper.start();
    expect([rig.served, states(rig)]).toEqual([["a"], "1 running"]);
  });
});

describe("rollback", () => {
  it("goes to the one before, with a probation of its own, and back again", async () => {
    const rig = await KeeperRig.open();
    await pushed(rig, 1, "a");
    await pushed(rig, 2, "b");
    const record = await rig.keeper.rollback(undefined, LOCAL);
    expect(record).toMatchObject({
      serial: 1,
      state: "probation",
      source: "rollback by this host",
    });
    await rig.keeper.confirm(1, LOCAL);
    expect(states(rig)).toBe("1 running, 2 kept");
    await rig.keeper.rollback(undefined, LOCAL);
    rig.clock.advance(30_000);
    await eventually(() => states(rig) === "2 returned, 1 running");
    expect(rig.served).toEqual(["a", "b", "a", "b", "a"]);
    expect(rig.keeper.highestSerial).toBe(2);
  });

  it("goes to any of the history, and to nothing else", async () => {
    const rig = await KeeperRig.open();
    for (const [i, name] of ["a", "b", "c"].entries()) await pushed(rig, i + 1, name);
    await rig.keeper.rollback(1, LOCAL);
    expect(rig.served.at(-1)).toBe("a");
    await expect(rig.keeper.rollback(1, LOCAL)).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(rig.keeper.rollback(9, LOCAL)).rejects.toMatchObject({
      code: "E_NOT_FOUND",
      message: "serial 9 is not in the history: it has 1, 3, 2",
    });
  });

  it("has nothing to go to at first", async () => {
    const rig = await KeeperRig.open();
    await expect(rig.keeper.rollback(undefined, LOCAL)).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
  });
});

it("keeps the octets of the last sixteen bundles, and compares them", async () => {
  const rig = await KeeperRig.open();
  for (let serial = 1; serial <= 20; serial++) await pushed(rig, serial, `s${serial}`);
  expect(rig.keeper.history().map(({ serial }) => serial)).toEqual(
    Array.from({ length: 16 }, (_, i) => 20 - i),
  );
  expect(readdirSync(`${rig.dir}/config`)).toHaveLength(32);
  expect(rig.keeper.octetsOf()).toEqual(bundle(20, "s20"));
  expect(rig.keeper.octetsOf(5)).toEqual(bundle(5, "s5"));
  expect(rig.keeper.octetsOf(4)).toBeUndefined();
  expect(await rig.keeper.compare(5, 20)).toEqual(["s5 to s20"]);
  expect(rig.bugs).toEqual([]);
});

import { describe, expect, it } from "vitest";
import {
  assetsOf,
  firstFile,
  firstWait,
  Needs,
  neededAssets,
  neededFirst,
} from "../../../../agent/plan/needs.ts";
import { patienceOf } from "../../../../agent/plan/patience.ts";
import { signOfLife } from "../../../../agent/services/context.ts";
import { FAMILIES } from "../../../../agent/site/families.ts";
import { pattern, testRack } from "../../../support/test-site.ts";

const digestOf = (content: object | undefined): string =>
  content && "sha256" in content ? String(content.sha256) : "";

describe("what is needed", () => {
  it("comes in the order of a boot", async () => {
    const { site } = await testRack();
    const names = (machine: string): string[] => {
      const found = site.machines.find((m) => m.name === machine);
      return found ? assetsOf(found).map(({ name }) => name) : [];
    };
    expect(names("v100")).toEqual(["ofwboot", "netbsd", "initrd", "ipxe-bios", "ipxe-x64"]);
    expect(names("minipc")).toEqual(["ipxe-bios", "ipxe-x64", "netbsd", "initrd", "gone"]);
    expect(names("plain")).toEqual(["ipxe-x64", "ipxe-bios"]);
    expect(names("bare")).toEqual([]);
  });

  it("is for the whole site what each machine begins with, and then the rest", async () => {
    const { site } = await testRack();
    expect(neededAssets(site).map(({ name }) => name)).toEqual([
      "ofwboot",
      "ipxe-bios",
      "ipxe-x64",
      "netbsd",
      "initrd",
      "gone",
    ]);
  });

  it("is the first file of the family that asks", async () => {
    const { plan } = await testRack();
    expect(firstFile(plan("v100"), "openfirmware")?.name).toBe("ofwboot");
    expect(firstFile(plan("v100"), "bsd-loader")).toBeUndefined();
    expect(firstFile(plan("minipc"), "uefi-http-x64")?.name).toBe("ipxe-x64");
    expect(firstFile(plan("minipc"), "ipxe")?.name).toBe("boot.ipxe");
    expect(firstFile(plan("bare"), "pxe-bios")).toBeUndefined();
  });

  it("is more than that for who can wait for ever", async () => {
    const { plan } = await testRack();
    const names = (machine: string, family: "openfirmware" | "bsd-loader" | "pxe-bios"): string[] =>
      neededFirst(plan(machine), family).map(({ name }) => name);
    expect(names("v100", "openfirmware")).toEqual(["ofwboot", "netbsd", "initrd"]);
    expect(names("v100", "bsd-loader")).toEqual(["netbsd", "initrd"]);
    expect(names("minipc", "pxe-bios")).toEqual(["ipxe-bios"]);
  });

  it("says what is on its way", async () => {
    const { plan, assets } = await testRack();
    const slots = neededFirst(plan("v100"), "openfirmware");
    expect(firstWait(slots)).toBeUndefined();
    const ready = assets.withhold("netbsd");
    assets.withhold("initrd");
    expect(firstWait([undefined, ...slots])?.why).toContain("netbsd");
    ready();
    expect(firstWait(slots)?.why).toContain("initrd");
  });
});

describe("a sign of life", () => {
  it("has all that a boot may come to fetched, once a second", async () => {
    const { context, plan, assets, clock } = await testRack();
    const wants = (name: string): number => assets.named(name).wants;
    for (let i = 0; i < 100; i++) signOfLife(plan("plain"), context);
    expect([wants("ipxe-x64"), wants("ipxe-bios"), wants("netbsd")]).toEqual([1, 1, 0]);
    clock.advance(999);
    signOfLife(plan("plain"), context);
    expect(wants("ipxe-x64")).toBe(1);
    clock.advance(1);
    signOfLife(plan("plain"), context);
    expect(wants("ipxe-x64")).toBe(2);
    signOfLife(plan("bare"), context);
  });
});

describe("digests in use", () => {
  it("are those of what plans serve, and of what is being read", async () => {
    const { plan, assets, clock } = await testRack();
    const needs = new Needs(() => clock.now());
    const kernel = assets.named("netbsd").current();
    const digest = digestOf(kernel);
    expect(needs.digestsInUse([plan("v100")])).toContain(digest);
    expect(needs.digestsInUse([plan("plain")])).not.toContain(digest);
    const [one, two] = [needs.lend(digest), needs.lend(`${digest}-1024`)];
    one();
    one();
    expect([...needs.digestsInUse([])]).toEqual([digest]);
    two();
    expect([...needs.digestsInUse([])]).toEqual([]);
    needs.lend("a text, which is in no cache");
    expect([...needs.digestsInUse([])]).toEqual([]);
  });

  it("count a file that NFS reads for a while after each read", async () => {
    const { clock } = await testRack();
    const needs = new Needs(() => clock.now());
    const digest = "ab".repeat(32);
    needs.touch(digest);
    clock.advance(600_000);
    expect([...needs.digestsInUse([])]).toEqual([digest]);
    clock.advance(1);
    expect([...needs.digestsInUse([])]).toEqual([]);
  });

  it("are bounded", () => {
    const needs = new Needs(() => 0);
    for (const i of pattern(5_000).keys()) needs.touch(i.toString(16).padStart(64, "0"));
    expect(needs.digestsInUse([]).size).toBe(1_024);
  });
});

describe("patience", () => {
  it("is known of every family, and shorter than what its firmware grants", () => {
    for (const family of FAMILIES) {
      const { addressMs, tftpMs, httpMs } = patienceOf(family);
      expect(addressMs, family).toBeGreaterThanOrEqual(0);
      expect(tftpMs, family).toBeGreaterThan(0);
      expect(httpMs, family).toBeGreaterThan(0);
    }
    // EDK2 gives up on an offer after 60 s, on a file after 24 s, on headers after 5 s (docs/firmware.md).
    const { addressMs, tftpMs } = patienceOf("uefi-x64");
    expect([addressMs < 60_000, tftpMs < 24_000]).toEqual([true, true]);
    expect(patienceOf("uefi-http-x64").httpMs).toBeLessThan(5_000);
    expect(patienceOf("linux-kernel").addressMs).toBe(0);
  });
});

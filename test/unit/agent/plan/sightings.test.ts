import { describe, expect, it } from "vitest";
import { Sightings } from "../../../../agent/plan/sightings.ts";
import type { Family } from "../../../../agent/site/families.ts";
import type { Machine } from "../../../../agent/site/site.ts";
import { testRack } from "../../../support/test-site.ts";

async function setUp(name = "v100") {
  let nowMs = 0;
  const { plan } = await testRack();
  const machine: Machine = plan(name).machine;
  const sightings = new Sightings(() => nowMs);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const dhcp = (family: Family) => sightings.dhcp(machine, { family, why: "told" }).family;
  return { machine, sightings, pass, dhcp };
}

describe("Sightings", () => {
  it("knows nobody at first", async () => {
    const { sightings, machine } = await setUp();
    expect(sightings.familyOf(machine)).toBe("unknown");
  });

  it("remembers what was told", async () => {
    const { sightings, machine, dhcp } = await setUp();
    dhcp("pxe-bios");
    expect(sightings.familyOf(machine)).toBe("pxe-bios");
    dhcp("ipxe");
    expect(sightings.familyOf(machine)).toBe("ipxe");
  });

  it("takes RARP for a PROM, and the second one for the loader it fetched", async () => {
    const { sightings, machine } = await setUp();
    expect(sightings.rarp(machine).family).toBe("openfirmware");
    sightings.loaderFetched(machine);
    expect(sightings.rarp(machine).family).toBe("bsd-loader");
    expect(sightings.familyOf(machine)).toBe("bsd-loader");
  });

  it("takes a nameless BOOTP after the loader was fetched for the loader", async () => {
    const { sightings, machine, dhcp } = await setUp();
    sightings.rarp(machine);
    expect(dhcp("unknown")).toBe("unknown");
    sightings.rarp(machine);
    sightings.loaderFetched(machine);
    expect(dhcp("unknown")).toBe("bsd-loader");
    expect(dhcp("unknown")).toBe("bsd-loader");
  });

  it("does so only for machines that boot a BSD", async () => {
    const { sightings, machine, dhcp } = await setUp("minipc");
    sightings.loaderFetched(machine);
    expect(dhcp("unknown")).toBe("unknown");
  });

  it("takes a nameless request long after the loader was fetched for a new start", async () => {
    const { sightings, machine, dhcp, pass } = await setUp();
    dhcp("unknown");
    sightings.loaderFetched(machine);
    // The system runs and talks to us all the time.
    for (let i = 0; i < 5; i++) {
      pass(60_000);
      sightings.familyOf(machine);
    }
    expect(dhcp("unknown")).toBe("unknown");
  });

  it("takes RARP long after the loader was fetched for a new start", async () => {
    const { sightings, machine, pass } = await setUp();
    sightings.rarp(machine);
    sightings.loaderFetched(machine);
    for (let i = 0; i < 5; i++) {
      pass(60_000);
      sightings.familyOf(machine);
    }
    expect(sightings.rarp(machine).family).toBe("openfirmware");
  });

  it("begins anew when another firmware speaks", async () => {
    const { sightings, machine, dhcp } = await setUp();
    sightings.loaderFetched(machine);
    expect(dhcp("openfirmware")).toBe("openfirmware");
    expect(dhcp("unknown")).toBe("unknown");
  });

  it("forgets after ten minutes without a word", async () => {
    const { sightings, machine, dhcp, pass } = await setUp();
    dhcp("pxe-bios");
    pass(10 * 60_000);
    expect(sightings.familyOf(machine)).toBe("pxe-bios");
    pass(10 * 60_000 + 1);
    expect(sightings.familyOf(machine)).toBe("unknown");
  });
});

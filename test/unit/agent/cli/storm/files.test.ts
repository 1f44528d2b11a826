import { describe, expect, it } from "vitest";
import { StormContent, stormFiles } from "../../../../../agent/cli/storm/files.ts";

const SIZES = { loader: 1_001, kernel: 5_000, small: 3_000 };
const FILES = stormFiles(SIZES);
const CONTENT = new StormContent(FILES);

function octetsOf(asset: string): Uint8Array {
  const found = FILES.find((f) => f.asset === asset);
  if (!found) throw new Error(asset);
  return found.octets;
}

describe("the content of a storm", () => {
  it.each([
    ["http://10.77.0.1/kernel", "kernel"],
    ["dca63200/start4.elf", "pi-firmware"],
    ["0A4D0105", "sun-loader"],
    ["ipxe-bios", "ipxe-bios"],
    ["bsd", "sun-kernel"],
  ])("knows %s", (name, asset) => {
    const octets = octetsOf(asset);
    expect(CONTENT.sizeOf(name)).toBe(octets.length);
    expect(CONTENT.check(name, 0, octets, 0, octets.length)).toBeUndefined();
    expect(CONTENT.check(name, 512, octets, 512, 300)).toBeUndefined();
  });

  it("finds one octet that is wrong, a piece at the wrong place, and one too many", () => {
    const octets = Uint8Array.from(octetsOf("kernel"));
    expect(CONTENT.check("kernel", 0, octets, 1, 100)).toMatch(/not as expected from octet 0/);
    octets[4_999] = (octets[4_999] ?? 0) ^ 1;
    expect(CONTENT.check("kernel", 4_900, octets, 4_900, 100)).toMatch(/from octet 4900/);
    expect(CONTENT.check("kernel", 4_999, octets, 0, 2)).toMatch(/more than 5000 octets/);
  });

  it("says nothing of what is not its own", () => {
    expect(CONTENT.sizeOf("http://10.77.0.1/boot.ipxe")).toBeUndefined();
    expect(CONTENT.check("boot.ipxe", 0, new Uint8Array(4), 0, 4)).toBeUndefined();
  });

  it("has a loader of whole words for Suns, whose PROM loads nothing else", () => {
    expect(octetsOf("sun-loader")).toHaveLength(1_004);
  });

  it("is the same on every host", () => {
    expect(stormFiles(SIZES).map((f) => f.octets)).toEqual(FILES.map((f) => f.octets));
  });
});

import { describe, expect, it } from "vitest";
import { architectureFamily, architectureOfClass } from "../../../../agent/plan/architectures.ts";
import { recogniseDhcp } from "../../../../agent/plan/family.ts";

describe("architectures", () => {
  it("are families, up to the last that IANA has", () => {
    const known = Array.from({ length: 64 }, (_, i) => [i, architectureFamily(i)] as const).filter(
      ([, f]) => f,
    );
    expect(Object.fromEntries(known)).toEqual({
      0: "pxe-bios",
      6: "uefi-ia32",
      7: "uefi-x64",
      9: "uefi-x64",
      10: "uefi-arm32",
      11: "uefi-arm64",
      12: "slof",
      13: "slof",
      15: "uefi-http-ia32",
      16: "uefi-http-x64",
      17: "uefi-http-x64",
      18: "uefi-http-arm32",
      19: "uefi-http-arm64",
      20: "pxe-bios",
      21: "uboot",
      22: "uboot",
      23: "uboot",
      24: "uboot",
      27: "uefi-riscv64",
      28: "uefi-http-riscv64",
      31: "s390",
      32: "s390",
      39: "uefi-loongarch64",
      40: "uefi-http-loongarch64",
      41: "raspberry-pi",
    });
  });

  it("stand in the vendor class where the option is missing", () => {
    expect(architectureOfClass("PXEClient:Arch:00007:UNDI:003016")).toBe(7);
    expect(architectureOfClass("PXEClient")).toBeUndefined();
  });

  it("tell SLOF and an s390 by their number alone", () => {
    const nothing = {
      vendorClass: undefined,
      userClass: undefined,
      ipxeOptions: false,
      bootp: false,
      cookie: true,
      mac: "02:00:00:00:00:01",
      identifier: new Uint8Array(),
    };
    const familyOf = (architecture: number): string =>
      recogniseDhcp({ ...nothing, architecture, asks: () => false }).family;
    expect(familyOf(12)).toBe("slof");
    expect(familyOf(31)).toBe("s390");
    expect(familyOf(7)).toBe("unknown");
  });
});

import { describe, expect, it } from "vitest";
import { type DhcpEvidence, recogniseDhcp } from "../../../../agent/plan/family.ts";
import { evidenceOf } from "../../../../agent/services/dhcp/question.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { hex } from "../../../support/hex.ts";
import {
  EDK2_REQUEST,
  IPXE_BOOT_ITEM,
  IPXE_DISCOVER,
  KLIBC_BOOTP,
  LINUX_BOOTP,
  SLOF_BOOTP,
  UBOOT_BOOTP,
} from "../../protocols/dhcp/frames.ts";

const NOTHING: DhcpEvidence = {
  vendorClass: undefined,
  userClass: undefined,
  architecture: -1,
  ipxeOptions: false,
  bootp: false,
  cookie: true,
  mac: "02:00:00:00:00:01",
  identifier: new Uint8Array(),
  asks: () => false,
};

const kernel = (code: number): boolean => code === 17 || code === 40;

describe("recogniseDhcp", () => {
  it.each<[string, Partial<DhcpEvidence>, string]>([
    ["a user class of iPXE", { userClass: "iPXE" }, "ipxe"],
    ["a length-prefixed user class of iPXE", { userClass: "\x04iPXE" }, "ipxe"],
    [
      "iPXE over its firmware's class",
      { userClass: "iPXE", vendorClass: "PXEClient", architecture: 0 },
      "ipxe",
    ],
    ["iPXE options alone", { ipxeOptions: true, vendorClass: "PXEClient:Arch:00007" }, "ipxe"],
    ["U-Boot over its architecture", { vendorClass: "U-Boot.armv8", architecture: 11 }, "uboot"],
    ["NetBSD's loader", { vendorClass: "NetBSD:sparc64:libsa" }, "bsd-loader"],
    ["OpenBSD's loader", { vendorClass: "OpenBSD:sparc64:libsa" }, "bsd-loader"],
    ["NetBSD's kernel", { vendorClass: "NetBSD:sparc64:kernel:10.0" }, "unknown"],
    ["a Sun PROM", { vendorClass: "SUNW.Sun-Fire-V100" }, "openfirmware"],
    ["a Sun PROM with a comma", { vendorClass: "SUNW,Ultra-5_10" }, "openfirmware"],
    ["PXE BIOS", { vendorClass: "PXEClient", architecture: 0 }, "pxe-bios"],
    ["UEFI IA32", { vendorClass: "PXEClient", architecture: 6 }, "uefi-ia32"],
    ["UEFI x64", { vendorClass: "PXEClient", architecture: 7 }, "uefi-x64"],
    ["EBC, which is x64", { vendorClass: "PXEClient", architecture: 9 }, "uefi-x64"],
    ["UEFI ARM32", { vendorClass: "PXEClient", architecture: 10 }, "uefi-arm32"],
    ["UEFI ARM64", { vendorClass: "PXEClient", architecture: 11 }, "uefi-arm64"],
    [
      "HTTP x64",
      { vendorClass: "HTTPClient:Arch:00016:UNDI:003001", architecture: 16 },
      "uefi-http-x64",
    ],
    ["HTTP ARM64", { vendorClass: "HTTPClient", architecture: 19 }, "uefi-http-arm64"],
    [
      "the class's own architecture",
      { vendorClass: "PXEClient:Arch:00007:UNDI:003016" },
      "uefi-x64",
    ],
    ["an architecture of nobody", { vendorClass: "PXEClient", architecture: 999 }, "unknown"],
    ["an architecture without class", { architecture: 7 }, "unknown"],
    ["BOOTP without cookie", { bootp: true, cookie: false }, "slof"],
    ["a Linux kernel", { asks: kernel }, "linux-kernel"],
    ["a Linux kernel by BOOTP", { asks: kernel, bootp: true }, "linux-kernel"],
    ["others that ask for a root path", { asks: (code) => code === 17 }, "unknown"],
    ["others that name a class", { asks: kernel, vendorClass: "dhcpcd" }, "unknown"],
    ["nothing", {}, "unknown"],
  ])("knows %s", (_, evidence, family) => {
    const told = recogniseDhcp({ ...NOTHING, ...evidence });
    expect(told.family).toBe(family);
    expect(told.why).not.toBe("");
  });

  it.each([
    ["KLIBC_BOOTP", KLIBC_BOOTP, "slof"],
    ["SLOF_BOOTP", SLOF_BOOTP, "slof"],
    ["UBOOT_BOOTP", UBOOT_BOOTP, "uboot"],
    ["LINUX_BOOTP", LINUX_BOOTP, "linux-kernel"],
    ["IPXE_DISCOVER", IPXE_DISCOVER, "ipxe"],
    ["IPXE_BOOT_ITEM", IPXE_BOOT_ITEM, "ipxe"],
    ["EDK2_REQUEST", EDK2_REQUEST, "uefi-x64"],
  ] as const)("knows who sent %s", (_, frame, family) => {
    const o = hex(frame);
    const view = new DhcpView();
    expect(view.reset(o, 0, o.u8.length)).toBe(0);
    expect(recogniseDhcp(evidenceOf(view, o)).family).toBe(family);
  });
});

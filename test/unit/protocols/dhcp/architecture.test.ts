import { expect, it } from "vitest";
import { Architecture, architectureName } from "../../../../protocols/dhcp/architecture.ts";

it.each([
  [Architecture.X86Bios, 0x00, "x86 BIOS"],
  [Architecture.X64Uefi, 0x07, "x64 UEFI"],
  [Architecture.Ebc, 0x09, "EBC"],
  [Architecture.Arm64Uefi, 0x0b, "ARM 64-bit UEFI"],
  [Architecture.PowerPcOpenFirmware, 0x0c, "PowerPC Open Firmware"],
  [Architecture.X64UefiHttp, 0x10, "x64 UEFI HTTP"],
  [Architecture.Arm64UefiHttp, 0x13, "ARM 64-bit UEFI HTTP"],
  [Architecture.BiosHttp, 0x14, "x86 BIOS HTTP"],
  [Architecture.Arm64Uboot, 0x16, "ARM 64-bit U-Boot"],
  [Architecture.Arm64UbootHttp, 0x18, "ARM 64-bit U-Boot HTTP"],
  [Architecture.Riscv64Uefi, 0x1b, "RISC-V 64-bit UEFI"],
  [Architecture.S390Basic, 0x1f, "s390 basic"],
  [Architecture.LoongArch64Uefi, 0x27, "LoongArch 64-bit UEFI"],
  [Architecture.RaspberryPiBoot, 0x29, "ARM rpiboot"],
])("architecture %i has the code %i: %s", (value, code, name) => {
  expect(value).toBe(code);
  expect(architectureName(code)).toBe(name);
});

it("shows a code that the registry does not have", () => {
  expect(architectureName(42)).toBe("architecture 42");
});

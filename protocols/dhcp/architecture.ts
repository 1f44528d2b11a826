/**
 * Client system architecture types, option 93 (RFC 4578, RFC 5970; IANA "Processor Architecture Types"), those that boot today.
 *
 * The text of RFC 4578 swaps 7 and 9 (erratum 4624). Firmware follows IANA, but 9 also arrives from x64 machines whose vendor
 * followed the RFC: treat both as x64.
 */
export const Architecture = {
  X86Bios: 0,
  X86Uefi: 6,
  X64Uefi: 7,
  Ebc: 9,
  Arm32Uefi: 10,
  Arm64Uefi: 11,
  PowerPcOpenFirmware: 12,
  X86UefiHttp: 15,
  X64UefiHttp: 16,
  EbcHttp: 17,
  Arm32UefiHttp: 18,
  Arm64UefiHttp: 19,
  BiosHttp: 20,
  Arm32Uboot: 21,
  Arm64Uboot: 22,
  Arm32UbootHttp: 23,
  Arm64UbootHttp: 24,
  Riscv64Uefi: 27,
  Riscv64UefiHttp: 28,
  S390Basic: 31,
  LoongArch64Uefi: 39,
  LoongArch64UefiHttp: 40,
  RaspberryPiBoot: 41,
} as const;

/** The registry's names, by code. */
const NAMES: readonly string[] = [
  "x86 BIOS",
  "NEC/PC98",
  "Itanium",
  "DEC Alpha",
  "Arc x86",
  "Intel Lean Client",
  "x86 UEFI",
  "x64 UEFI",
  "EFI Xscale",
  "EBC",
  "ARM 32-bit UEFI",
  "ARM 64-bit UEFI",
  "PowerPC Open Firmware",
  "PowerPC ePAPR",
  "POWER OPAL v3",
  "x86 UEFI HTTP",
  "x64 UEFI HTTP",
  "EBC HTTP",
  "ARM 32-bit UEFI HTTP",
  "ARM 64-bit UEFI HTTP",
  "x86 BIOS HTTP",
  "ARM 32-bit U-Boot",
  "ARM 64-bit U-Boot",
  "ARM 32-bit U-Boot HTTP",
  "ARM 64-bit U-Boot HTTP",
  "RISC-V 32-bit UEFI",
  "RISC-V 32-bit UEFI HTTP",
  "RISC-V 64-bit UEFI",
  "RISC-V 64-bit UEFI HTTP",
  "RISC-V 128-bit UEFI",
  "RISC-V 128-bit UEFI HTTP",
  "s390 basic",
  "s390 extended",
  "MIPS 32-bit UEFI",
  "MIPS 64-bit UEFI",
  "Sunway 32-bit UEFI",
  "Sunway 64-bit UEFI",
  "LoongArch 32-bit UEFI",
  "LoongArch 32-bit UEFI HTTP",
  "LoongArch 64-bit UEFI",
  "LoongArch 64-bit UEFI HTTP",
  "ARM rpiboot",
];

/** The name that the registry has for a code; "architecture 4711" for one that it has not. */
export function architectureName(code: number): string {
  return NAMES[code] ?? `architecture ${code}`;
}

import type { Family } from "../site/families.ts";

/**
 * Architectures of option 93 (IANA's "Processor Architecture Types", 0 to 41) to the families whose boot program they take.
 *
 * EBC (9) comes from x64 firmware whose maker followed the text of RFC 4578 and not its erratum, so both are x64. What is not
 * here has no boot program that a site could name: 1 to 5, 8, 14, 25, 26, 29, 30 and 33 to 38 are of machines that nobody
 * boots any more or yet. U-Boot (21 to 24) calls itself so in its vendor class.
 */
const FAMILIES_OF_ARCHITECTURES: ReadonlyMap<number, Family> = new Map([
  [0, "pxe-bios"],
  [6, "uefi-ia32"],
  [7, "uefi-x64"],
  [9, "uefi-x64"],
  [10, "uefi-arm32"],
  [11, "uefi-arm64"],
  [12, "slof"],
  [13, "slof"],
  [15, "uefi-http-ia32"],
  [16, "uefi-http-x64"],
  [17, "uefi-http-x64"],
  [18, "uefi-http-arm32"],
  [19, "uefi-http-arm64"],
  [20, "pxe-bios"],
  [21, "uboot"],
  [22, "uboot"],
  [23, "uboot"],
  [24, "uboot"],
  [27, "uefi-riscv64"],
  [28, "uefi-http-riscv64"],
  [31, "s390"],
  [32, "s390"],
  [39, "uefi-loongarch64"],
  [40, "uefi-http-loongarch64"],
  [41, "raspberry-pi"],
]);

/** The family that boots what this architecture boots. */
export function architectureFamily(architecture: number): Family | undefined {
  return FAMILIES_OF_ARCHITECTURES.get(architecture);
}

/** "PXEClient:Arch:00007:UNDI:003016": the architecture where option 93 is missing. */
export function architectureOfClass(vendorClass: string): number | undefined {
  const match = /:Arch:(\d{5})/.exec(vendorClass);
  return match ? Number(match[1]) : undefined;
}

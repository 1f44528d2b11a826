/**
 * The firmware families that the agent tells apart. A site file names them in `chain`, the journal and the
 * metrics carry them, and `agent/plan` decides by them. How a family is recognised is written there.
 */
export const FAMILIES = [
  "openfirmware",
  "pxe-bios",
  "uefi-ia32",
  "uefi-x64",
  "uefi-arm32",
  "uefi-arm64",
  "uefi-riscv64",
  "uefi-loongarch64",
  "uefi-http-ia32",
  "uefi-http-x64",
  "uefi-http-arm32",
  "uefi-http-arm64",
  "uefi-http-riscv64",
  "uefi-http-loongarch64",
  "ipxe",
  "uboot",
  "slof",
  "s390",
  "raspberry-pi",
  "linux-kernel",
  "bsd-loader",
  "unknown",
] as const;

/** One of {@link FAMILIES}. */
export type Family = (typeof FAMILIES)[number];

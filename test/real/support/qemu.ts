import { closeSync, copyFileSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Lab } from "./lab.ts";
import { KERNEL_SUN4U, KERNEL_X86_64 } from "./products.ts";

// Software emulation everywhere: the same result on every machine, with or without KVM.

/** Without a ROM of QEMU's own in the NIC, unless the test is about that ROM. */
const NO_ROM = ",romfile=";

function tap(n: number): string {
  return `tap,id=n0,ifname=tap${n},script=no,downscript=no`;
}

/** CONFIG_ENV_SIZE of the qemu_arm64 board, and the size of its second flash. */
const ENVIRONMENT_SIZE = 0x4_0000;
const FLASH_SIZE = 0x400_0000;

/**
 * A flash image with U-Boot's saved environment: CRC-32 (little endian), then `name=value` strings
 * each closed by a zero octet, then one more. U-Boot runs `bootcmd` without a pause.
 */
function uBootFlash(lab: Lab, mac: string, bootcmd: string): string {
  const environment = { ethaddr: mac, bootdelay: "0", autoload: "yes", bootcmd };
  const image = new Uint8Array(ENVIRONMENT_SIZE);
  const text = Object.entries(environment).map(([name, value]) => `${name}=${value}\0`);
  new TextEncoder().encodeInto(text.join(""), image.subarray(4));
  new DataView(image.buffer).setUint32(0, crc32(image.subarray(4)), true);
  const path = join(lab.scratch, "flash1.img");
  const file = openSync(path, "w");
  writeSync(file, image);
  ftruncateSync(file, FLASH_SIZE);
  closeSync(file);
  return path;
}

/** An arm64 board with U-Boot that runs `bootcmd` and powers off. `port`: its tap, as of all guests. */
export function uBootArm64(
  lab: Lab,
  firmware: string,
  mac: string,
  bootcmd: string,
  port = 0,
): string[] {
  const flash = uBootFlash(lab, mac, `${bootcmd}; poweroff`);
  return [
    ...["qemu-system-aarch64", "-accel", "tcg", "-M", "virt", "-cpu", "cortex-a53", "-m", "256"],
    ...["-nographic", "-no-reboot", "-bios", firmware],
    ...["-drive", `if=pflash,unit=1,format=raw,file=${flash}`, "-netdev", tap(port)],
    ...["-device", `virtio-net-pci,netdev=n0,mac=${mac}${NO_ROM}`],
  ];
}

/** What a {@link linuxPc} may have beside a command line. */
export interface LinuxPcOptions {
  /** Its tap, as of all guests. */
  readonly port?: number;
  readonly kernel?: string;
  readonly initrd?: string;
  /** A reset starts it again; without this it ends QEMU. */
  readonly reboots?: boolean;
}

/** A PC that starts a kernel directly, the lab's by default, so that the kernel is the network's first client. */
export function linuxPc(mac: string, cmdline: string, options: LinuxPcOptions = {}): string[] {
  const { port = 0, kernel = KERNEL_X86_64, initrd, reboots = false } = options;
  return [
    ...["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-cpu", "max", "-m", "256"],
    ...["-nographic", ...(reboots ? [] : ["-no-reboot"]), "-netdev", tap(port)],
    ...["-device", `virtio-net-pci,netdev=n0,mac=${mac}${NO_ROM}`],
    ...["-kernel", kernel, ...(initrd === undefined ? [] : ["-initrd", initrd])],
    ...["-append", `console=ttyS0 panic=1 ${cmdline}`],
  ];
}

/** An UltraSPARC machine with the HME NIC; OpenBIOS cannot netboot, so its kernel is given. */
export function sun4u(mac: string, cmdline: string): string[] {
  return [
    ...["qemu-system-sparc64", "-accel", "tcg", "-M", "sun4u", "-m", "512"],
    ...["-nographic", "-no-reboot", "-netdev", tap(0)],
    ...["-net", `nic,model=sunhme,macaddr=${mac},netdev=n0`],
    ...["-kernel", KERNEL_SUN4U, "-append", `console=ttyS0 panic=1 init=/sbin/init ${cmdline}`],
  ];
}

/** A POWER machine with SLOF, an Open Firmware, that runs this boot command. */
export function slof(mac: string, bootCommand: string): string[] {
  const machine = "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off";
  return [
    ...["qemu-system-ppc64", "-accel", "tcg", "-M", machine, "-m", "512", "-vga", "none"],
    ...[
      "-nographic",
      "-no-reboot",
      "-netdev",
      tap(0),
      "-device",
      `spapr-vlan,netdev=n0,mac=${mac}`,
    ],
    ...["-prom-env", `boot-command=${bootCommand}`],
  ];
}

/** A PC that boots from QEMU's NIC ROM, which is iPXE under SeaBIOS. */
export function ipxePc(mac: string, port = 0): string[] {
  return [
    ...["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-cpu", "max", "-m", "512"],
    ...["-nographic", "-no-reboot", "-boot", "n", "-netdev", tap(port)],
    ...["-uuid", "11223344-5566-7788-99aa-bbccddeeff00"],
    ...["-device", `virtio-net-pci,netdev=n0,mac=${mac}`],
  ];
}

const OVMF = "/usr/share/OVMF";
const AAVMF = "/usr/share/AAVMF";

/** EDK2 tries each kind of network boot in turn; this leaves only HTTP over IPv4. */
const HTTP_ONLY = ["IPv4PXESupport", "IPv6PXESupport"].flatMap((support) => {
  return ["-fw_cfg", `name=opt/org.tianocore/${support},string=n`];
});

/** Two flash chips: EDK2 itself, and its variables as they are on a new machine. */
function edk2(lab: Lab, code: string, variables: string): string[] {
  const own = join(lab.scratch, "efi-variables.fd");
  copyFileSync(variables, own);
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${code}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${own}`],
  ];
}

/** A PC with UEFI firmware (EDK2's OVMF) that boots from its NIC by `pxe` or `http`. */
export function uefiPc(lab: Lab, mac: string, method: "pxe" | "http"): string[] {
  return [
    ...["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max", "-m", "512"],
    ...["-nographic", "-no-reboot", "-netdev", tap(0)],
    ...edk2(lab, `${OVMF}/OVMF_CODE.fd`, `${OVMF}/OVMF_VARS.fd`),
    ...["-device", `virtio-net-pci,netdev=n0,mac=${mac}${NO_ROM},bootindex=1`],
    ...(method === "http" ? HTTP_ONLY : []),
  ];
}

/** An arm64 server with UEFI firmware (EDK2's AAVMF) that boots from its NIC by HTTP. */
export function uefiArm64(lab: Lab, mac: string): string[] {
  return [
    ...["qemu-system-aarch64", "-accel", "tcg", "-M", "virt", "-cpu", "cortex-a57", "-m", "512"],
    ...["-nographic", "-no-reboot", "-netdev", tap(0)],
    ...edk2(lab, `${AAVMF}/AAVMF_CODE.fd`, `${AAVMF}/AAVMF_VARS.fd`),
    ...["-device", `virtio-net-pci,netdev=n0,mac=${mac}${NO_ROM},bootindex=1`],
    ...HTTP_ONLY,
  ];
}

/** A mainframe, whose s390-ccw boots from the network. */
export function s390x(mac: string): string[] {
  return [
    ...["qemu-system-s390x", "-accel", "tcg", "-M", "s390-ccw-virtio", "-m", "256"],
    ...["-nographic", "-no-reboot", "-netdev", tap(0)],
    ...["-device", `virtio-net-ccw,netdev=n0,mac=${mac},bootindex=1`],
  ];
}

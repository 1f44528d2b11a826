import { statSync } from "node:fs";
import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { HELLO_ARM64, INITRAMFS, IPXE_EFI, KERNEL_X86_64 } from "./support/products.ts";
import { uefiArm64, uefiPc } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "52:54:00:aa:00:07";
/** The asset is named as sites name theirs: EDK2 boots over HTTP only what ends in `.efi` or has its type. */
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  kernel: { file: ${KERNEL_X86_64} }
  initrd: { file: ${INITRAMFS} }
  ipxe-x64: { file: ${IPXE_EFI} }
profiles:
  pc:
    linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 panic=1 quiet lab.mark=uefi" }
defaults:
  chain: { uefi-x64: ipxe-x64, uefi-http-x64: ipxe-x64 }
machines:
  pc2: { mac: "${MAC}", ip: 192.168.77.27, profile: pc }
`;

const ARM64_MAC = "52:54:00:aa:00:0a";
const ARM64_SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  hello: { file: ${HELLO_ARM64} }
profiles:
  server:
    files: { hello.efi: hello }
    boot: hello.efi
machines:
  arm1: { mac: "${ARM64_MAC}", ip: 192.168.77.30, profile: server }
`;

describe("UEFI", () => {
  for (const method of ["pxe", "http"] as const) {
    realTest(`OVMF, ${method} to iPXE, then an HTTP script with kernel and initrd`, async (lab) => {
      await startAgent(lab, SITE);
      const command = uefiPc(lab, MAC, method);
      const console = await runGuest(lab, { command, timeoutMs: 120_000 });
      console.shows("iPXE");
      console.shows(/LAB-INITRD 6\.1\.\d+/);
      console.shows(/LAB-CMDLINE .*lab\.mark=uefi/);
      console.shows("LAB-DONE");
    });
  }

  realTest("AAVMF, a UEFI program for arm64 by HTTP", async (lab) => {
    await startAgent(lab, ARM64_SITE);
    const command = uefiArm64(lab, ARM64_MAC);
    const until = /^Boot device: .*\/Uri\(http:\/\/192\.168\.77\.1\/hello\.efi\)/m;
    const console = await runGuest(lab, { command, until, timeoutMs: 120_000 });
    console.shows("Station IP address is 192.168.77.30");
    console.shows("Hello, world!");
    console.shows(`File Size: ${statSync(HELLO_ARM64).size} Bytes`);
  });
});

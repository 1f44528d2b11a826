import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { INITRAMFS, IPXE_EFI, KERNEL_X86_64 } from "./support/products.ts";
import { uefiPc } from "./support/qemu.ts";
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
});

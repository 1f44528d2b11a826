import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { INITRAMFS, KERNEL_X86_64 } from "./support/products.ts";
import { ipxePc } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "52:54:00:aa:00:06";
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  kernel: { file: ${KERNEL_X86_64} }
  initrd: { file: ${INITRAMFS} }
profiles:
  pc:
    linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 panic=1 quiet lab.mark=ipxe" }
machines:
  pc1: { mac: "${MAC}", ip: 192.168.77.26, profile: pc }
`;

describe("iPXE", () => {
  // The ROM of 2019 waits 13 seconds for an IPv6 router before it turns to DHCP's answer.
  realTest("iPXE ROM, DHCP and an HTTP script with kernel and initrd", async (lab) => {
    await startAgent(lab, SITE);
    const console = await runGuest(lab, { command: ipxePc(MAC), timeoutMs: 120_000 });
    console.shows("iPXE");
    console.shows(/LAB-INITRD 6\.1\.\d+/);
    console.shows(/LAB-CMDLINE .*lab\.mark=ipxe/);
    console.shows("LAB-DONE");
  });
});

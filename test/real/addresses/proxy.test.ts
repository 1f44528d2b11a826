import { describe, expect } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import type { Lab } from "../support/lab.ts";
import { otherDhcpServer } from "../support/other-dhcp-server.ts";
import { HELLO_ARM64, INITRAMFS, IPXE_EFI, KERNEL_X86_64 } from "../support/products.ts";
import { ipxePc, uefiArm64, uefiPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:08";
/** Whose address the site gives is not asked: the other server's is another one. */
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: proxy }
assets:
  kernel: { file: ${KERNEL_X86_64} }
  initrd: { file: ${INITRAMFS} }
  ipxe-x64: { file: ${IPXE_EFI} }
  hello-arm64: { file: ${HELLO_ARM64} }
profiles:
  pc:
    linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 panic=1 quiet lab.mark=proxy" }
defaults:
  chain: { uefi-x64: ipxe-x64, uefi-http-x64: ipxe-x64, uefi-http-arm64: hello-arm64 }
machines:
  pc3: { mac: "${MAC}", ip: 192.168.77.28, profile: pc }
`;

/** A name, how it is started, and what our journal says of the answer that it boots by. */
type Firmware = readonly [string, (lab: Lab) => readonly string[], RegExp];

const FIRMWARE: readonly Firmware[] = [
  ["iPXE ROM", () => ipxePc(MAC), /OFFER, boot .*boot\.ipxe/],
  ["OVMF, PXE to iPXE", (lab) => uefiPc(lab, MAC, "pxe"), /ACK from port 4011, boot ipxe-x64/],
  ["OVMF, HTTP boot to iPXE", (lab) => uefiPc(lab, MAC, "http"), /OFFER, boot .*ipxe-x64/],
];

describe("beside a DHCP server that gives the addresses", () => {
  for (const [name, command, answer] of FIRMWARE) {
    realTest(`${name}, kernel and initrd by our script`, async (lab) => {
      await otherDhcpServer(lab);
      const agent = await startAgent(lab, SITE);
      const console = await runGuest(lab, { command: command(lab), timeoutMs: 150_000 });
      console.shows("iPXE");
      console.shows("192.168.77.10");
      console.shows(/LAB-CMDLINE .*lab\.mark=proxy/);
      console.shows("LAB-DONE");
      expect(await agent.until(answer, 1_000), `${answer} in\n${agent.tail()}`).toBe("match");
    });
  }

  realTest("AAVMF, HTTP boot of a UEFI program for arm64", async (lab) => {
    await otherDhcpServer(lab);
    await startAgent(lab, SITE);
    const until = /^Boot device: .*\/Uri\(http:\/\/192\.168\.77\.1\/hello-arm64\)/m;
    const command = uefiArm64(lab, MAC);
    const console = await runGuest(lab, { command, until, timeoutMs: 120_000 });
    console.shows("Station IP address is 192.168.77.10");
    console.shows("Hello, world!");
  });
});

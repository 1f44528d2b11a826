import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "../support/agent.ts";
import type { Child } from "../support/child.ts";
import { runGuest } from "../support/guest.ts";
import type { Lab } from "../support/lab.ts";
import { otherDhcpServer } from "../support/other-dhcp-server.ts";
import { INITRAMFS, IPXE_EFI, KERNEL_X86_64 } from "../support/products.ts";
import { ipxePc, uefiPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:08";
const PROMPT = "F8 shows what there is";
/** What the script of an item says. */
const SCRIPT = "ITEM-BY-MENU";
const LINUX_FIRST = "{ name: Linux }, { name: Script, boot: item.ipxe }";

/** A PC whose profile has a menu. */
function site(lab: Lab, items: string, dhcp = "authoritative"): string {
  writeFileSync(join(lab.scratch, "item.ipxe"), `#!ipxe\necho ${SCRIPT}\nsleep 1\npoweroff\n`);
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: ${dhcp} }
assets:
  kernel: { file: ${KERNEL_X86_64} }
  initrd: { file: ${INITRAMFS} }
  ipxe-x64: { file: ${IPXE_EFI} }
  item: { file: ${join(lab.scratch, "item.ipxe")} }
profiles:
  pc:
    linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 panic=1 quiet lab.mark=menu" }
    files: { item.ipxe: item, ipxe.efi: ipxe-x64 }
    menu: { prompt: "${PROMPT}", timeout: 2s, items: [${items}] }
machines:
  pc3: { mac: "${MAC}", ip: 192.168.77.28, profile: pc }
`;
}

async function expectChosen(agent: Child, boots: RegExp): Promise<void> {
  const answer = new RegExp(`ACK from port 4011, boot ${boots.source}`);
  expect(await agent.until(answer, 1_000), `${answer} in\n${agent.tail()}`).toBe("match");
}

describe("a boot menu", () => {
  for (const dhcp of ["authoritative", "proxy"]) {
    realTest(`iPXE ROM, the first item is what the profile boots, ${dhcp}`, async (lab) => {
      if (dhcp === "proxy") await otherDhcpServer(lab);
      const agent = await startAgent(lab, site(lab, LINUX_FIRST, dhcp));
      const console = await runGuest(lab, { command: ipxePc(MAC), timeoutMs: 150_000 });
      console.shows(PROMPT);
      console.shows(/LAB-CMDLINE .*lab\.mark=menu/);
      console.shows("LAB-DONE");
      await expectChosen(agent, /.*boot\.ipxe/);
    });
  }

  realTest("iPXE ROM, an item with a file of its own", async (lab) => {
    const agent = await startAgent(
      lab,
      site(lab, "{ name: Script, boot: item.ipxe }, { name: Linux }"),
    );
    const until = new RegExp(SCRIPT);
    const console = await runGuest(lab, { command: ipxePc(MAC), until });
    console.shows(PROMPT);
    await expectChosen(agent, /item\.ipxe/);
  });

  realTest("OVMF, and no second menu by the iPXE that it loads", async (lab) => {
    const agent = await startAgent(
      lab,
      site(lab, "{ name: iPXE, boot: ipxe.efi }, { name: Script, boot: item.ipxe }"),
    );
    const command = uefiPc(lab, MAC, "pxe");
    const console = await runGuest(lab, { command, timeoutMs: 150_000 });
    console.shows(PROMPT);
    console.shows("iPXE initialising");
    console.lacks(new RegExp(`iPXE initialising[^]*${PROMPT}`));
    console.shows("LAB-DONE");
    await expectChosen(agent, /ipxe\.efi/);
  });
});

import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import type { Lab } from "./support/lab.ts";
import { slof } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "52:54:00:aa:00:05";

/**
 * SLOF evaluates a loaded file that starts with a Forth comment. The sum is worked out by the
 * firmware, so that its line cannot come from echoed source; reset-all ends QEMU.
 */
const FORTH = '\\ lab boot script\n." LAB-OF-FORTH " decimal d# 1000 d# 234 + . cr\nreset-all\n';

/** What it boots hangs on its family, which by DHCP only its REQUEST tells. */
function site(lab: Lab): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  forth: { file: ${lab.file("of.fth", FORTH)} }
profiles: { nothing: { files: {} } }
defaults: { chain: { slof: forth } }
machines:
  power1: { mac: "${MAC}", ip: 192.168.77.25, profile: nothing }
`;
}

describe("Open Firmware", () => {
  for (const method of ["bootp", "dhcp"] as const) {
    realTest(`SLOF, boot net by ${method} and TFTP`, async (lab) => {
      await startAgent(lab, site(lab));
      const command = slof(MAC, `boot net:${method}`);
      const console = await runGuest(lab, { command, until: /^LAB-OF-FORTH 1234\b/m });
      console.shows("192.168.77.25");
    });
  }
});

import { readFileSync } from "node:fs";
import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { S390X_BLOB, S390X_SUM } from "./support/products.ts";
import { s390x } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "52:54:00:aa:00:09";
/** What it boots hangs on its architecture, of which only its REQUEST tells. */
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  sum: { file: ${S390X_SUM} }
profiles: { nothing: { files: {} } }
defaults: { chain: { s390: sum } }
machines:
  z1: { mac: "${MAC}", ip: 192.168.77.29, profile: nothing }
`;

function hex(n: number): string {
  return n.toString(16).padStart(8, "0");
}

describe("s390x", () => {
  realTest("s390-ccw, DHCP and TFTP", async (lab) => {
    await startAgent(lab, SITE);
    const console = await runGuest(lab, { command: s390x(MAC) });
    const blob = readFileSync(S390X_BLOB);
    const sum = blob.reduce((total, octet) => total + octet, 0);
    console.shows("Using IPv4 address: 192.168.77.29");
    console.shows("Using TFTP server: 192.168.77.1");
    console.shows("Bootfile name: 'sum'");
    console.shows(`LAB-SUM ${hex(blob.length)} ${hex(sum)}`);
  });
});

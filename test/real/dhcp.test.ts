import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { type Console, runGuest } from "./support/guest.ts";
import { CLIENT_MAC, type Lab } from "./support/lab.ts";
import { BUSYBOX } from "./support/products.ts";
import { realTest } from "./support/real-test.ts";

const ADDRESS = "192.168.77.50";

function site(mac: string): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  nothing: { files: {} }
machines:
  bench1: { mac: "${mac}", ip: ${ADDRESS}, profile: nothing }
`;
}

/** Addresses for whoever asks; the first of them is somebody else's. */
const POOL = `
site: lab
network:
  { interface: srv0, address: 192.168.77.1/24, pool: 192.168.77.100-192.168.77.109, lease: 1h }
unknown: { everybody: {} }
`;

/** Asks three times, a second apart, and says how it ended; the network stays as it is. */
function udhcpc(lab: Lab): Promise<Console> {
  const ask = `${BUSYBOX} udhcpc -i br0 -f -n -q -t 3 -T 1 -s /bin/true; echo status $?`;
  return runGuest(lab, { name: "udhcpc", command: ["sh", "-c", ask] });
}

describe("DHCP client", () => {
  realTest("udhcpc, a machine of the site", async (lab) => {
    await startAgent(lab, site(CLIENT_MAC));
    const console = await udhcpc(lab);
    console.shows(`lease of ${ADDRESS} obtained from 192.168.77.1`);
    console.shows("status 0");
  });

  realTest("udhcpc, a machine that the site does not name", async (lab) => {
    await startAgent(lab, site("52:54:00:aa:00:50"));
    const console = await udhcpc(lab);
    console.lacks("obtained");
    console.shows("status 1");
  });

  realTest("udhcpc, an address of the pool, and the same again", async (lab) => {
    await startAgent(lab, POOL);
    const first = await udhcpc(lab);
    first.shows("lease of 192.168.77.100 obtained from 192.168.77.1");
    const again = await udhcpc(lab);
    again.shows("lease of 192.168.77.100 obtained from 192.168.77.1");
  });

  realTest("udhcpc, a pool in which somebody has an address of his own", async (lab) => {
    lab.host("192.168.77.100/24");
    await startAgent(lab, POOL);
    const console = await udhcpc(lab);
    console.shows("lease of 192.168.77.101 obtained from 192.168.77.1");
  });
});

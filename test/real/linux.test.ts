import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "./support/agent.ts";
import { type Console, runGuest } from "./support/guest.ts";
import { md5Text } from "./support/octets.ts";
import { NFSROOT_X86_64 } from "./support/products.ts";
import { linuxPc } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "52:54:00:aa:00:02";
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless:
    linux: { root: ${NFSROOT_X86_64}, rootPath: /srv/nfs }
machines:
  linux1: { mac: "${MAC}", ip: 192.168.77.22, profile: diskless }
`;

/** The same root for whoever asks, at an address of the pool. */
const POOL = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, pool: 192.168.77.100-192.168.77.109 }
profiles:
  diskless:
    linux: { root: ${NFSROOT_X86_64}, rootPath: /srv/nfs }
unknown: { everybody: { profile: diskless } }
`;

/** What the root's own init printed: the digest it read, the names it listed, how it is mounted. */
function expectRootWorked(console: Console, transport: "udp" | "tcp"): void {
  const digest = md5Text(readFileSync(join(NFSROOT_X86_64, "boot/blob.bin")));
  console.shows(`LAB-MD5 ${digest}`);
  console.shows("LAB-MANY 200");
  console.shows(
    new RegExp(`^192\\.168\\.77\\.1:/srv/nfs / nfs ro,.*\\bvers=2,.*,proto=${transport}`, "m"),
  );
  console.shows("hello from the lab");
  console.shows("LAB-DONE");
}

describe("Linux kernel", () => {
  realTest("Linux, RARP and an NFSv2 root over UDP", async (lab) => {
    await startAgent(lab, SITE);
    const cmdline =
      "ip=:::255.255.255.0::eth0:rarp root=/dev/nfs nfsroot=192.168.77.1:/srv/nfs,v2,udp,nolock ro";
    const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
    console.shows("Got RARP answer from 192.168.77.1, my address is 192.168.77.22");
    expectRootWorked(console, "udp");
  });

  realTest("Linux, BOOTP with the root path of option 17, NFSv2 over UDP", async (lab) => {
    await startAgent(lab, SITE);
    const cmdline = "ip=bootp root=/dev/nfs nfsroot=,v2,udp,nolock,rsize=8192 ro";
    const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
    console.shows("Got BOOTP answer from 192.168.77.1, my address is 192.168.77.22");
    expectRootWorked(console, "udp");
  });

  realTest("Linux, DHCP and an NFSv2 root over TCP", async (lab) => {
    await startAgent(lab, SITE);
    const cmdline = "ip=dhcp root=/dev/nfs nfsroot=,v2,tcp,nolock ro";
    const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
    console.shows("Got DHCP answer from 192.168.77.1, my address is 192.168.77.22");
    expectRootWorked(console, "tcp");
  });

  realTest("Linux, RARP and DHCP at once (ip=any), by an address of the pool", async (lab) => {
    const agent = await startAgent(lab, POOL);
    const cmdline = "ip=any root=/dev/nfs nfsroot=192.168.77.1:/srv/nfs,v2,udp,nolock ro";
    const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
    console.shows(/Got \w+ answer from 192\.168\.77\.1, my address is 192\.168\.77\.100/);
    expectRootWorked(console, "udp");
    // Both were answered, with one address.
    for (const answer of [/dhcp .*OFFER 192\.168\.77\.100/, /rarp .*you are 192\.168\.77\.100/]) {
      expect(await agent.until(answer, 1_000), `${answer} in\n${agent.tail(60)}`).toBe("match");
    }
  });
});

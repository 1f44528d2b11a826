import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { NFSROOT_SUN4U } from "./support/products.ts";
import { sun4u } from "./support/qemu.ts";
import { realTest } from "./support/real-test.ts";

const MAC = "08:00:20:aa:00:0d";
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  sun:
    linux: { root: ${NFSROOT_SUN4U}, rootPath: /srv/nfs }
machines:
  sun1: { mac: "${MAC}", ip: 192.168.77.31, profile: sun }
`;

describe("emulated Sun", () => {
  realTest("sun4u with HME, RARP and an NFSv2 root over UDP", async (lab) => {
    await startAgent(lab, SITE);
    const cmdline =
      "ip=:::255.255.255.0::eth0:rarp root=/dev/nfs nfsroot=192.168.77.1:/srv/nfs,v2,udp,nolock ro";
    const console = await runGuest(lab, { command: sun4u(MAC, cmdline) });
    console.shows("HAPPY MEAL");
    console.shows("Got RARP answer from 192.168.77.1, my address is 192.168.77.31");
    console.shows(/LAB-NFSROOT 6\.1\.\d+ sparc64/);
    const file = readFileSync(join(NFSROOT_SUN4U, "boot/blob.bin"));
    const sum = file.reduce((total, octet) => total + octet, 0);
    console.shows(`LAB-SUM ${file.length} ${sum}`);
    console.shows("LAB-DONE");
  });
});

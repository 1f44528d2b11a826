import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { worsenCable } from "../support/bad-cable.ts";
import { runGuest } from "../support/guest.ts";
import { makeNfsRoot } from "../support/nfs-root.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { linuxPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:02";
const BLOB = seededOctets(77, 150_003);

const INIT = `
echo "LAB-MD5 $(md5sum </blob.bin)"
echo "LAB-MANY $(ls /etc/many | wc -l)"
grep ' / nfs' /proc/mounts
file-work write /
echo 3 >/proc/sys/vm/drop_caches
file-work check /
echo LAB-DONE
poweroff -f
`;

describe("a bad cable", () => {
  for (const transport of ["udp", "tcp"] as const) {
    realTest(`Linux, an NFSv2 root over ${transport}, with loss and reordering`, async (lab) => {
      const root = makeNfsRoot(lab, INIT, { "blob.bin": BLOB });
      const site = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless: { linux: { root: ${root}, rootPath: /srv/nfs, overlay: 64MiB } }
machines:
  linux1: { mac: "${MAC}", ip: 192.168.77.22, profile: diskless }
`;
      await startAgent(lab, site);
      await worsenCable(lab, { loss: 0.02, delayMs: 1, jitterMs: 1 });
      // Of its own accord it would wait for 1.1 s before it asks again.
      const retrans = transport === "udp" ? ",timeo=1" : "";
      const cmdline = `ip=dhcp root=/dev/nfs nfsroot=,v2,${transport},nolock${retrans} rw`;
      const console = await runGuest(lab, { command: linuxPc(MAC, cmdline), timeoutMs: 150_000 });
      console.shows(`LAB-MD5 ${md5Text(BLOB)}`);
      console.shows("LAB-MANY 200");
      console.shows(new RegExp(`^\\S+ / nfs rw,.*proto=${transport}`, "m"));
      // A change whose answer is lost comes again, and is not done twice.
      console.lacks("LAB-BAD");
      console.shows("LAB-OK nothing left behind");
      console.shows("LAB-DONE");
    });
  }
});

import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import { makeNfsRoot } from "../support/nfs-root.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { linuxPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:02";

/** Lengths around what one READ brings, and a file of many of them. */
const LENGTHS = [0, 1, 1_023, 1_024, 1_025, 4_095, 4_096, 4_097, 8_191, 8_192, 8_193, 700_001];

const FILES: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  LENGTHS.map((length) => [`sized/${length}`, seededOctets(length + 1, length)]),
);

const INIT = `
for file in /sized/*; do echo "LAB-MD5 $file $(md5sum <$file)"; done
echo "LAB-MANY $(ls /etc/many | wc -l)"
echo "LAB-VMUNIX $(wc -c </vmunix)"
echo new >/sized/new || echo LAB-READ-ONLY
grep ' / nfs' /proc/mounts
echo LAB-DONE
poweroff -f
`;

const VARIANTS = [
  { transport: "udp", size: 1_024 },
  { transport: "udp", size: 4_096 },
  { transport: "udp", size: 8_192 },
  { transport: "tcp", size: 1_024 },
  { transport: "tcp", size: 8_192 },
] as const;

describe("an NFSv2 root that is only read", () => {
  for (const { transport, size } of VARIANTS) {
    realTest(`Linux, an NFSv2 root over ${transport} with rsize ${size}`, async (lab) => {
      const root = makeNfsRoot(lab, INIT, FILES);
      await startAgent(
        lab,
        `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless: { linux: { root: ${root}, rootPath: /srv/nfs } }
machines:
  linux1: { mac: "${MAC}", ip: 192.168.77.22, profile: diskless }
`,
      );
      const options = `v2,${transport},nolock,rsize=${size}`;
      const cmdline = `ip=dhcp root=/dev/nfs nfsroot=,${options} ro`;
      const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
      console.shows(new RegExp(`^\\S+ / nfs ro,.*rsize=${size},.*proto=${transport}`, "m"));
      for (const [name, octets] of Object.entries(FILES)) {
        console.shows(`LAB-MD5 /${name} ${md5Text(octets)}`);
      }
      console.shows("LAB-MANY 200");
      console.shows("LAB-VMUNIX 1000000");
      console.shows("LAB-READ-ONLY");
      console.shows("LAB-DONE");
    });
  }
});

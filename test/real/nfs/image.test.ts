import { execFileSync } from "node:child_process";
import { chownSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import type { Lab } from "../support/lab.ts";
import { makeNfsRoot } from "../support/nfs-root.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { linuxPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:02";
const BLOB = seededOctets(40, 300_001);

const INIT = `
echo "LAB-MD5 $(md5sum </owned/blob.bin)"
echo "LAB-OWNER $(stat -c '%u:%g %a' /owned/blob.bin)"
echo "LAB-LINK $(readlink /owned/link) $(wc -c </owned/link)"
echo "LAB-MANY $(ls /etc/many | wc -l)"
echo new >/owned/new || echo LAB-READ-ONLY
grep ' / nfs' /proc/mounts
echo LAB-DONE
poweroff -f
`;

/** Below a layer of its own: changed, and looked at after a second start. */
const TWO_STARTS = `
if [ -e /etc/second-start ]; then
  file-work check /
  echo "LAB-MD5 $(md5sum </owned/blob.bin)"
  echo LAB-DONE
  poweroff -f
fi
file-work write /
touch /etc/second-start
reboot -f
`;

/** Archives as their own tools make them. */
const ARCHIVES = {
  tar: 'tar -C "$0" -cf "$1" .',
  cpio: 'cd "$0" && find . | cpio --create --format=newc --quiet >"$1"',
};

describe("an NFSv2 root inside an image", () => {
  for (const [format, pack] of Object.entries(ARCHIVES)) {
    realTest(`Linux, an NFSv2 root in a ${format}`, async (lab) => {
      await startAgent(lab, site(packRoot(lab, format, pack, INIT)));
      const cmdline = "ip=dhcp root=/dev/nfs nfsroot=,v2,udp,nolock ro";
      const console = await runGuest(lab, { command: linuxPc(MAC, cmdline) });
      console.shows(`LAB-MD5 ${md5Text(BLOB)}`);
      console.shows("LAB-OWNER 1000:100 644");
      console.shows(`LAB-LINK blob.bin ${BLOB.length}`);
      console.shows("LAB-MANY 200");
      console.shows("LAB-READ-ONLY");
      console.shows("LAB-DONE");
    });
  }

  realTest("Linux, an NFSv2 root in a tar with an overlay above it", async (lab) => {
    const archive = packRoot(lab, "tar", ARCHIVES.tar, TWO_STARTS);
    await startAgent(lab, site(archive, ", overlay: 64MiB"));
    const cmdline = "ip=dhcp root=/dev/nfs nfsroot=,v2,udp,nolock rw";
    const console = await runGuest(lab, { command: linuxPc(MAC, cmdline, { reboots: true }) });
    console.lacks("LAB-BAD");
    console.shows("LAB-OK empty a directory while it is read");
    console.shows("LAB-OK nothing left behind");
    console.shows(`LAB-MD5 ${md5Text(BLOB)}`);
    console.shows("LAB-DONE");
  });
});

function site(archive: string, more = ""): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  system: { file: ${archive} }
profiles:
  diskless: { linux: { rootImage: system, rootPath: /srv/nfs${more} } }
machines:
  linux1: { mac: "${MAC}", ip: 192.168.77.22, profile: diskless }
`;
}

function packRoot(lab: Lab, format: string, pack: string, init: string): string {
  const root = makeNfsRoot(lab, init, { "owned/blob.bin": BLOB });
  chownSync(path.join(root, "owned/blob.bin"), 1000, 100);
  symlinkSync("blob.bin", path.join(root, "owned/link"));
  const archive = path.join(lab.scratch, `root.${format}`);
  execFileSync("sh", ["-c", pack, root, archive]);
  // Nothing may come from there.
  rmSync(root, { recursive: true });
  return archive;
}

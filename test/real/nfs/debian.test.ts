import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import { initramfsWith } from "../support/initramfs.ts";
import { makeNfsRoot } from "../support/nfs-root.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { DEBIAN_INITRAMFS, DEBIAN_KERNEL } from "../support/products.ts";
import { linuxPc } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const MAC = "52:54:00:aa:00:04";
const BLOB = seededOctets(12, 900_001);

/** The kernel of Debian 12 knows version 2 by TCP only (NFS_DISABLE_UDP_SUPPORT), and has no `ip=`. */
const INIT = `#!/bin/busybox sh
. /load-modules
exec >/dev/console 2>&1 </dev/console
ip link set eth0 up
ip address add 192.168.77.24/24 broadcast + dev eth0
echo "LAB-KERNEL $(uname -v)"
mount -i -t nfs -o nolock,addr=192.168.77.1,vers=2,proto=udp 192.168.77.1:/srv/nfs /mnt || echo LAB-NO-UDP
mount -i -t nfs -o nolock,addr=192.168.77.1,vers=2,proto=tcp 192.168.77.1:/srv/nfs /mnt
grep ' /mnt nfs' /proc/mounts
echo "LAB-MD5 $(md5sum </mnt/blob.bin)"
echo "LAB-MANY $(ls /mnt/etc/many | wc -l)"
echo "LAB-LINK $(wc -c </mnt/boot/current) $(readlink /mnt/vmunix)"
umount /mnt && echo LAB-UNMOUNTED
echo LAB-DONE
poweroff -f
`;

describe("Debian 12", () => {
  realTest("Debian's kernel, mount of NFSv2 over TCP", async (lab) => {
    const root = makeNfsRoot(lab, "", { "blob.bin": BLOB });
    const site = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless: { linux: { root: ${root}, rootPath: /srv/nfs } }
machines:
  debian: { mac: "${MAC}", ip: 192.168.77.24, profile: diskless }
`;
    await startAgent(lab, site);
    const initrd = lab.file("initrd.gz", initramfsWith(DEBIAN_INITRAMFS, INIT));
    const command = linuxPc(MAC, "quiet", { kernel: DEBIAN_KERNEL, initrd });
    const console = await runGuest(lab, { command });
    console.shows(/LAB-KERNEL .*Debian/);
    console.shows("LAB-NO-UDP");
    console.shows(/^192\.168\.77\.1:\/srv\/nfs \/mnt nfs .*\bvers=2,.*proto=tcp/m);
    console.shows(`LAB-MD5 ${md5Text(BLOB)}`);
    console.shows("LAB-MANY 200");
    console.shows("LAB-LINK 1000000 boot/current");
    console.shows("LAB-UNMOUNTED");
    console.shows("LAB-DONE");
  });
});

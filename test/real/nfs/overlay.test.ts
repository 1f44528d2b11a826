import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect } from "vitest";
import { launchAgent, startAgent, stopAgent } from "../support/agent.ts";
import type { Child } from "../support/child.ts";
import { runGuest } from "../support/guest.ts";
import { initramfsWith } from "../support/initramfs.ts";
import type { Lab } from "../support/lab.ts";
import { fillForExercise } from "../support/nfs-exerciser.ts";
import { makeNfsRoot } from "../support/nfs-root.ts";
import { crc32Text, md5Text } from "../support/octets.ts";
import { overlayCommand, treeDigest } from "../support/overlay.ts";
import { DEBIAN_INITRAMFS, DEBIAN_KERNEL, UBOOT_DEBIAN } from "../support/products.ts";
import { linuxPc, uBootArm64 } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

/** How long a guest exercises its root, and with which numbers. */
const { FSX_GUEST_SECONDS = "12", FSX_SEED = "20261121" } = process.env;

const MACS = ["52:54:00:aa:00:02", "52:54:00:aa:00:03"] as const;
const [MAC] = MACS;

function site(root: string): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless: { linux: { root: ${root}, rootPath: /srv/nfs, overlay: 64MiB } }
machines:
  linux1: { mac: "${MACS[0]}", ip: 192.168.77.22, profile: diskless }
  linux2: { mac: "${MACS[1]}", ip: 192.168.77.23, profile: diskless }
`;
}

function nfsRoot(transport: "udp" | "tcp", size = 4_096): string {
  const options = `v2,${transport},nolock,rsize=${size},wsize=${size}`;
  return `ip=dhcp root=/dev/nfs nfsroot=,${options} rw`;
}

/** The first start changes everything and starts again; the second one looks. */
const TWO_STARTS = `
if [ -e /etc/second-start ]; then
  echo LAB-SECOND-START
  file-work check /
  echo LAB-DONE
  poweroff -f
fi
echo LAB-FIRST-START
file-work write /
echo yes >/etc/second-start
cp /bin/busybox /boot/installed && cmp /bin/busybox /boot/installed && echo LAB-INSTALLED
reboot -f
`;

async function changeInTwoStarts(lab: Lab, root: string, cmdline: string): Promise<void> {
  const before = treeDigest(root);
  await startAgent(lab, site(root));
  const console = await runGuest(lab, { command: linuxPc(MAC, cmdline, { reboots: true }) });
  console.shows("LAB-FIRST-START");
  console.shows("LAB-INSTALLED");
  console.shows("LAB-SECOND-START");
  console.lacks("LAB-BAD");
  console.shows("LAB-OK rename a directory of the root");
  console.shows("LAB-OK sparse file");
  console.shows("LAB-DONE");
  expect(treeDigest(root), "what all machines share").toBe(before);
  const diff = overlayCommand(lab, "diff", "linux1");
  for (const name of ["new.txt", "doomed.txt", "moved-to.txt", "swap"]) {
    expect(diff).toContain(`work/${name}`);
  }
  expect(diff).not.toContain("boot/blob.bin");
}

/** Writes and reads without an end in sight, over the restarts of the agent, with a file that stays open. */
const LONG_WORK = `
exec 5>/work/kept-open
n=0
while [ $n -lt 60 ]; do
  n=$((n + 1))
  echo "line $n" >&5
  echo "$n" >/work/step-$n && mv /work/step-$n /work/done-$n && ln /work/done-$n /work/also-$n
  rm /work/also-$n
  mkdir /work/dir-$n && rmdir /work/dir-$n
  sync
  echo "LAB-STEP $n"
  usleep 50000
done
exec 5>&-
echo 3 >/proc/sys/vm/drop_caches
echo "LAB-LINES $(grep -c '^line' /work/kept-open) $(tail -n 1 /work/kept-open)"
echo "LAB-FILES $(cat /work/done-* | sort -n | md5sum)"
ls /work | grep -E 'step|also|dir-[0-9]' && echo LAB-LEFT-BEHIND
echo LAB-DONE
poweroff -f
`;

describe("an NFSv2 root with an overlay", () => {
  realTest(
    "Linux changes its root over UDP, and finds that again, and so does U-Boot",
    async (lab) => {
      const root = makeNfsRoot(lab, TWO_STARTS);
      await changeInTwoStarts(lab, root, nfsRoot("udp", 8_192));
      const bootcmd = [
        "setenv autoload no; dhcp",
        "nfs 0x41000000 192.168.77.1:/srv/nfs/boot/installed; crc32 0x41000000 $filesize",
        "nfs 0x43000000 192.168.77.1:/srv/nfs/work/soft.txt; md.b 0x43000000 6",
      ];
      const command = uBootArm64(lab, UBOOT_DEBIAN, MAC, bootcmd.join("; "));
      const console = await runGuest(lab, { command, name: "uboot" });
      console.shows(`==> ${crc32Text(readFileSync(`${root}/bin/busybox`))}`);
      console.shows("target");
    },
  );

  realTest("Linux changes its root over TCP, and finds that again", async (lab) => {
    await changeInTwoStarts(lab, makeNfsRoot(lab, TWO_STARTS), nfsRoot("tcp"));
  });

  realTest("the agent is started again and killed below a running guest", async (lab) => {
    const root = makeNfsRoot(lab, LONG_WORK);
    let agent = await launchAgent(lab, site(root));
    const guest = lab.startIn(lab.client, linuxPc(MAC, nfsRoot("udp")), "console-guest.log");
    await reach(guest, 10);
    await stopAgent(agent);
    agent = await launchAgent(lab, site(root), "agent-2.log");
    await reach(guest, 30);
    await agent.stop("SIGKILL");
    agent = await launchAgent(lab, site(root), "agent-3.log");
    if ((await guest.until(/LAB-DONE/, 90_000)) !== "match") {
      throw new Error(`the guest did not get done:\n${guest.tail()}`);
    }
    await guest.exited;
    const steps = Array.from({ length: 60 }, (_, n) => `${n + 1}\n`).join("");
    expect(guest.text).toContain("LAB-LINES 60 line 60");
    expect(guest.text).toContain(`LAB-FILES ${md5Text(Buffer.from(steps))}`);
    expect(guest.text).not.toContain("LAB-LEFT-BEHIND");
    expect(guest.text).not.toMatch(/Stale|error/i);
    await stopAgent(agent);
  });

  realTest("two guests on one root, at the same time", async (lab) => {
    const init = `
me=$(sed -n 's/.*lab-me=\\([a-z0-9]*\\).*/\\1/p' /proc/cmdline)
if [ -e /etc/second-start ]; then
  cat /etc/name /etc/motd
  echo "LAB-$me-HAS $(ls /work | sort | tr '\\n' ' ')"
  echo LAB-DONE
  poweroff -f
fi
echo "I am $me" >/etc/name
echo "changed by $me" >>/etc/motd
rm -r /work/*
n=0
while [ $n -lt 100 ]; do n=$((n + 1)); echo "$me $n" >/work/same-name; echo "$me" >/work/$me-$n; done
echo "LAB-READ $(cat /work/same-name)"
rm /work/$me-[2-9]* /work/$me-1?*
touch /etc/second-start
reboot -f
`;
    const root = makeNfsRoot(lab, init);
    const before = treeDigest(root);
    await startAgent(lab, site(root));
    const consoles = await Promise.all(
      MACS.map((mac, port) => {
        const cmdline = `${nfsRoot(port === 0 ? "udp" : "tcp")} lab-me=guest${port}`;
        const command = linuxPc(mac, cmdline, { port, reboots: true });
        return runGuest(lab, { name: `guest${port}`, command, timeoutMs: 90_000 });
      }),
    );
    for (const [port, console] of consoles.entries()) {
      const me = `guest${port}`;
      console.shows(`I am ${me}`);
      console.shows(`hello from the lab\nchanged by ${me}\n`);
      console.shows(`LAB-READ ${me} 100`);
      console.shows(`LAB-${me}-HAS ${me}-1 same-name `);
      console.lacks(`guest${1 - port}`);
      console.shows("LAB-DONE");
    }
    expect(treeDigest(root), "what both of them share").toBe(before);
  });

  realTest("Debian's kernel changes an overlay over TCP", async (lab) => {
    const init = `#!/bin/busybox sh
. /load-modules
exec >/dev/console 2>&1 </dev/console
ip link set eth0 up
ip address add 192.168.77.22/24 broadcast + dev eth0
mount -i -t nfs -o nolock,addr=192.168.77.1,vers=2,proto=tcp 192.168.77.1:/srv/nfs /mnt
chroot /mnt /bin/file-work write /
umount /mnt
mount -i -t nfs -o nolock,addr=192.168.77.1,vers=2,proto=tcp 192.168.77.1:/srv/nfs /mnt
chroot /mnt /bin/file-work check /
echo LAB-DONE
poweroff -f
`;
    const root = makeNfsRoot(lab, "");
    await startAgent(lab, site(root));
    const initrd = lab.file("initrd.gz", initramfsWith(DEBIAN_INITRAMFS, init));
    const command = linuxPc(MAC, "quiet", { kernel: DEBIAN_KERNEL, initrd });
    const console = await runGuest(lab, { command });
    console.lacks("LAB-BAD");
    console.shows("LAB-OK empty a directory while it is read");
    console.shows("LAB-OK nothing left behind");
    console.shows("LAB-DONE");
  });

  realTest("a guest exercises its root at random and compares with memory", async (lab) => {
    const seconds = Number(FSX_GUEST_SECONDS);
    const root = makeNfsRoot(
      lab,
      `
cp -a /work/tried /tmp/reference
exerciser /work/tried /tmp/reference ${seconds} ${FSX_SEED}
echo LAB-DONE
poweroff -f
`,
    );
    fillForExercise(path.join(root, "work/tried"));
    await startAgent(lab, site(root));
    const command = linuxPc(MAC, nfsRoot("udp", 8_192));
    const console = await runGuest(lab, { command, timeoutMs: (seconds + 60) * 1_000 });
    console.shows(/LAB-SAME \d+ \d+/);
    console.shows("LAB-DONE");
  });
});

async function reach(guest: Child, step: number): Promise<void> {
  if ((await guest.until(new RegExp(`LAB-STEP ${step}$`, "m"), 60_000)) === "match") return;
  throw new Error(`the guest did not come to step ${step}:\n${guest.tail()}`);
}

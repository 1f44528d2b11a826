import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import { CLIENT_MAC, type Lab, type WireFaults } from "../support/lab.ts";
import { crc32Text, md5Text, seededOctets } from "../support/octets.ts";
import { UBOOT_DEBIAN } from "../support/products.ts";
import { uBootArm64 } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";
import { atftp, busybox, curl, hpa, type TftpClient } from "../support/tftp-clients.ts";

const ADDRESS = "192.168.77.40";
const UBOOT_MAC = "52:54:00:aa:00:01";
const BLOB = seededOctets(0xbad, 200_001);
const FAULTS: WireFaults = { lossPercent: 3, delayMs: 1, jitterMs: 3 };
/** tftp-hpa and busybox wait whole seconds for each packet that was lost. */
const PATIENCE_MS = 180_000;

function site(lab: Lab): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  blob: { file: ${lab.file("blob.bin", BLOB)} }
profiles:
  tftp-files: { files: { blob.bin: blob }, boot: blob.bin }
machines:
  bench1: { mac: "${CLIENT_MAC}", ip: ${ADDRESS}, profile: tftp-files }
  uboot1: { mac: "${UBOOT_MAC}", ip: 192.168.77.21, profile: tftp-files }
`;
}

const CLIENTS: readonly (readonly [string, TftpClient])[] = [
  ["tftp-hpa", hpa],
  ["busybox", busybox("-b", "1468")],
  ["curl, which asks for no timeout then", curl("--tftp-no-options")],
  ["atftp", atftp("blksize 1428")],
  ["atftp with windowsize 16", atftp("blksize 1428", "windowsize 16", "timeout 1")],
  ["atftp with windowsize 64", atftp("blksize 65464", "windowsize 64", "timeout 1")],
];

describe("TFTP over a wire that loses and reorders", () => {
  for (const [name, client] of CLIENTS) {
    realTest(`TFTP on a bad wire, ${name}`, async (lab) => {
      lab.address(`${ADDRESS}/24`);
      await lab.badWire(FAULTS);
      await startAgent(lab, site(lab));
      const local = join(lab.scratch, "got");
      await runGuest(lab, { command: client("blob.bin", local), timeoutMs: PATIENCE_MS });
      expect(md5Text(readFileSync(local))).toBe(md5Text(BLOB));
    });
  }

  realTest("TFTP on a bad wire, U-Boot", async (lab) => {
    // Each loss costs the 5 s that it asks for, and after ten of them it gives up.
    await lab.badWire({ ...FAULTS, lossPercent: 1 });
    await startAgent(lab, site(lab));
    const load = "tftpboot 0x42000000 blob.bin; crc32 0x42000000 $filesize";
    const bootcmd = `setenv autoload no; dhcp; ${load}`;
    const command = uBootArm64(lab, UBOOT_DEBIAN, UBOOT_MAC, bootcmd);
    const console = await runGuest(lab, { command, timeoutMs: PATIENCE_MS });
    console.shows(`==> ${crc32Text(BLOB)}`);
  });
});

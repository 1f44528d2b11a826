import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import { CLIENT_MAC, type Lab, SERVER_ADDRESS } from "../support/lab.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { UBOOT_RARP } from "../support/products.ts";
import { uBootArm64 } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";

const ADDRESS = "192.168.77.40";
const UBOOT_MAC = "52:54:00:aa:00:01";
const DUMP = seededOctets(0xd09, 300_001);

function site(lab: Lab): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  blob: { file: ${lab.file("blob.bin", DUMP)} }
profiles:
  dumps: { uploads: 1MiB, files: { blob.bin: blob }, boot: blob.bin }
machines:
  bench1: { mac: "${CLIENT_MAC}", ip: ${ADDRESS}, profile: dumps }
  uboot1: { mac: "${UBOOT_MAC}", ip: 192.168.77.21, profile: dumps }
`;
}

function atftpPut(local: string, remote: string, ...options: string[]): readonly string[] {
  const asked = options.flatMap((option) => ["--option", option]);
  return ["atftp", ...asked, "--put", "-l", local, "-r", remote, SERVER_ADDRESS];
}

/** Where a machine's files go. */
const folder = (lab: Lab, machine: string): string => join(lab.scratch, "uploads", machine);

describe("TFTP writes by real clients", () => {
  const clients: readonly (readonly [string, (local: string) => readonly string[]])[] = [
    ["atftp", (local) => atftpPut(local, "dump")],
    ["atftp with blksize 65464", (local) => atftpPut(local, "dump", "blksize 65464", "tsize")],
    [
      "atftp with windowsize 16",
      (local) => atftpPut(local, "dump", "windowsize 16", "blksize 1428"),
    ],
    ["tftp-hpa", (local) => ["tftp", "-m", "binary", SERVER_ADDRESS, "-c", "put", local, "dump"]],
    ["curl", (local) => ["curl", "-sS", "-T", local, `tftp://${SERVER_ADDRESS}/dump`]],
  ];
  for (const [name, command] of clients) {
    realTest(`TFTP writes, ${name}`, async (lab) => {
      lab.address(`${ADDRESS}/24`);
      await startAgent(lab, site(lab));
      await runGuest(lab, { command: command(lab.file("local.bin", DUMP)) });
      expect(md5Text(readFileSync(join(folder(lab, "bench1"), "dump")))).toBe(md5Text(DUMP));
      expect(readdirSync(folder(lab, "bench1"))).toEqual(["dump"]);
    });
  }

  realTest("TFTP writes, on a bad wire", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    await lab.badWire({ lossPercent: 3, delayMs: 1, jitterMs: 3 });
    await startAgent(lab, site(lab));
    const local = lab.file("local.bin", DUMP);
    for (const [remote, ...options] of [["one"], ["many", "windowsize 8", "blksize 1428"]]) {
      const command = atftpPut(local, remote ?? "", ...options, "timeout 1");
      await runGuest(lab, { name: remote ?? "", command, timeoutMs: 120_000 });
      expect(md5Text(readFileSync(join(folder(lab, "bench1"), remote ?? "")))).toBe(md5Text(DUMP));
    }
  });

  realTest(
    "TFTP writes, refused: a file that is there, a climb, more than the quota",
    async (lab) => {
      lab.address(`${ADDRESS}/24`);
      await startAgent(lab, site(lab));
      const dump = lab.file("local.bin", DUMP);
      const much = lab.file("much.bin", seededOctets(1, 1_200_000));
      const put = (local: string, remote: string): string =>
        `curl -sS --path-as-is -T ${local} tftp://${SERVER_ADDRESS}/${remote}; echo ${remote} status $?`;
      const script = [put(dump, "x"), put(dump, "x"), put(dump, "../y"), put(much, "z")].join("; ");
      const console = await runGuest(lab, { command: ["sh", "-c", script] });
      console.shows("x status 0");
      console.shows("x status 73"); // curl: remote file exists
      console.shows("../y status 69"); // access violation
      console.shows("z status 70"); // disk full
      expect(readdirSync(folder(lab, "bench1"))).toEqual(["x"]);
      expect(existsSync(join(lab.scratch, "uploads", "y"))).toBe(false);
    },
  );

  realTest("TFTP writes, U-Boot's tftpput", async (lab) => {
    await startAgent(lab, site(lab));
    const bootcmd = [
      "setenv autoload no; dhcp",
      "tftpboot 0x42000000 blob.bin",
      "tftpput 0x42000000 $filesize up.bin",
    ].join("; ");
    const command = uBootArm64(lab, UBOOT_RARP, UBOOT_MAC, bootcmd);
    await runGuest(lab, { command });
    expect(md5Text(readFileSync(join(folder(lab, "uboot1"), "up.bin")))).toBe(md5Text(DUMP));
  });
});

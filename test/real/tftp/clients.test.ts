import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "../support/agent.ts";
import { runGuest } from "../support/guest.ts";
import { CLIENT_MAC, type Lab, run, SERVER_ADDRESS } from "../support/lab.ts";
import { md5Text, seededOctets } from "../support/octets.ts";
import { realTest } from "../support/real-test.ts";
import {
  atftp,
  busybox,
  curl,
  hpa,
  hpaNetascii,
  type TftpClient,
} from "../support/tftp-clients.ts";

const ADDRESS = "192.168.77.40";

/** Ends with a short block. */
const BLOB = seededOctets(0x7f7b, 3_000_001);

/** A whole number of blocks of 512: the transfer ends with an empty block. */
const EVEN = seededOctets(0xe7e4, 512 * 1024);

function site(lab: Lab): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
assets:
  blob: { file: ${lab.file("blob.bin", BLOB)} }
  even: { file: ${lab.file("even.bin", EVEN)} }
profiles:
  tftp-files:
    files: { blob.bin: blob, even.bin: even }
    boot: blob.bin
machines:
  bench1: { mac: "${CLIENT_MAC}", ip: ${ADDRESS}, profile: tftp-files }
`;
}

const CLIENTS: readonly (readonly [string, TftpClient])[] = [
  ["tftp-hpa without options", hpa],
  ["busybox with tsize", busybox()],
  ["busybox with blksize 1468", busybox("-b", "1468")],
  ["curl with its own options", curl()],
  ["curl with blksize 1428", curl("--tftp-blksize", "1428")],
  ["curl without options", curl("--tftp-no-options")],
  ["atftp without options", atftp()],
  ["atftp with blksize 1428 and windowsize 8", atftp("blksize 1428", "windowsize 8")],
  ["atftp with windowsize 16", atftp("blksize 1428", "windowsize 16")],
  ["atftp with windowsize 64 and blksize 65464", atftp("blksize 65464", "windowsize 64")],
  ["atftp with blksize 65464", atftp("blksize 65464")],
  ["atftp with tsize and timeout", atftp("tsize", "timeout 2")],
  ["atftp that would like multicast", atftp("multicast")],
];

/** How many fragments the agent's host made (/proc/net/snmp: a line of names, a line of numbers). */
function fragments(lab: Lab): number {
  const snmp = run(`ip netns exec ${lab.server} cat /proc/net/snmp`);
  const [names = [], numbers = []] = snmp
    .split("\n")
    .filter((line) => line.startsWith("Ip: "))
    .map((line) => line.split(" "));
  return Number(numbers[names.indexOf("FragCreates")]);
}

describe("TFTP clients", () => {
  for (const [name, client] of CLIENTS) {
    realTest(`TFTP, ${name}`, async (lab) => {
      lab.address(`${ADDRESS}/24`);
      await startAgent(lab, site(lab));
      for (const [remote, octets] of [
        ["blob.bin", BLOB],
        ["even.bin", EVEN],
      ] as const) {
        const local = join(lab.scratch, `got-${remote}`);
        await runGuest(lab, { name: remote, command: client(remote, local) });
        expect(md5Text(readFileSync(local))).toBe(md5Text(octets));
      }
    });
  }

  realTest("TFTP, more than 65535 blocks of 512", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    const long = seededOctets(0x10_0001, 65_600 * 512 + 17);
    await startAgent(lab, site(lab).replace(/\S*even\.bin }/, `${lab.file("long.bin", long)} }`));
    const local = join(lab.scratch, "got-long");
    await runGuest(lab, { name: "long", command: hpa("even.bin", local) });
    expect(md5Text(readFileSync(local))).toBe(md5Text(long));
  });

  realTest("TFTP, jumbo frames carry larger blocks, none in fragments", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    for (const [netns, device] of [
      [lab.server, "srv0"],
      [lab.client, "up0"],
      [lab.client, "br0"],
    ]) {
      run(`ip -n ${netns} link set ${device} mtu 9000`);
    }
    await startAgent(lab, site(lab));
    const local = join(lab.scratch, "got-jumbo");
    const command = [...atftp("blksize 65464", "windowsize 4")("blob.bin", local), "--trace"];
    const console = await runGuest(lab, { command });
    console.shows("blksize: 8968");
    expect(md5Text(readFileSync(local))).toBe(md5Text(BLOB));
    expect(fragments(lab)).toBe(0);
  });

  realTest("TFTP, netascii to a client that turns it back", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    const text = Buffer.from("one\r\ntwo\nthree\r".repeat(20_000), "latin1");
    await startAgent(lab, site(lab).replace(/\S*even\.bin }/, `${lab.file("text", text)} }`));
    const local = join(lab.scratch, "got-text");
    await runGuest(lab, { command: hpaNetascii("even.bin", local) });
    expect(md5Text(readFileSync(local))).toBe(md5Text(text));
  });

  realTest("TFTP, one port for all", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    await startAgent(lab, site(lab).replace("dhcp: authoritative", "tftp: { singlePort: true }"));
    for (const [i, client] of [hpa, curl(), atftp("windowsize 8", "blksize 1024")].entries()) {
      const local = join(lab.scratch, `got-${i}`);
      await runGuest(lab, { name: `one-port-${i}`, command: client("blob.bin", local) });
      expect(md5Text(readFileSync(local))).toBe(md5Text(BLOB));
    }
  });

  realTest("TFTP, an address that the site does not name", async (lab) => {
    lab.address("192.168.77.41/24");
    await startAgent(lab, site(lab));
    const fetch = `curl -sS --max-time 3 -o got tftp://${SERVER_ADDRESS}/blob.bin; echo status $?`;
    const console = await runGuest(lab, { command: ["sh", "-c", `cd ${lab.scratch}; ${fetch}`] });
    console.shows("status 28"); // timed out: any answer, even an error, would give another
  });
});

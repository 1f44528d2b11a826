import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startAgent } from "./support/agent.ts";
import { runGuest } from "./support/guest.ts";
import { CLIENT_MAC, type Lab, SERVER_ADDRESS } from "./support/lab.ts";
import { md5Text, seededOctets } from "./support/octets.ts";
import { BUSYBOX } from "./support/products.ts";
import { realTest } from "./support/real-test.ts";

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

type Client = (remote: string, local: string) => readonly string[];

const hpa: Client = (remote, local) => {
  return ["tftp", "-m", "binary", SERVER_ADDRESS, "-c", "get", remote, local];
};
const busybox = (...options: string[]): Client => {
  return (remote, local) => [
    ...[BUSYBOX, "tftp", "-g", "-r", remote, "-l", local],
    ...[...options, SERVER_ADDRESS],
  ];
};
const curl = (...options: string[]): Client => {
  return (remote, local) => [
    ...["curl", "-sS", "--max-time", "60", ...options],
    ...["-o", local, `tftp://${SERVER_ADDRESS}/${remote}`],
  ];
};
const atftp = (...options: string[]): Client => {
  return (remote, local) => [
    "atftp",
    ...options.flatMap((option) => ["--option", option]),
    ...["--get", "-r", remote, "-l", local, SERVER_ADDRESS],
  ];
};

const CLIENTS: readonly (readonly [string, Client])[] = [
  ["tftp-hpa without options", hpa],
  ["busybox with tsize", busybox()],
  ["busybox with blksize 1468", busybox("-b", "1468")],
  ["curl with its own options", curl()],
  ["curl with blksize 1428", curl("--tftp-blksize", "1428")],
  ["curl without options", curl("--tftp-no-options")],
  ["atftp without options", atftp()],
  ["atftp with blksize 1428 and windowsize 8", atftp("blksize 1428", "windowsize 8")],
  ["atftp with blksize 65464", atftp("blksize 65464")],
  ["atftp with tsize and timeout", atftp("tsize", "timeout 2")],
  ["atftp that would like multicast", atftp("multicast")],
];

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

  realTest("TFTP, an address that the site does not name", async (lab) => {
    lab.address("192.168.77.41/24");
    await startAgent(lab, site(lab));
    const fetch = `curl -sS --max-time 3 -o got tftp://${SERVER_ADDRESS}/blob.bin; echo status $?`;
    const console = await runGuest(lab, { command: ["sh", "-c", `cd ${lab.scratch}; ${fetch}`] });
    console.shows("status 28"); // timed out: any answer, even an error, would give another
  });
});

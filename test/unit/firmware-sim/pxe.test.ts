import { describe, expect, it } from "vitest";
import type { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import { digest, digestOf } from "./boot-run.ts";
import {
  BASE,
  BOOTED,
  boot,
  CLIENT,
  FILES,
  INITRD,
  IPXE_ANSWER,
  KERNEL,
  LOADER,
  noProxy,
  PROXY,
  pxeControl,
  ROM_ANSWER,
  SERVER,
  serveFiles,
} from "./scripted-pc.ts";
import { Discover, type PxeAnswer, type PxeServerScript } from "./scripted-pxe-server.ts";

describe("a PXE BIOS that loads iPXE", () => {
  it("boots, and every octet passes the sink", () => {
    const { verdict, files, server, events } = boot();
    expect(verdict).toBe(BOOTED);
    expect(server.asked).toEqual([
      "rom 1",
      "rom 3",
      "tftp undionly.kpxe tsize=0 blksize=",
      "tftp undionly.kpxe tsize= blksize=1456",
      "ipxe 1",
      "ipxe 3",
      "GET /boot/boot.ipxe",
      "GET /boot/vmlinuz",
      "GET /boot/initrd.gz",
    ]);
    expect(server.connections).toBe(1);
    expect(digestOf(files, "undionly.kpxe")).toBe(digest(LOADER));
    expect(digestOf(files, `${BASE}/vmlinuz`)).toBe(digest(KERNEL));
    expect(digestOf(files, `${BASE}/initrd.gz`)).toBe(digest(INITRD));
    expect(events).toContainEqual({
      kind: "step",
      stage: "ipxe",
      text: "booting 52:54:00:aa:00:02",
    });
    expect(events).toContainEqual({
      kind: "step",
      stage: "boot",
      text:
        "kernel vmlinuz, initrd initrd.gz, command line: console=ttyS0 quoted arg " +
        "uuid=00000000-0000-0000-0000-525400aa0002",
    });
  });

  it.each([1, 2, 3])("boots through loss and duplication, seed %i", (seed) => {
    const { verdict, files } = boot({}, { loss: 0.03, duplication: 0.03, seed });
    expect(verdict).toBe(BOOTED);
    expect(digestOf(files, `${BASE}/vmlinuz`)).toBe(digest(KERNEL));
  });

  it("reads in blocks of 512 from a server without TFTP options", () => {
    const { verdict, server } = boot({ tftpOptions: false });
    expect(verdict).toBe(BOOTED);
    expect(server.asked).toContain("tftp undionly.kpxe tsize= blksize=");
  });

  it("opens a new connection when the server closes each", () => {
    const respond = serveFiles(FILES);
    const { verdict, server } = boot({
      http: (path) => {
        const text = Buffer.from(respond(path)).toString("latin1");
        return Buffer.from(text.replace("\r\n", "\r\nConnection: close\r\n"), "latin1");
      },
    });
    expect(verdict).toBe(BOOTED);
    expect(server.connections).toBe(3);
  });
});

describe("the PXE ROM's DHCP", () => {
  const romGets = (answer: PxeAnswer | undefined, script: Partial<PxeServerScript> = {}) =>
    boot({ answer: (asker) => (asker === "rom" ? answer : IPXE_ANSWER), ...script });

  it("takes a plain offer with a boot file, after the time for ProxyDHCP", () => {
    const { verdict, server } = romGets({ file: "undionly.kpxe", siaddr: SERVER });
    expect(verdict).toBe(BOOTED);
    expect(server.askedMs[1]).toBeGreaterThanOrEqual(2_000);
  });

  it("takes the server from option 66, then from 54", () => {
    const named = (w: DhcpWriter) => w.text(DhcpOption.TftpServerName, "192.168.77.1");
    expect(romGets({ file: "undionly.kpxe", options: named }).verdict).toBe(BOOTED);
    expect(romGets({ file: "undionly.kpxe" }).verdict).toBe(BOOTED);
  });

  it("takes the boot file from option 67 when the field is empty", () => {
    const named = (w: DhcpWriter) => w.text(DhcpOption.BootfileName, "undionly.kpxe");
    expect(romGets({ siaddr: SERVER, options: named }).verdict).toBe(BOOTED);
  });

  it("asks on port 4011 when a PXE offer has no option 43", () => {
    const binl = (w: DhcpWriter) => w.text(DhcpOption.VendorClassIdentifier, "PXEClient");
    const { verdict, server } = romGets({ file: "undionly.kpxe", siaddr: SERVER, options: binl });
    expect(verdict).toBe(BOOTED);
    expect(server.asked[2]).toBe("rom 3 4011");
  });

  it("says so when nobody answers on port 4011", () => {
    const binl = (w: DhcpWriter) => w.text(DhcpOption.VendorClassIdentifier, "PXEClient");
    const { verdict } = boot({
      answer: (_, __, port) =>
        port === 67 ? { file: "undionly.kpxe", siaddr: SERVER, options: binl } : undefined,
    });
    expect(verdict).toBe("failed dhcp: no boot file from 192.168.77.1:4011");
  });

  it("takes address and boot file from two servers", () => {
    const { verdict, proxy } = boot(
      { answer: (asker) => (asker === "rom" ? {} : IPXE_ANSWER), tftp: {} },
      {},
      {},
      {
        clientAddress: CLIENT,
        answer: (asker, type) =>
          asker === "rom" && type === Discover
            ? { yiaddr: 0, file: "undionly.kpxe", siaddr: PROXY, options: pxeControl }
            : undefined,
        tftp: { "undionly.kpxe": LOADER },
      },
    );
    expect(verdict).toBe(BOOTED);
    expect(proxy?.asked).toContain("tftp undionly.kpxe tsize= blksize=1456");
  });

  it("gives up after a minute of silence", () => {
    const { verdict, atMs } = romGets(undefined);
    expect(verdict).toBe("failed dhcp: no offer");
    expect(atMs).toBe(60_000);
  });

  it("ignores another xid, another chaddr, and a reply without a message type", () => {
    const corrupt = (at: number) =>
      romGets(ROM_ANSWER, {
        mangle: (o, len) => {
          o.dv.setUint8(at, o.dv.getUint8(at) ^ 1);
          return len;
        },
      }).verdict;
    expect(corrupt(4)).toBe("failed dhcp: no offer; the last reply ignored: another xid");
    expect(corrupt(30)).toMatch(/ignored: another machine's chaddr$/);
    expect(corrupt(240)).toMatch(/ignored: no message type \(53\)$/);
  });

  it("ends at a NAK and tells its reason", () => {
    const nak: PxeAnswer = { type: 6, options: (w) => w.text(DhcpOption.Message, "not here") };
    const { verdict } = boot({ answer: (_, type) => (type === Discover ? ROM_ANSWER : nak) });
    expect(verdict).toBe("failed dhcp: NAK: not here");
  });

  it("refuses an ACK for another address", () => {
    const { verdict } = boot({
      answer: (_, type) => (type === Discover ? ROM_ANSWER : { ...ROM_ANSWER, yiaddr: CLIENT + 1 }),
    });
    expect(verdict).toBe("failed dhcp: the ACK gives 192.168.77.72, the offer was 192.168.77.71");
  });

  it("needs the boot file in the ACK, too", () => {
    const { verdict } = boot({
      answer: (_, type) => (type === Discover ? ROM_ANSWER : { options: pxeControl }),
    });
    expect(verdict).toBe("failed dhcp: the ACK names no boot file");
  });

  it("tells when the boot program is not there", () => {
    expect(boot({ tftp: {} }).verdict).toBe(
      "failed tftp: undionly.kpxe: 192.168.77.1 says error 1: File not found",
    );
  });
});

describe("an OACK that is not what was asked", () => {
  const oackSays = (change: (name: string, value: string) => string, more = "") =>
    boot({
      oack: (right) => [
        ...right.map(({ name, value }) => ({ name, value: change(name, value) })),
        ...(more === "" ? [] : [{ name: more, value: "1" }]),
      ],
    }).verdict;

  it("with a larger block", () => {
    expect(oackSays((name, value) => (name === "blksize" ? "1457" : value))).toBe(
      "failed tftp: undionly.kpxe: the OACK says blksize=1457, asked was 1456",
    );
  });

  it("with an option of its own", () => {
    expect(oackSays((_, value) => value, "windowsize")).toBe(
      "failed tftp: undionly.kpxe: the OACK holds windowsize, which was not asked",
    );
  });

  it("with a value that is no number", () => {
    expect(oackSays(() => "many")).toBe("failed tftp: undionly.kpxe: the OACK says tsize=many");
  });

  it("with another size than the file's", () => {
    const script = Uint8Array.from("#!ipxe\n", (c) => c.charCodeAt(0));
    const { verdict } = boot(
      {
        answer: () => ({ file: "boot.ipxe", siaddr: SERVER, options: noProxy }),
        tftp: { "boot.ipxe": script },
        oack: (right) => right.map((o) => (o.name === "tsize" ? { ...o, value: "9" } : o)),
      },
      {},
      { ipxeRom: true },
    );
    expect(verdict).toBe("failed tftp: boot.ipxe: 7 octets came, the OACK said tsize=9");
  });
});

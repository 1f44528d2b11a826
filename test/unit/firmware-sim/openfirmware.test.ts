import { describe, expect, it } from "vitest";
import { crc32 } from "../../../firmware-sim/crc32.ts";
import {
  type OpenFirmwareOptions,
  openFirmware,
} from "../../../firmware-sim/openfirmware/openfirmware.ts";
import { IPV4_BROADCAST } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import type { WireConditions } from "../../support/virtual-wire.ts";
import {
  type BootRun,
  type CollectedFiles,
  collectInto,
  digest,
  digestOf,
  ip,
  runBoot,
  sampleFile,
} from "./boot-run.ts";
import { ScriptedSunServer, type SunServerScript } from "./scripted-sun-server.ts";

const MAC = Uint8Array.of(0x00, 0x03, 0xba, 0x5b, 0xae, 0xb3);
const SERVER_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x77, 0x00, 0x01);
const CLIENT = ip("172.24.42.51");
const SERVER = ip("172.24.42.150");
const LOADER = sampleFile(70_000, 7);
const KERNEL = sampleFile(300_001, 9);
const ROOT = "/export/root/v100";

const SCRIPT: SunServerScript = {
  clientMac: MAC,
  clientAddress: CLIENT,
  tftp: { AC182A33: LOADER, "AC182A33.SUN4M": LOADER, "AC182A33.SUN4C": LOADER },
  nfs: { bsd: KERNEL, netbsd: KERNEL, "boot/kernel": KERNEL, link: "boot/kernel" },
  rootPath: ROOT,
};

interface Outcome extends BootRun {
  readonly server: ScriptedSunServer;
  /** Content as the sink saw it, by name. */
  readonly files: CollectedFiles;
}

function boot(
  options: Partial<OpenFirmwareOptions> = {},
  script: Partial<SunServerScript> = {},
  conditions: WireConditions = {},
): Outcome {
  const files: CollectedFiles = new Map();
  const firmware = openFirmware({
    mac: MAC,
    random: seededRandom(conditions.seed ?? 1),
    sink: collectInto(files),
    ...options,
  });
  const host = new VirtualHost({ mac: SERVER_MAC, address: SERVER });
  const server = new ScriptedSunServer(host, { ...SCRIPT, ...script });
  return { ...runBoot(firmware, [host], conditions), server, files };
}

/** Options of a reply to BOOTP: mask, router, root path, END. */
function vendorOptions(path = ROOT, type = 0): number[] {
  return [
    ...(type === 0 ? [] : [53, 1, type, 54, 4, 172, 24, 42, 150]),
    ...[1, 4, 255, 255, 255, 0, 3, 4, 172, 24, 42, 150],
    ...[17, path.length, ...Array.from(path, (c) => c.charCodeAt(0)), 255],
  ];
}

const BOOTED = `booted ${LOADER.length + KERNEL.length}`;

describe("a Sun whose second stage uses BOOTPARAMS", () => {
  it("boots, and every octet of loader and kernel passes the sink", () => {
    const { verdict, files, server, events } = boot();
    expect(verdict).toBe(BOOTED);
    expect(digestOf(files, "AC182A33")).toBe(digest(LOADER));
    expect(digestOf(files, "bsd")).toBe(digest(KERNEL));
    expect(server.asked.slice(0, 2)).toEqual(["rarp", "tftp AC182A33"]);
    const rpc = server.asked.filter((what) => what !== "read");
    expect(rpc).toEqual([
      "rarp",
      "tftp AC182A33",
      "rarp",
      "whoami",
      "getfile root",
      "getport",
      "mnt",
      "getport",
      "lookup bsd",
    ]);
    expect(events).toContainEqual({
      kind: "step",
      stage: "rarp",
      text: "I am 172.24.42.51, server 172.24.42.150",
    });
    expect(events).toContainEqual({
      kind: "transfer",
      file: "bsd",
      protocol: "nfs",
      octets: KERNEL.length,
      total: KERNEL.length,
      done: true,
    });
  });

  it("counts its source ports down from 1023", () => {
    const { server } = boot();
    expect(server.sourcePorts.slice(0, 4)).toEqual([1023, 1022, 1021, 1020]);
  });

  it("asks for the name of its platform", () => {
    expect(boot({ platform: "sun4m" }).server.asked).toContain("tftp AC182A33.SUN4M");
    expect(boot({ platform: "sun4c" }).server.asked).toContain("tftp AC182A33.SUN4C");
  });

  it("follows a link to its kernel", () => {
    expect(boot({ kernel: "link" }).verdict).toBe(BOOTED);
  });

  it("repeats RARP until the server is there", () => {
    let rarps = 0;
    const { verdict, events } = boot(
      {},
      { mangle: (name, _, len) => (name === "rarp" && ++rarps < 3 ? 0 : len) },
    );
    expect(verdict).toBe(BOOTED);
    const waits = events.filter(
      (e) => e.kind === "step" && e.text === "Timeout waiting for ARP/RARP packet",
    );
    expect(waits).toHaveLength(2);
  });

  it.each([1, 2, 3])("boots through loss and duplication, seed %i", (seed) => {
    const { verdict, files } = boot({}, {}, { loss: 0.05, duplication: 0.05, seed });
    expect(verdict).toBe(BOOTED);
    expect(digestOf(files, "bsd")).toBe(digest(KERNEL));
  });
});

describe("the PROM stage", () => {
  it("gets no file from a server that waits for its ARP answer", () => {
    const { verdict, server } = boot({}, { setsNeighbour: false });
    expect(verdict).toMatch(/^failed tftp: AC182A33: no answer to 8 requests/);
    expect(server.host.unreachable).toBeGreaterThan(0);
  });

  it("broadcasts its read after three unanswered ones", () => {
    const { verdict, server } = boot({}, { silentOnUnicastTftp: true });
    expect(verdict).toBe(BOOTED);
    expect(server.asked.filter((what) => what === "tftp AC182A33")).toHaveLength(3);
    expect(server.asked).toContain("tftp AC182A33 by broadcast");
  });

  it("tells what the server said when the file is not there", () => {
    expect(boot({}, { tftp: {} }).verdict).toBe(
      "failed tftp: AC182A33: 172.24.42.150 says error 1: File not found",
    );
  });

  it("refuses a length that is no multiple of 4 on a sun4c, and only there", () => {
    const tftp = { "AC182A33.SUN4C": sampleFile(1_022), AC182A33: sampleFile(1_022) };
    expect(boot({ platform: "sun4c" }, { tftp }).verdict).toBe(
      "failed tftp: AC182A33.SUN4C: 1022 octets is not a multiple of 4, a sun4c PROM hangs",
    );
    expect(boot({}, { tftp }).verdict).toBe(`booted ${1_022 + KERNEL.length}`);
  });

  it("refuses a block longer than 512 octets", () => {
    const { verdict } = boot({}, { mangle: (name, _, len) => (name === "tftp" ? 600 : len) });
    expect(verdict).toBe("failed tftp: AC182A33: a block of 596 octets came, blksize is 512");
  });
});

describe("BOOTP as OpenBSD's libsa", () => {
  const order = "bootp";

  it("boots", () => {
    const { verdict, server } = boot({ order }, { options: () => vendorOptions() });
    expect(verdict).toBe(BOOTED);
    expect(server.asked).toContain("bootp 0");
  });

  it("takes no broadcast once it has an address by RARP", () => {
    const broadcast = { options: () => vendorOptions(), bootpTo: IPV4_BROADCAST };
    const unicast = { options: () => vendorOptions() };
    expect(boot({ order }, broadcast).verdict).toBe(BOOTED);
    expect(boot({ order, bootpAfterRarp: true }, unicast).verdict).toBe(BOOTED);
    expect(boot({ order, bootpAfterRarp: true }, broadcast).verdict).toBe("failed bootp: no reply");
  });

  it("ignores a reply below 300 octets", () => {
    const { verdict } = boot(
      { order },
      {
        options: () => vendorOptions(),
        mangle: (name, _, len) => (name === "bootp" ? 299 : len),
      },
    );
    expect(verdict).toBe(
      "failed bootp: no reply; the last one ignored: a reply of 299 octets, 300 are needed",
    );
  });

  it("ignores another xid", () => {
    const { verdict, atMs } = boot(
      { order },
      {
        options: () => vendorOptions(),
        mangle: (name, o, len) => {
          if (name === "bootp") o.dv.setUint8(7, o.dv.getUint8(7) ^ 1);
          return len;
        },
      },
    );
    expect(verdict).toBe("failed bootp: no reply; the last one ignored: another xid");
    expect(atMs).toBeGreaterThan(126_000); // 2 + 4 + 8 + 16 + 32 + 64 s
  });

  it("stumbles over a PAD between options", () => {
    const options = () => [0, ...vendorOptions()];
    expect(boot({ order }, { options }).verdict).toBe(
      "failed bootp: no root path (option 17): a PAD at octet 0 of the options was taken for an option of 1 octets",
    );
  });

  it("does not see an option behind the first 64 octets", () => {
    const options = () => [43, 50, ...new Array<number>(50).fill(1), ...vendorOptions()];
    expect(boot({ order }, { options }).verdict).toMatch(
      /^failed bootp: no root path \(option 17\)/,
    );
  });
});

describe("DHCP as NetBSD's libsa", () => {
  const order = "dhcp";
  const dhcpOptions = (path?: string) => (asked: number) =>
    vendorOptions(path, asked === 1 ? 2 : 5);

  it("boots its kernel netbsd after DISCOVER and REQUEST", () => {
    const { verdict, server, files } = boot({ order }, { options: dhcpOptions() });
    expect(verdict).toBe(BOOTED);
    expect(server.asked).toContain("bootp 1");
    expect(server.asked).toContain("bootp 3");
    expect(digestOf(files, "netbsd")).toBe(digest(KERNEL));
  });

  it("takes an answer without message type for BOOTP", () => {
    const { verdict, server } = boot({ order }, { options: () => vendorOptions() });
    expect(verdict).toBe(BOOTED);
    expect(server.asked).not.toContain("bootp 3");
  });

  it("ignores an ACK where an OFFER is due", () => {
    expect(boot({ order }, { options: () => vendorOptions(ROOT, 5) }).verdict).toBe(
      "failed dhcp: no reply; the last one ignored: message type 5, expected 2",
    );
  });

  it("uses option 17 verbatim, so server:path does not mount", () => {
    const { verdict } = boot({ order }, { options: dhcpOptions(`172.24.42.150:${ROOT}`) });
    expect(verdict).toBe(
      `failed nfs: 172.24.42.150: mounting "172.24.42.150:${ROOT}" is refused with error 13`,
    );
  });
});

describe("what libsa's RPC and NFS refuse", () => {
  /** Lets everything pass but the named reply, which is changed. */
  const change = (wanted: string, change: (o: Octets, len: number) => number) =>
    boot({}, { mangle: (name, o, len) => (name === wanted ? change(o, len) : len) }).verdict;

  it("a reply with another xid is not seen at all", () => {
    const verdict = change("whoami", (o, len) => {
      o.dv.setUint32(0, 1);
      return len;
    });
    expect(verdict).toBe("failed rpc: BOOTPARAM WHOAMI at 255.255.255.255: no answer");
  });

  it("a denied call", () => {
    const verdict = change("mnt", (o) => {
      o.dv.setUint32(8, 1);
      o.dv.setUint32(12, 1);
      o.dv.setUint32(16, 5);
      return 20;
    });
    expect(verdict).toBe(`failed rpc: MOUNT MNT "${ROOT}" at 172.24.42.150: denied, auth_stat 5`);
  });

  it("a reply of 24 octets", () => {
    expect(change("mnt", () => 24)).toMatch(/a reply of 24 octets, more than 24 needed$/);
  });

  it("a handle with a length word", () => {
    const verdict = change("mnt", (o, len) => {
      o.u8.copyWithin(32, 28, len);
      o.dv.setUint32(28, 32);
      return len + 4;
    });
    expect(verdict).toBe(
      "failed nfs: 172.24.42.150: MNT must return a handle of 32 octets without a length",
    );
  });

  it("a program that is not registered", () => {
    const verdict = change("getport", (o, len) => {
      o.dv.setUint32(24, 0);
      return len;
    });
    expect(verdict).toBe(
      "failed rpc: MOUNT version 1 is not registered at the port map of 172.24.42.150",
    );
  });

  it("a root path that BOOTPARAMS does not know", () => {
    expect(boot({}, { rootPath: "" }).verdict).toBe(
      'failed bootparams: GETFILE "root": 172.24.42.150 knows no such key',
    );
  });

  it("a kernel that is not there", () => {
    expect(boot({ kernel: "bsd.rd" }).verdict).toBe(
      'failed nfs: 172.24.42.150: LOOKUP "bsd.rd": NFS error 2 (no such file)',
    );
  });

  it("a READ cut short", () => {
    expect(change("read", (_, len) => len - 100)).toMatch(/short packet, 924 octets of 1024$/);
  });

  it("a READ that ends before the file does", () => {
    expect(
      change("read", (o) => {
        o.dv.setUint32(96, 0);
        return 100;
      }),
    ).toBe("failed nfs: 172.24.42.150: bsd: hit EOF at 0 of 300001 octets");
  });

  it("a READ reply that needs fragments", () => {
    expect(change("read", () => 3_000)).toMatch(/18 IP fragments dropped, there is no reassembly/);
  });
});

describe("content", () => {
  it("is compared with what was expected", () => {
    const right = crc32(new Octets(KERNEL), 0, KERNEL.length);
    const expecting = (size: number, crc: number) =>
      boot({ expect: (file) => (file === "bsd" ? { size, crc32: crc } : undefined) }).verdict;
    expect(expecting(KERNEL.length, right)).toBe(BOOTED);
    expect(expecting(KERNEL.length, right ^ 1)).toMatch(/^failed nfs: bsd: CRC-32 is [0-9a-f]{8}/);
    expect(expecting(KERNEL.length + 1, right)).toBe(
      "failed nfs: bsd: 300001 octets came, expected 300002 octets",
    );
  });

  it("fails with what the sink says", () => {
    const { verdict } = boot({
      sink: (file, fileAt) => (file === "bsd" && fileAt > 2_000 ? "differs" : undefined),
    });
    expect(verdict).toBe("failed nfs: bsd: differs");
  });
});

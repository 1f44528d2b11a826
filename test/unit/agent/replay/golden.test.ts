import { describe, expect, it } from "vitest";
import type { Exchange } from "../../../../agent/replay/exchange.ts";
import { verdictOf } from "../../../../agent/replay/report.ts";
import { replayGolden } from "../../../golden/replay/rack.ts";

// What our agent answers to real clients, compared field by field with what the recorded servers answered. Each difference
// that is allowed is listed with its reason; a capture that shows another one, or one less, fails.

/** We lease for 12 hours, dnsmasq did for 10 minutes and said the defaults of 58 and 59, and the broadcast address of 1. */
const LEASE = ["dhcp option 51", "dhcp option 58", "dhcp option 59"];
/** RFC 6842; the recorded server did not know it yet. */
const IDENTIFIER = ["dhcp option 61"];
/** The boot file is in the header and in 67, the server in 66, since some firmware reads only the one or the other. */
const BOOT_OPTIONS = ["dhcp option 66", "dhcp option 67"];
/** dnsmasq puts the boot file into option 67 alone; we fill the header too. */
const IN_HEADER = ["dhcp file"];
/** Every machine learns its name. */
const NAME = ["dhcp option 12"];
/** A kernel that looks for its root has no use for a boot file; it is told "server:/path". */
const KERNEL = ["dhcp file", "dhcp option 17"];
/** RFC 2131 table 3: a server's secs are 0. dnsmasq repeats the client's. */
const SECS = ["dhcp secs"];

/** The test's files have other octets than the recorded ones. */
const CONTENT = ["tftp content (sha256)"];
/** We accept what dnsmasq does not know: the client then would have acknowledged whole windows. */
const WINDOW = ["tftp option windowsize", "tftp packets"];
/** RFC 2349: we accept `timeout`, dnsmasq does not. */
const TIMEOUT = ["tftp option timeout"];

/** Another file system: its numbers and times. Handles are not here: the replay translates them. */
const ATTRIBUTES: readonly string[] = [
  "blocks",
  "fsid",
  "fileid",
  "atime.seconds",
  "atime.useconds",
  "mtime.seconds",
  "mtime.useconds",
  "ctime.seconds",
  "ctime.useconds",
].map((name) => `nfs attributes.${name}`);
const NFS_CONTENT = ["nfs content (sha256)"];
/** The root is read-only and has no free blocks; its folder has other folders in it. */
const ROOT = ["nfs blocks", "nfs bfree", "nfs bavail", "nfs attributes.nlink"];
/** The LOOKUP that a handle came from is not in the capture, so that it means nothing to us: STALE. */
const STALE = ["nfs status"];

/** Our ETag is the content's digest, and it is another server and another file. */
const HTTP = ["etag", "last-modified", "keep-alive", "server"].map(
  (name) => `http headers.${name}`,
);

/** The program has a port of its own. */
const PORT = ["portmap port"];
/** Our name in the site is another than that host's, and no domain is in the site. */
const NAMES = ["bootparams domain_name", "bootparams server_name", "portmap res.domain_name"];

interface Expectation {
  readonly capture: string;
  readonly verdicts: Partial<Record<ReturnType<typeof verdictOf>, number>>;
  readonly allowed: readonly (readonly string[])[];
}

const EXPECTED: readonly Expectation[] = [
  {
    capture: "uboot-dhcp-tftp",
    verdicts: { same: 2, different: 5, unanswered: 1 },
    allowed: [LEASE, BOOT_OPTIONS, TIMEOUT, CONTENT, ["tftp packets"]],
  },
  {
    capture: "uboot-bootp",
    verdicts: { same: 3, different: 3, unanswered: 1 },
    allowed: [["dhcp option 28"], TIMEOUT, WINDOW, CONTENT],
  },
  {
    capture: "uboot-nfs-v2",
    verdicts: { same: 4, different: 6 },
    allowed: [LEASE, BOOT_OPTIONS, ATTRIBUTES, NFS_CONTENT],
  },
  {
    // The recorded server has NFSv3; U-Boot falls back to it, and ours says PROG_MISMATCH to it.
    capture: "uboot-nfs-v3-fallback",
    verdicts: { same: 8, different: 7 },
    allowed: [LEASE, BOOT_OPTIONS, ["nfs acceptStat"]],
  },
  {
    capture: "uboot-rarp",
    verdicts: { same: 4, different: 2, unanswered: 1 },
    allowed: [TIMEOUT, WINDOW, CONTENT],
  },
  {
    capture: "linux-rarp-nfsroot-v2-udp",
    verdicts: { same: 7, different: 14 },
    allowed: [ROOT, ATTRIBUTES, NFS_CONTENT, STALE],
  },
  {
    capture: "linux-bootp-nfsroot-v2-udp",
    verdicts: { same: 6, different: 15 },
    allowed: [KERNEL, ["dhcp option 28"], ROOT, ATTRIBUTES, NFS_CONTENT, STALE],
  },
  {
    capture: "linux-dhcp-nfsroot-v2-tcp",
    verdicts: { same: 6, different: 17 },
    allowed: [LEASE, KERNEL, ROOT, ATTRIBUTES, NFS_CONTENT, STALE],
  },
  {
    capture: "linux-sparc64-sun4u-rarp-nfsroot-v2-udp",
    verdicts: { same: 6, different: 12 },
    // The capture's /sbin/init is another program than the test's, and longer.
    allowed: [ROOT, ATTRIBUTES, ["nfs attributes.size", "nfs content (dataLength)"], STALE],
  },
  {
    capture: "ipxe-bios-http",
    verdicts: { different: 6 },
    allowed: [
      LEASE,
      IDENTIFIER,
      BOOT_OPTIONS,
      IN_HEADER,
      NAME,
      SECS,
      HTTP,
      ["http headers.content-type", "http content (sha256)"],
    ],
  },
  {
    capture: "ovmf-pxe-ipxe-http",
    verdicts: { same: 4, different: 7, unanswered: 1 },
    allowed: [LEASE, IDENTIFIER, BOOT_OPTIONS, IN_HEADER, NAME, WINDOW, CONTENT],
  },
  {
    capture: "ovmf-httpboot-ipxe",
    verdicts: { different: 6 },
    allowed: [LEASE, IDENTIFIER, BOOT_OPTIONS, IN_HEADER, NAME, HTTP],
  },
  {
    // No magic cookie: a PROM that sends none reads none, and may be told more than it was.
    capture: "slof-bootp-tftp",
    verdicts: { same: 2, different: 1, unanswered: 1 },
    allowed: [["dhcp option 1", "dhcp option 3"], NAME],
  },
  {
    capture: "slof-dhcp-tftp",
    verdicts: { same: 2, different: 2, unanswered: 1 },
    allowed: [LEASE, BOOT_OPTIONS, IN_HEADER, NAME],
  },
  {
    capture: "user-bootparam-ref",
    verdicts: { same: 19, different: 11, "we silent": 3 },
    // We list MOUNT and NFS of the versions that we have, and BOOTPARAMS by TCP too.
    allowed: [
      PORT,
      NAMES,
      ["portmap mappings.100026 1 6.port", "portmap mappings.100026 1 17.port"],
      ...["100003 3 6", "100003 3 17", "100005 3 6", "100005 3 17"].map((mapping) =>
        ["prog", "vers", "prot", "port"].map((name) => `portmap mappings.${mapping}.${name}`),
      ),
      ["mount high", "mount acceptStat"],
    ],
  },
  {
    // RFC 1833 section 3.2: to the broadcast of version 3, which we do not have, we say nothing.
    capture: "user-bootparam-bcast",
    verdicts: { different: 6, "we silent": 6 },
    allowed: [PORT, ["portmap res.domain_name", "portmap res.server_name"]],
  },
  {
    capture: "user-bootparam-realbootparamd",
    verdicts: { different: 8, "we silent": 4 },
    // rpcbind answers version 4; ours is a port mapper and says PROG_MISMATCH, as the clients expect of old servers.
    allowed: [PORT, NAMES, ["portmap acceptStat"]],
  },
];

describe("replay of real clients", { timeout: 30_000 }, () => {
  it.each(EXPECTED)("$capture", async ({ capture, verdicts, allowed }) => {
    const { exchanges } = await replayGolden(capture);
    expect(differingFields(exchanges)).toEqual(allowed.flat().sort());
    const counts: Record<string, number> = {};
    for (const exchange of exchanges) {
      const verdict = verdictOf(exchange);
      counts[verdict] = (counts[verdict] ?? 0) + 1;
    }
    expect(counts).toEqual(verdicts);
  });

  it("says why in every exchange", async () => {
    for (const { capture } of EXPECTED.slice(0, 4)) {
      const { exchanges } = await replayGolden(capture);
      expect(exchanges.filter(({ why }) => why === "")).toEqual([]);
    }
  });

  it("hands out requests in the order of the capture", async () => {
    const { exchanges } = await replayGolden("linux-ipany-e1000");
    const frames = exchanges.map(({ request }) => request.frame);
    expect(frames).toEqual([...frames].sort((a, b) => a - b));
    expect(frames.length).toBeGreaterThan(10);
  });
});

function differingFields(exchanges: readonly Exchange[]): string[] {
  const found = new Set<string>();
  for (const { request, differences } of exchanges) {
    for (const { field } of differences) found.add(`${request.protocol} ${field}`);
  }
  return [...found].sort();
}

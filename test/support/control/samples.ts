import type {
  AgentIdentity,
  AgentStatus,
  BundleRecord,
  CaptureStatus,
  LeaseStatus,
  MachineStatus,
  OperatorRecord,
  ServerStatus,
  VerbName,
  Verbs,
} from "../../../agent/control/messages.ts";
import type { JournalEntry } from "../../../agent/log/journal.ts";

/** Arguments and results of a verb: the fullest first. */
export type Samples = {
  readonly [V in VerbName]: {
    readonly args: readonly [Verbs[V]["args"], ...Verbs[V]["args"][]];
    readonly results: readonly [Verbs[V]["result"], ...Verbs[V]["result"][]];
  };
};

const TIME = "2026-11-21T16:13:23.123Z";
const DIGEST = "0123456789abcdef".repeat(4);
const FINGERPRINT = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst";
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

const IDENTITY: AgentIdentity = {
  name: "rack-3 (2)",
  publicKey: KEY,
  fingerprint: FINGERPRINT,
  version: "0.1.0",
  board: "raspberry-pi-zero-2-w",
  protocol: 1,
  claimable: true,
};
const BUNDLE: BundleRecord = {
  serial: 1_795_277_603,
  site: "attic",
  digest: DIGEST,
  signer: FINGERPRINT,
  operator: "eva@laptop",
  source: "push by eva@laptop",
  appliedAt: TIME,
  state: "returned",
  reason: "nobody confirmed it within 30 s",
  changes: ["machine v100: profile from openbsd to netbsd"],
  notBefore: TIME,
  expires: TIME,
};
const PLAIN_BUNDLE: BundleRecord = {
  serial: Number.MAX_SAFE_INTEGER,
  site: "attic",
  digest: DIGEST,
  signer: FINGERPRINT,
  operator: "eva@laptop",
  source: "fetched from https://192.0.2.1:7459/v1/bundle",
  appliedAt: TIME,
  state: "running",
  changes: [],
};
const MACHINE: MachineStatus = {
  name: "v100",
  mac: "00:03:ba:5b:ae:b3",
  ip: "192.168.77.21",
  profile: "openbsd",
  family: "sun4u",
  booting: true,
  last: { time: TIME, event: "RARP request", outcome: "answered" },
  overrides: [
    { kind: "boot", profile: "netbsd", by: "eva@laptop", since: TIME, taken: false },
    { kind: "hold", by: "local", since: TIME },
  ],
};
const QUIET: MachineStatus = {
  name: "pc",
  mac: "52:54:00:aa:00:01",
  ip: "192.168.77.22",
  profile: null,
  family: null,
  booting: false,
  overrides: [],
};
const STATUS: AgentStatus = {
  identity: IDENTITY,
  state: "degraded",
  reasons: ["the rack interface eth0 is down"],
  site: {
    name: "attic",
    source: "bundle",
    file: "/var/lib/pilotlight/config/7-01234567/site.yaml",
    bundle: BUNDLE,
    probation: { serial: 7, previous: 0, endsInMs: 29_500.5 },
  },
  search: {
    where: ["mDNS", "DNS-SD of example.org"],
    lastTryAt: TIME,
    lastFoundAt: TIME,
    problem: "nobody answered",
  },
  interfaces: [
    { name: "eth0", role: "rack", up: false, addresses: [] },
    { name: "wlan0", role: "management", up: true, addresses: ["10.0.0.7", "fe80::1%wlan0"] },
  ],
  booting: ["v100"],
  machines: 2,
  assets: {
    all: 4,
    cached: 2,
    fetching: 1,
    failed: 1,
    usedOctets: 5_000_000_000,
    limitOctets: 2 ** 40,
  },
  dhcp: { mode: "auto", conduct: "proxy", otherServers: 1 },
  clock: { time: TIME, plausible: true },
  startedAt: TIME,
  residentOctets: 104_857_600,
  logLevel: "info",
  counters: { "dhcp truncated": 3, "control slow header": 12 },
};
const PLAIN_STATUS: AgentStatus = {
  identity: { ...IDENTITY, claimable: false },
  state: "unconfigured",
  reasons: [],
  interfaces: [],
  booting: [],
  machines: 0,
  clock: { time: "1970-01-01T00:00:04.000Z", plausible: false },
  startedAt: "1970-01-01T00:00:01.000Z",
  residentOctets: 1,
  logLevel: "silent",
  counters: {},
};
const ENTRY: JournalEntry = {
  time: TIME,
  machine: "v100",
  mac: "00:03:ba:5b:ae:b3",
  address: "192.168.77.21",
  family: "sun4u",
  protocol: "tftp",
  event: "RRQ C0A84D15",
  decision: "ofwboot.net — 7 MB",
  reply: "DATA",
  outcome: "done",
  octets: 7_340_032,
  ms: 1234.5,
  file: "C0A84D15",
  total: 7_340_032,
};
const STRANGER: JournalEntry = {
  ...ENTRY,
  machine: null,
  mac: null,
  address: null,
  family: null,
  reply: null,
  outcome: "silent",
  file: null,
  total: null,
};
const LEASE: LeaseStatus = {
  address: "192.168.77.21",
  network: "rack",
  mac: "00:03:ba:5b:ae:b3",
  id: "010003ba5baeb3",
  machine: "v100",
  hostname: "v100.attic",
  state: "bound",
  reserved: true,
  leftS: 3599.5,
  since: TIME,
};
const NOBODY: LeaseStatus = {
  address: "192.168.77.100",
  network: "far",
  mac: "",
  state: "declined",
  reserved: false,
  leftS: null,
};
const SERVER: ServerStatus = {
  address: "192.168.77.254",
  givesAddresses: true,
  kept: true,
  since: TIME,
  last: TIME,
};
const SILENT: ServerStatus = { address: "192.168.77.253", givesAddresses: false, kept: false };
const CAPTURE: CaptureStatus = {
  id: "c1",
  interface: "eth0",
  filter: "udp port 69",
  startedAt: TIME,
  running: true,
  packets: 12,
  octets: 4_096,
  full: false,
};
const OPERATOR: OperatorRecord = {
  name: "eva@laptop",
  fingerprint: FINGERPRINT,
  publicKey: KEY,
  since: TIME,
  origin: FINGERPRINT,
  revoked: TIME,
};
const { revoked: _, ...TRUSTED } = { ...OPERATOR, origin: "claim" };
const NAMES = { args: [{ names: ["openbsd"] }, {}], results: [{ names: ["openbsd"] }] } as const;
const PINNED = {
  args: [{ name: "openbsd", digest: DIGEST }, { name: "openbsd" }],
  results: [{ name: "openbsd", digest: DIGEST }],
} as const;
const ON_MACHINE = { args: [{ machine: "v100" }], results: [MACHINE, QUIET] } as const;

export const SAMPLES: Samples = {
  "identity.get": { args: [{}], results: [IDENTITY] },
  "identity.rename": { args: [{ name: "rack-4" }], results: [IDENTITY] },
  "status.get": { args: [{}], results: [STATUS, PLAIN_STATUS] },
  "site.get": {
    args: [{ serial: 7 }, {}],
    results: [
      {
        site: "attic",
        serial: 0,
        main: "site.yaml",
        files: { "site.yaml": Buffer.from("site: attic\n"), "a/b": KEY },
      },
    ],
  },
  "site.history": { args: [{}], results: [{ bundles: [BUNDLE, PLAIN_BUNDLE] }, { bundles: [] }] },
  "site.validate": {
    args: [{ bundle: KEY }],
    results: [{ site: "attic", serial: 8, changes: ["machine pc: new"] }],
  },
  "site.diff": { args: [{ from: 0, to: 7 }], results: [{ changes: [] }] },
  "site.put": { args: [{ bundle: KEY, probationS: 30 }, { bundle: KEY }], results: [BUNDLE] },
  "site.confirm": { args: [{ serial: 7 }], results: [{}] },
  "site.rollback": { args: [{ serial: 7 }, {}], results: [PLAIN_BUNDLE] },
  "machines.list": { args: [{}], results: [{ machines: [MACHINE, QUIET] }] },
  "machines.plan": {
    args: [{ machine: "v100" }],
    results: [
      {
        machine: MACHINE,
        server: "192.168.77.1",
        offers: [
          { family: "sun4u", bootFile: "C0A84D15", why: "the profile has a boot file for it" },
          { family: "uefi", bootFile: null, why: "the profile has none for it" },
        ],
        files: [
          { name: "C0A84D15", octets: 7_340_032, state: "served" },
          { name: "bsd", octets: null, state: "waiting" },
        ],
        root: { path: "/srv/v100" },
        bootparams: { root: "192.168.77.1:/srv/v100" },
      },
      { machine: QUIET, server: "192.168.77.1", offers: [], files: [], root: null, bootparams: {} },
    ],
  },
  "machines.boot": { args: [{ machine: "v100", profile: "netbsd" }], results: [MACHINE] },
  "machines.hold": ON_MACHINE,
  "machines.release": ON_MACHINE,
  "machines.wake": ON_MACHINE,
  "leases.list": {
    args: [{}],
    results: [
      { leases: [LEASE, NOBODY], pools: [{ network: "rack", size: 100, free: 99 }], more: 3 },
      { leases: [], pools: [], more: 0 },
    ],
  },
  "leases.release": {
    args: [{ lease: "00:03:ba:5b:ae:b3" }],
    results: [LEASE, { ...LEASE, state: "over", leftS: 0 }],
  },
  "servers.list": {
    args: [{}],
    results: [
      {
        mode: "auto",
        conduct: "proxy",
        why: "192.168.77.254 gives addresses here",
        servers: [SERVER, SILENT],
      },
      { mode: "off", conduct: "off", why: "the site says off", servers: [] },
    ],
  },
  "servers.forget": { args: [{}], results: [{ ...SERVER, kept: false }, SILENT] },
  "cache.list": {
    args: [{}],
    results: [
      {
        assets: [
          {
            name: "openbsd",
            state: "served",
            digest: DIGEST,
            sourceDigest: DIGEST,
            size: 7_340_032,
            fetchedMs: 1_795_277_603_123,
            checkedMs: 1_795_277_603_123,
            versions: 2,
            next: DIGEST,
            refused: {
              sourceDigest: DIGEST,
              sourceId: "https://example.org/bsd.rd",
              why: "another digest than published",
              sinceMs: 1_795_277_603_123,
              keptAs: "quarantine/1",
              object: { size: 7, etag: '"a"' },
            },
            progress: {
              phase: "fetching",
              from: "https://example.org",
              octets: 1,
              total: 2,
              rate: 3.5,
            },
            error: { code: "E_STORE_BROKEN", message: "m", cure: "c", sinceMs: 1 },
            stale: { code: "E_STORE_UNREACHABLE", message: "m", cure: "c", sinceMs: 1 },
            retryInMs: 5_000,
            refreshInMs: 6_000,
          },
          {
            name: "netbsd",
            state: "waiting",
            versions: 0,
            progress: { phase: "unpacking", from: "x", octets: 1, rate: 0 },
          },
        ],
        cache: {
          limit: 2 ** 40,
          used: 5,
          evictable: 1,
          diskFree: 9,
          blobs: 3,
          quarantined: 1,
          partial: 0,
        },
        clock: { nowMs: 1_795_277_603_123.5, plausible: true },
      },
    ],
  },
  "cache.prefetch": NAMES,
  "cache.refresh": NAMES,
  "cache.pin": PINNED,
  "cache.rollback": PINNED,
  "journal.get": {
    args: [{ machine: "v100", limit: 20 }, {}],
    results: [{ entries: [ENTRY, STRANGER] }],
  },
  "events.follow": {
    args: [{ machine: "v100" }, {}],
    results: [
      { type: "journal", entry: ENTRY },
      { type: "state", time: TIME, state: "serving", reasons: [] },
      { type: "site", time: TIME, bundle: BUNDLE },
      { type: "alive", time: TIME },
      { type: "missed", time: TIME, events: 17 },
    ],
  },
  "capture.list": { args: [{}], results: [{ captures: [CAPTURE] }] },
  "capture.start": {
    args: [{ filter: "udp port 69", maxOctets: 1_048_576, maxS: 60 }, {}],
    results: [CAPTURE],
  },
  "capture.stop": { args: [{ id: "c1" }], results: [CAPTURE] },
  "capture.get": { args: [{ id: "c1" }], results: [KEY, new Uint8Array(0)] },
  "log.level": { args: [{ level: "debug" }], results: [{ level: "debug" }] },
  "trust.list": { args: [{}], results: [{ operators: [OPERATOR, TRUSTED] }] },
  "trust.add": { args: [{ name: "tom", publicKey: KEY }], results: [TRUSTED] },
  "trust.revoke": { args: [{ fingerprint: FINGERPRINT }], results: [OPERATOR] },
  "agent.restart": { args: [{}], results: [{}] },
};

export const VERB_NAMES: readonly VerbName[] = Object.keys(SAMPLES) as VerbName[];

import * as v from "valibot";
import type { VerbName, Verbs } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import { printable } from "../log/printable.ts";
import { answeredError } from "./failures.ts";

/*
 * What results have to look like before a command reads them: an agent whose key is pinned may be broken or taken over, and
 * the operator's tool must say so instead of falling over. Fields that are not known are passed on.
 */

const TEXT = v.pipe(v.string(), v.maxLength(100_000));
const TEXTS = v.array(TEXT);
const COUNT = v.pipe(v.number(), v.minValue(0));
const OCTETS = v.instance(Uint8Array);
const NOTHING = v.looseObject({});
const STATE = v.picklist(["unconfigured", "serving", "degraded"]);

const IDENTITY = v.looseObject({
  name: TEXT,
  publicKey: OCTETS,
  fingerprint: TEXT,
  version: TEXT,
  board: TEXT,
  protocol: COUNT,
  claimable: v.boolean(),
});

const BUNDLE = v.looseObject({
  serial: COUNT,
  site: TEXT,
  digest: TEXT,
  signer: TEXT,
  operator: TEXT,
  source: TEXT,
  appliedAt: TEXT,
  state: v.picklist(["probation", "running", "kept", "returned"]),
  reason: v.exactOptional(TEXT),
  changes: TEXTS,
  notBefore: v.exactOptional(TEXT),
  expires: v.exactOptional(TEXT),
});

const STATUS = v.looseObject({
  identity: IDENTITY,
  state: STATE,
  reasons: TEXTS,
  site: v.exactOptional(
    v.looseObject({
      name: TEXT,
      source: v.picklist(["file", "bundle"]),
      file: v.exactOptional(TEXT),
      bundle: v.exactOptional(BUNDLE),
      probation: v.exactOptional(
        v.looseObject({ serial: COUNT, previous: COUNT, endsInMs: v.number() }),
      ),
    }),
  ),
  search: v.exactOptional(
    v.looseObject({
      where: TEXTS,
      lastTryAt: v.exactOptional(TEXT),
      lastFoundAt: v.exactOptional(TEXT),
      problem: v.exactOptional(TEXT),
    }),
  ),
  interfaces: v.array(
    v.looseObject({
      name: TEXT,
      role: v.picklist(["rack", "management"]),
      up: v.boolean(),
      addresses: TEXTS,
    }),
  ),
  booting: TEXTS,
  machines: COUNT,
  dhcp: v.exactOptional(v.looseObject({ mode: TEXT, conduct: TEXT, otherServers: COUNT })),
  assets: v.exactOptional(
    v.looseObject({
      all: COUNT,
      cached: COUNT,
      fetching: COUNT,
      failed: COUNT,
      usedOctets: COUNT,
      limitOctets: COUNT,
    }),
  ),
  clock: v.looseObject({ time: TEXT, plausible: v.boolean() }),
  startedAt: TEXT,
  residentOctets: COUNT,
  logLevel: TEXT,
  counters: v.record(TEXT, v.number()),
});

const MACHINE = v.looseObject({
  name: TEXT,
  mac: TEXT,
  ip: TEXT,
  profile: v.nullable(TEXT),
  family: v.nullable(TEXT),
  booting: v.boolean(),
  last: v.exactOptional(v.looseObject({ time: TEXT, event: TEXT, outcome: TEXT })),
  overrides: v.array(
    v.variant("kind", [
      v.looseObject({
        kind: v.literal("boot"),
        profile: TEXT,
        by: TEXT,
        since: TEXT,
        taken: v.boolean(),
      }),
      v.looseObject({ kind: v.literal("hold"), by: TEXT, since: TEXT }),
    ]),
  ),
});

const PLAN = v.looseObject({
  machine: MACHINE,
  server: TEXT,
  offers: v.array(v.looseObject({ family: TEXT, bootFile: v.nullable(TEXT), why: TEXT })),
  files: v.array(v.looseObject({ name: TEXT, octets: v.nullable(COUNT), state: TEXT })),
  root: v.nullable(v.looseObject({ path: TEXT })),
  bootparams: v.record(TEXT, TEXT),
});

const ENTRY = v.looseObject({
  time: TEXT,
  machine: v.nullable(TEXT),
  mac: v.nullable(TEXT),
  address: v.nullable(TEXT),
  family: v.nullable(TEXT),
  protocol: TEXT,
  event: TEXT,
  decision: TEXT,
  reply: v.nullable(TEXT),
  outcome: v.picklist(["answered", "refused", "silent", "progress", "done", "failed", "noted"]),
  octets: v.number(),
  ms: v.number(),
  file: v.nullable(TEXT),
  total: v.nullable(v.number()),
});

const SERVER = v.looseObject({
  address: TEXT,
  givesAddresses: v.boolean(),
  kept: v.boolean(),
  since: v.exactOptional(TEXT),
  last: v.exactOptional(TEXT),
});

const LEASE = v.looseObject({
  address: TEXT,
  network: TEXT,
  mac: TEXT,
  id: v.exactOptional(TEXT),
  machine: v.exactOptional(TEXT),
  hostname: v.exactOptional(TEXT),
  state: v.picklist(["offered", "bound", "over", "declined"]),
  reserved: v.boolean(),
  leftS: v.nullable(COUNT),
  since: v.exactOptional(TEXT),
});

const CAPTURE = v.looseObject({
  id: TEXT,
  interface: TEXT,
  filter: TEXT,
  startedAt: TEXT,
  running: v.boolean(),
  packets: COUNT,
  octets: COUNT,
  full: v.boolean(),
});

const OPERATOR = v.looseObject({
  name: TEXT,
  fingerprint: TEXT,
  publicKey: OCTETS,
  since: TEXT,
  origin: TEXT,
  revoked: v.exactOptional(TEXT),
});

const NAMES = v.looseObject({ names: TEXTS });
const PINNED = v.looseObject({ name: TEXT, digest: TEXT });
const CHANGES = v.looseObject({ changes: TEXTS });

const EVENT = v.variant("type", [
  v.looseObject({ type: v.literal("journal"), entry: ENTRY }),
  v.looseObject({ type: v.literal("state"), time: TEXT, state: STATE, reasons: TEXTS }),
  v.looseObject({ type: v.literal("site"), time: TEXT, bundle: BUNDLE }),
  v.looseObject({ type: v.literal("alive"), time: TEXT }),
  v.looseObject({ type: v.literal("missed"), time: TEXT, events: COUNT }),
]);

const RESULTS: Readonly<Record<VerbName, v.GenericSchema>> = {
  "identity.get": IDENTITY,
  "identity.rename": IDENTITY,
  "status.get": STATUS,
  "site.get": v.looseObject({
    site: TEXT,
    serial: COUNT,
    main: TEXT,
    files: v.record(v.string(), OCTETS),
  }),
  "site.history": v.looseObject({ bundles: v.array(BUNDLE) }),
  "site.validate": v.looseObject({ site: TEXT, serial: COUNT, changes: TEXTS }),
  "site.diff": CHANGES,
  "site.put": BUNDLE,
  "site.confirm": NOTHING,
  "site.rollback": BUNDLE,
  "machines.list": v.looseObject({ machines: v.array(MACHINE) }),
  "machines.plan": PLAN,
  "machines.boot": MACHINE,
  "machines.hold": MACHINE,
  "machines.release": MACHINE,
  "machines.wake": MACHINE,
  "leases.list": v.looseObject({
    leases: v.array(LEASE),
    pools: v.array(v.looseObject({ network: TEXT, size: COUNT, free: COUNT })),
    more: COUNT,
  }),
  "leases.release": LEASE,
  "servers.list": v.looseObject({
    mode: TEXT,
    conduct: TEXT,
    why: TEXT,
    servers: v.array(SERVER),
  }),
  "servers.forget": SERVER,
  "cache.list": v.looseObject({ assets: v.array(v.looseObject({ name: TEXT })) }),
  "cache.prefetch": NAMES,
  "cache.refresh": NAMES,
  "cache.pin": PINNED,
  "cache.rollback": PINNED,
  "journal.get": v.looseObject({ entries: v.array(ENTRY) }),
  "events.follow": EVENT,
  "capture.list": v.looseObject({ captures: v.array(CAPTURE) }),
  "capture.start": CAPTURE,
  "capture.stop": CAPTURE,
  "capture.get": OCTETS,
  "log.level": v.looseObject({ level: TEXT }),
  "trust.list": v.looseObject({ operators: v.array(OPERATOR) }),
  "trust.add": OPERATOR,
  "trust.revoke": OPERATOR,
  "agent.restart": NOTHING,
};

/**
 * A result of a verb that has the form that it should have; texts in it have nothing that could steer a terminal.
 *
 * Throws E_PROTOCOL, which names the first field that has another form.
 */
export function checkedResult<V extends VerbName>(verb: V, value: unknown): Verbs[V]["result"] {
  const { success, issues, output } = v.safeParse(RESULTS[verb], value);
  if (success) return plain(output) as Verbs[V]["result"];
  const where = issues[0].path?.map(({ key }) => String(key)).join(".");
  throw new AgentError(
    "E_PROTOCOL",
    `its answer to ${verb} has another form than expected: ${where ?? "all of it"}`,
  );
}

/** An item of a stream. Throws the error that it is: a stream that goes wrong ends with an item that says why. */
export function checkedItem<V extends VerbName>(verb: V, item: unknown): Verbs[V]["result"] {
  const { error, type } = (item ?? {}) as { readonly error?: unknown; readonly type?: unknown };
  if (error !== undefined && type === undefined) throw answeredError(error, "it");
  return checkedResult(verb, item);
}

function plain(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [printable(key), plain(member)]),
  );
}

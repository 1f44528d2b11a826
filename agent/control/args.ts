import * as v from "valibot";
import { LOG_LEVELS } from "../log/logger.ts";
import { printable } from "../log/printable.ts";
import type { VerbName, Verbs } from "./messages.ts";

/** The largest signed bundle that is taken, octets. */
export const MAX_BUNDLE_OCTETS: number = 4 * 1024 * 1024;

const MAX_SERIAL = Number.MAX_SAFE_INTEGER;

/** A text for people: no control characters, no line ends, at most `max` characters. */
function words(max: number): v.GenericSchema<unknown, string> {
  const printed = v.check((text: string) => printable(text) === text, "control characters");
  return v.pipe(v.string(), v.minLength(1), v.maxLength(max), printed);
}

function whole(least: number, most: number): v.GenericSchema<unknown, number> {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
}

function octets(least: number, most: number): v.GenericSchema<unknown, Uint8Array> {
  return v.pipe(v.instance(Uint8Array), v.minLength(least), v.maxLength(most));
}

const NOTHING = v.object({});
const MACHINE = v.object({ machine: words(255) });
const ANY_MACHINE = v.object({ machine: v.exactOptional(words(255)) });
const SERIAL = v.object({ serial: v.exactOptional(whole(0, MAX_SERIAL)) });
const BUNDLE = octets(1, MAX_BUNDLE_OCTETS);
const NAMES = v.object({
  names: v.exactOptional(v.pipe(v.array(words(300)), v.maxLength(10_000))),
});
const VERSION = v.object({ name: words(300), digest: v.exactOptional(words(80)) });
const CAPTURE = v.object({ id: words(64) });
/** DNS-SD: an instance name is one label (RFC 6763 section 4.1.1). */
const AGENT_NAME = v.pipe(words(63), v.maxBytes(63));
/** 32 octets, as in `agent/identity/keys.ts`. */
export const PUBLIC_KEY: v.GenericSchema<unknown, Uint8Array> = octets(32, 32);
export const OPERATOR_NAME: v.GenericSchema<unknown, string> = words(64);

/** What arguments of each verb must be. Members that a schema does not know are left out. */
export const ARGS: { readonly [V in VerbName]: v.GenericSchema<unknown, Verbs[V]["args"]> } = {
  "identity.get": NOTHING,
  "identity.rename": v.object({ name: AGENT_NAME }),
  "status.get": NOTHING,
  "site.get": SERIAL,
  "site.history": NOTHING,
  "site.validate": v.object({ bundle: BUNDLE }),
  "site.diff": v.object({ from: whole(0, MAX_SERIAL), to: whole(0, MAX_SERIAL) }),
  "site.put": v.object({ bundle: BUNDLE, probationS: v.exactOptional(whole(5, 600)) }),
  "site.confirm": v.object({ serial: whole(1, MAX_SERIAL) }),
  "site.rollback": SERIAL,
  "machines.list": NOTHING,
  "machines.plan": MACHINE,
  "machines.boot": v.object({ machine: words(255), profile: words(255) }),
  "machines.hold": MACHINE,
  "machines.release": MACHINE,
  "machines.wake": MACHINE,
  "leases.list": NOTHING,
  "leases.release": v.object({ lease: words(255) }),
  "servers.list": NOTHING,
  "servers.forget": NOTHING,
  "cache.list": NOTHING,
  "cache.prefetch": NAMES,
  "cache.refresh": NAMES,
  "cache.pin": VERSION,
  "cache.rollback": VERSION,
  "journal.get": v.object({
    machine: v.exactOptional(words(255)),
    limit: v.exactOptional(whole(1, 100_000)),
  }),
  "events.follow": ANY_MACHINE,
  "capture.list": NOTHING,
  "capture.start": v.object({
    filter: v.exactOptional(words(1_024)),
    maxOctets: v.exactOptional(whole(1, 2 ** 30)),
    maxS: v.exactOptional(whole(1, 86_400)),
  }),
  "capture.stop": CAPTURE,
  "capture.get": CAPTURE,
  "log.level": v.object({ level: v.picklist(LOG_LEVELS) }),
  "trust.list": NOTHING,
  "trust.add": v.object({ name: OPERATOR_NAME, publicKey: PUBLIC_KEY }),
  "trust.revoke": v.object({ fingerprint: v.pipe(v.string(), v.regex(/^[a-z2-7]{52}$/)) }),
  "agent.restart": NOTHING,
};

/** Members that are octets: in JSON and in a query they are base64url texts. */
export const OCTET_ARGS: readonly string[] = ["bundle", "publicKey", "nonce", "proof"];
/** Members that are numbers, for a query. */
export const NUMBER_ARGS: readonly string[] = ["serial", "limit"];

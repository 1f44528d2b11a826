import { encodeCbor } from "../../../agent/control/cbor.ts";
import { refuseBrowsers } from "../../../agent/control/server/browser-guard.ts";
import {
  ANSWER_FORMATS,
  negotiate,
  STREAM_FORMATS,
} from "../../../agent/control/server/formats.ts";
import {
  readArgs,
  readCall,
  readClaim,
  readSignedCall,
  readTextArgs,
  verbOf,
} from "../../../agent/control/server/input.ts";
import { peerKey } from "../../../agent/control/server/peer-key.ts";
import { routeOf } from "../../../agent/control/server/routes.ts";
import { AgentError } from "../../../agent/errors.ts";
import { ascii, type Target } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";

/** A refusal is a result like any other, when it says which words are wrong. */
function orRefused(t: Trace, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    t.check(
      error.message.length > 0 && error.message.length <= 400,
      "a message of no or any length",
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    t.check(!/[\u0000-\u001f]/.test(error.message), "control characters in a message");
    t.add(error.code, error.message);
  }
}

const AGENT = "hh3rhufgiqst6bcssqq3t5i3tmejphiiffmvtrhttehomf7vcopq";
const NONCE = Uint8Array.from({ length: 40 }, (_, i) => i);
const call = (verb: string, args: object): Uint8Array =>
  encodeCbor({ agent: AGENT, nonce: NONCE, verb, args });

/** Bodies of requests: what an operator signed, calls on the host's socket, claims. */
export const controlBody: Target = {
  name: "control-body",
  sources: ["/control/server/input", "/control/args"],
  maxLen: 512,
  dictionary: [
    ...[
      "agent",
      "nonce",
      "verb",
      "args",
      "name",
      "publicKey",
      "proof",
      "bundle",
      "probationS",
      "machine",
    ].map((key) => encodeCbor(key)),
    ...["log.level", "site.put", "machines.boot", "trust.add", "capture.start", "__proto__"].map(
      (key) => encodeCbor(key),
    ),
    ascii('"verb":'),
    ascii('"args":{'),
    ascii('"level":"debug"'),
  ],
  seeds: [
    call("log.level", { level: "debug" }),
    call("machines.boot", { machine: "v100", profile: "openbsd" }),
    call("cache.prefetch", { names: ["a", "b"] }),
    call("capture.start", { filter: "udp", maxOctets: 1_024, maxS: 60 }),
    call("site.put", { bundle: NONCE, probationS: 30 }),
    call("trust.revoke", { fingerprint: AGENT }),
    encodeCbor({ publicKey: NONCE.slice(8), name: "eva", nonce: NONCE, proof: NONCE.slice(8) }),
    ascii('{"verb":"log.level","args":{"level":"debug"}}'),
    ascii(
      '{"verb":"trust.add","args":{"name":"a","publicKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}',
    ),
  ],
  run(o, at, len, t) {
    const octets = o.u8.slice(at, at + len);
    orRefused(t, () => {
      const { agent, nonce, verb, args } = readSignedCall(octets);
      t.check(nonce.length <= 64, "a nonce of any length");
      t.add(agent, nonce.length, JSON.stringify(readArgs(verbOf(verb), args)));
    });
    for (const type of ["application/cbor", "application/json"]) {
      orRefused(t, () => {
        const { verb, args } = readCall(octets, type);
        t.add(JSON.stringify(readArgs(verbOf(verb), args)));
      });
      orRefused(t, () => {
        const { publicKey, name, proof } = readClaim(octets, type);
        t.check(publicKey.length === 32 && proof.length === 32, "a key or proof of another length");
        t.check(name.length >= 1 && name.length <= 64, "a name of any length");
        t.add(name);
      });
    }
  },
  limits: { guarded: false, inPlace: false, allocatedOctets: 512 * 1024 },
};

/** Lines of a header: the method and target, Host, Accept, and what else decides. */
export const controlHeader: Target = {
  name: "control-header",
  sources: [
    "/control/server/routes",
    "/control/server/formats",
    "/control/server/browser-guard",
    "/control/server/peer-key",
  ],
  maxLen: 512,
  dictionary: [
    ...[
      "GET",
      "HEAD",
      "POST",
      "/v1/",
      "/v1/machines/",
      "/v1/journal?limit=",
      "&machine=",
      "%2f",
      "%ff",
      "\n",
    ].map(ascii),
    ...[
      "10.0.0.7:7458",
      "[fe80::1%25eth0]:7458",
      "rack.local",
      "*/*",
      "application/json",
      ";q=0.5",
      ",",
    ].map(ascii),
  ],
  seeds: [
    ascii("GET\n/v1/status\n10.0.0.7:7458\napplication/json, */*;q=0.1\n2001:db8::1"),
    ascii("HEAD\n/v1/machines/v%20100?x=1\n[2001:db8::7]\ntext/event-stream\n::ffff:10.0.0.1"),
    ascii("POST\n/v1/call\nRACK.local.:7458\napplication/cose\nfe80::1%eth0"),
    ascii("GET\n/v1/journal?machine=a&limit=20\nrack.local\n\n10.0.0.1"),
  ],
  run(o, at, len, t) {
    const text = new TextDecoder("latin1").decode(o.u8.slice(at, at + len));
    const [method = "", target = "", host = "", accept = "", address = ""] = text.split("\n");
    orRefused(t, () => {
      const route = routeOf(method, target);
      t.add(route.kind);
      if (route.kind === "read") t.add(JSON.stringify(readTextArgs(route.verb, route.args)));
    });
    orRefused(t, () => {
      const headers: Readonly<Record<string, string>> = { host };
      const header = (name: string): string | undefined => headers[name];
      const request = { method, target, channel: "plain", address, header } as const;
      const signal = new AbortController().signal;
      refuseBrowsers({ ...request, signal, body: () => Promise.reject(new Error("not read")) }, [
        "rack.local",
      ]);
      t.add("host taken");
    });
    t.add(negotiate(accept, ANSWER_FORMATS), negotiate(accept, STREAM_FORMATS), peerKey(address));
  },
  limits: { guarded: false, inPlace: false, allocatedOctets: 256 * 1024 },
};

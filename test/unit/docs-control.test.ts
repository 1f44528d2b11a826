import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { Sign1 } from "@auth0/cose";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ARGS } from "../../agent/control/args.ts";
import { encodeCbor } from "../../agent/control/cbor.ts";
import { VERBS } from "../../agent/control/verbs.ts";
import type { Cddl, CddlType } from "../support/cddl/grammar.ts";
import { parseCddl } from "../support/cddl/parse-cddl.ts";
import { mismatch } from "../support/cddl/validate.ts";
import { publicKeyOf, type TestKey } from "../support/control/keys.ts";
import { COSE, NO_CLAIMS, Rig } from "../support/control/rig.ts";
import { SAMPLES, VERB_NAMES } from "../support/control/samples.ts";
import { opened, seal } from "../support/control/sign1.ts";
import { bytes } from "../support/hex.ts";

const PAGE = readFileSync(new URL("../../docs/control.md", import.meta.url), "utf8");
const BLOCKS = [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
const CDDL: Cddl = parseCddl(blocks("cddl")[0] ?? "");

function blocks(language: string): string[] {
  return BLOCKS.flatMap(([, name, text = ""]) => (name === language ? [text] : []));
}

function expectFits(rule: string, octets: Uint8Array): void {
  expect(mismatch(CDDL, rule, octets)).toBeUndefined();
}

describe("messages as docs/control.md has them", () => {
  it("are one block of CDDL, with rules for every verb and no other", () => {
    expect(blocks("cddl")).toHaveLength(1);
    const verbs = [...CDDL.keys()].flatMap(
      (rule) => /^(?:args|result)-(.*\..*)$/.exec(rule)?.[1] ?? [],
    );
    expect([...new Set(verbs)].sort()).toEqual(Object.keys(VERBS).sort());
    for (const verb of VERB_NAMES) {
      expect(CDDL.has(`args-${verb}`) && CDDL.has(`result-${verb}`), verb).toBe(true);
    }
  });

  it("have no rule that nothing uses", () => {
    const roots = [
      "signed-request",
      "signed-answer",
      "local-call",
      "stream-error",
      "about",
      "nonce",
      "claim",
      "claim-answer",
    ];
    const used = new Set([
      ...roots,
      ...VERB_NAMES.flatMap((verb) => [`args-${verb}`, `result-${verb}`]),
    ]);
    for (const name of used) for (const other of namesIn(CDDL.get(name))) used.add(other);
    expect([...CDDL.keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  it.each(VERB_NAMES)("of %s", (verb) => {
    const { args, results } = SAMPLES[verb];
    for (const value of args) expectFits(`args-${verb}`, encodeCbor(value));
    for (const value of results) expectFits(`result-${verb}`, encodeCbor(value));
  });

  it.each(VERB_NAMES)("of %s with a member too many, or of another type, are not", (verb) => {
    const [result] = SAMPLES[verb].results;
    expect(
      mismatch(CDDL, `args-${verb}`, encodeCbor({ ...SAMPLES[verb].args[0], zzz: 1 })),
    ).toBeTypeOf("string");
    if (result instanceof Uint8Array) return;
    expect(mismatch(CDDL, `result-${verb}`, encodeCbor({ ...result, zzz: 1 }))).toBeTypeOf(
      "string",
    );
    for (const name of Object.keys(result)) {
      const changed = encodeCbor({ ...result, [name]: [[[]]] });
      expect(mismatch(CDDL, `result-${verb}`, changed), name).toBeTypeOf("string");
    }
  });

  it.each(VERB_NAMES)("say the same of the arguments of %s as what the agent takes", (verb) => {
    const [full] = SAMPLES[verb].args;
    const variants: Record<string, unknown>[] = [{}, { ...full }];
    for (const name of Object.keys(full)) {
      for (const value of [
        undefined,
        0,
        -1,
        2 ** 40,
        1.5,
        "",
        "x",
        "x".repeat(5_000),
        null,
        [],
        {},
        new Uint8Array(32),
        new Uint8Array(0),
      ]) {
        variants.push({ ...full, [name]: value });
      }
    }
    for (const args of variants) {
      const described = mismatch(CDDL, `args-${verb}`, encodeCbor(args)) === undefined;
      const taken = v.safeParse(ARGS[verb], defined(args)).success;
      // Where the agent is stricter it is in what a text may be, which CDDL does not say.
      if (taken) expect(described, JSON.stringify(args)).toBe(true);
      const texts = Object.values(args).some(
        (value) => typeof value === "string" || Array.isArray(value),
      );
      if (described && !texts) expect(taken, JSON.stringify(args)).toBe(true);
    }
  });

  it("are what goes over the wire", async () => {
    const rig = new Rig({ claims: NO_CLAIMS });
    const nonceHeaders = {
      accept: "application/cose",
      "pilotlight-nonce": "AAECAwQFBgcICQoLDA0ODw",
    };
    expectFits("about", (await rig.answer("/v1/")).body);
    expectFits("nonce", (await rig.answer("/v1/nonce")).body);
    expectFits("error", (await rig.answer("/v1/nothing")).body);
    expectFits("signed-answer", (await rig.answer("/v1/status", { headers: nonceHeaders })).body);
    expectFits(
      "signed-answer",
      (await rig.answer("/v1/journal?limit=x", { headers: nonceHeaders })).body,
    );
    for (const verb of VERB_NAMES.filter((name) => !VERBS[name].stream)) {
      const [args] = SAMPLES[verb].args;
      const request = rig.signed(verb, args);
      expectFits("signed-request", request);
      const { result } = (await rig.directCall(request)).said as { readonly result?: unknown };
      expectFits(`result-${verb}`, encodeCbor(result));
      const headers = { host: "agent", "content-type": "application/cbor" };
      const call = encodeCbor({ verb, args });
      expectFits("local-call", call);
      const local = await rig.answer("/v1/call", {
        method: "POST",
        channel: "local",
        headers,
        body: call,
      });
      expectFits(`result-${verb}`, local.body);
    }
    const { operator } = rig;
    const claim = {
      publicKey: operator.publicKey.octets,
      name: "eva",
      nonce: rig.nonces.issue(),
      proof: new Uint8Array(32),
    };
    expectFits("claim", encodeCbor(claim));
    const claims = {
      claim: () =>
        Promise.resolve({
          proof: new Uint8Array(32),
          operator: {
            name: "eva",
            key: operator.publicKey,
            since: "",
            origin: { by: "claim" as const },
          },
        }),
    };
    const open = new Rig({ claims });
    const body = encodeCbor({ ...claim, nonce: open.nonces.issue() });
    const claimed = await open.answer("/v1/claim", {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body,
    });
    expectFits("claim-answer", claimed.body);
    const failing = new Rig({
      handlers: {
        // biome-ignore lint/correctness/useYield: it fails before it has anything
        "events.follow": async function* () {
          throw new Error("a bug");
        },
      },
    });
    expectFits("stream-error", (await failing.answer("/v1/events")).body);
  });
});

describe("docs/control.md", () => {
  it("has every path of GET, with its verb", () => {
    const rows = [
      ...PAGE.matchAll(/^\| `\/v1(\/[^`]+)` +\| `([^`]+)` +\| [^|]*\| (both|HTTPS only) *\|$/gm),
    ];
    const told = rows.map(([, path = "", verb = "", over]) => [
      verb,
      path.replace("MACHINE", ":machine"),
      over,
    ]);
    const read = VERB_NAMES.flatMap((verb) => {
      const { path, confidential } = VERBS[verb];
      return path === undefined ? [] : [[verb, path, confidential ? "HTTPS only" : "both"]];
    });
    expect(told.sort()).toEqual(read.sort());
  });

  it("has a curl example of every path that is read, over HTTP and HTTPS where both are", () => {
    const examples = blocks("sh").join("");
    for (const verb of VERB_NAMES) {
      const { path, confidential } = VERBS[verb];
      if (path === undefined) continue;
      const target = `7458/v1${path.replace(":machine", "v100")}(?:[?'\\s]|$)`;
      if (!confidential) expect(examples).toMatch(new RegExp(`http://[\\d.]+:${target}`));
      expect(examples).toMatch(new RegExp(`https://[\\d.]+:${target}`));
    }
  });

  it("names the confidential verbs", () => {
    const sentence = /Confidential are ([\s\S]*?): they/.exec(PAGE)?.[1] ?? "";
    const named = [...sentence.matchAll(/`([^`]+)`/g)].map(([, verb]) => verb);
    expect(named.sort()).toEqual(VERB_NAMES.filter((verb) => VERBS[verb].confidential).sort());
  });

  it("has an example whose octets are right, also by another implementation", async () => {
    const [request = new Uint8Array(), answer = new Uint8Array()] = blocks("hex").map(bytes);
    const nonce = Uint8Array.from({ length: 40 }, (_, i) => i);
    // RFC 8032 section 7.1, tests 1 and 2.
    const operator = keyOf("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const agent = keyOf("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    const { fingerprint } = agent.publicKey;
    expect(PAGE).toContain(`"agent": "${fingerprint}"`);
    const asked = encodeCbor({
      agent: fingerprint,
      nonce,
      verb: "log.level",
      args: { level: "debug" },
    });
    expect(seal(asked, operator, "request")).toEqual(request);
    const said = encodeCbor({ nonce, status: "ok", result: { level: "debug" } });
    expect(Buffer.from(opened(answer, agent.publicKey, "answer"))).toEqual(Buffer.from(said));
    expectFits("signed-request", request);
    expectFits("signed-answer", answer);
    const other = Sign1.decode(request);
    const aad = Buffer.from("pilotlight request 1");
    await other.verify(createPublicKey(operator.pem), { externalAAD: aad } as never);
    await expect(
      other.verify(createPublicKey(agent.pem), { externalAAD: aad } as never),
    ).rejects.toThrow();
  });

  it("shows how each kind of body is sent", () => {
    expect(PAGE).toContain(COSE);
  });
});

/** Arguments as they come out of CBOR: without members that are undefined. */
function defined(args: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}

function namesIn(type: CddlType | undefined): string[] {
  switch (type?.is) {
    case "name":
      return CDDL.has(type.name) ? [type.name] : [];
    case "choice":
      return type.types.flatMap(namesIn);
    case "array":
    case "map":
      return type.entries.flatMap((entry) => [...namesIn(entry.key), ...namesIn(entry.type)]);
    case "tag":
      return namesIn(type.content);
    case "control":
      return [...namesIn(type.target), ...namesIn(type.by)];
    default:
      return [];
  }
}

function keyOf(seed: string): TestKey {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), bytes(seed)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const octets = new Uint8Array(
    createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32),
  );
  return {
    publicKey: publicKeyOf(octets),
    sign: (message) => new Uint8Array(sign(null, message, key)),
    pem: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

import { describe, expect, it } from "vitest";
import { encodeCbor } from "../../../../../agent/control/cbor.ts";
import { NONCE_MS } from "../../../../../agent/control/nonce-desk.ts";
import { VERBS } from "../../../../../agent/control/verbs.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { newKey } from "../../../../support/control/keys.ts";
import { operatorOf, Rig } from "../../../../support/control/rig.ts";
import { SAMPLES, VERB_NAMES } from "../../../../support/control/samples.ts";
import { opened, seal } from "../../../../support/control/sign1.ts";

const JSON_TYPE = { accept: "application/json" };
const READS = VERB_NAMES.filter((verb) => VERBS[verb].path !== undefined);
const TOKEN = "s3cret";
const WITH_TOKEN = { headers: { authorization: `Bearer ${TOKEN}` } };

describe("reading by GET", () => {
  it.each(READS.filter((verb) => !VERBS[verb].stream))("%s", async (verb) => {
    const isPrivate = VERBS[verb].access === "private";
    const rig = new Rig(isPrivate ? { policy: { kind: "token", token: TOKEN } } : {});
    const path = (VERBS[verb].path ?? "").replace(":machine", "v100");
    const { status, value } = await rig.answer(`/v1${path}`, isPrivate ? WITH_TOKEN : {});
    expect(status).toBe(200);
    expect(encodeCbor(value)).toEqual(encodeCbor(SAMPLES[verb].results[0]));
    expect(rig.asked).toMatchObject([
      { verb, asked: { caller: { kind: "reader", address: "192.0.2.99" } } },
    ]);
  });

  it("takes arguments from path and query, and ignores those it does not know", async () => {
    const rig = new Rig({ policy: { kind: "token", token: TOKEN } });
    await rig.answer("/v1/machines/v%20100?x=1", WITH_TOKEN);
    await rig.answer("/v1/journal?machine=v100&limit=20&machines=9", WITH_TOKEN);
    await rig.answer("/v1/site?serial=7", WITH_TOKEN);
    expect(rig.asked.map(({ args }) => args)).toEqual([
      { machine: "v 100" },
      { machine: "v100", limit: 20 },
      { serial: 7 },
    ]);
  });

  it.each([
    ["/v1/journal?limit=many", 400, "E_PROTOCOL"],
    ["/v1/journal?limit=0", 400, "E_PROTOCOL"],
    ["/v1/journal?limit=1&limit=2", 400, "E_PROTOCOL"],
    ["/v1/machines/a?machine=b", 400, "E_PROTOCOL"],
    ["/v1/machines/%ff", 400, "E_PROTOCOL"],
    ["/v1/machines/%00", 400, "E_PROTOCOL"],
    ["/v1/machines/", 404, "E_NOT_FOUND"],
    ["/v1/machines/a/b", 404, "E_NOT_FOUND"],
    ["/v1/nothing", 404, "E_NOT_FOUND"],
    ["/v2/status", 404, "E_NOT_FOUND"],
    ["/", 404, "E_NOT_FOUND"],
    ["//v1/status", 404, "E_NOT_FOUND"],
    ["/v1/../v1/status", 404, "E_NOT_FOUND"],
    ["http://192.0.2.7/v1/status", 400, "E_PROTOCOL"],
    ["*", 400, "E_PROTOCOL"],
    [`/v1/machines/${"a".repeat(300)}`, 400, "E_PROTOCOL"],
  ])("%s is refused with %i %s", async (target, status, code) => {
    const rig = new Rig();
    const answer = await rig.answer(target, { headers: JSON_TYPE });
    expect(answer).toMatchObject({
      status,
      value: { code, message: expect.any(String), cure: expect.any(String) },
    });
    expect(rig.asked).toEqual([]);
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"])(
    "%s of what is read is refused",
    async (method) => {
      const { status, headers } = await new Rig().answer("/v1/status", { method });
      expect(status).toBe(405);
      expect(headers.allow).toBe("GET, HEAD");
    },
  );

  it("says what there is", async () => {
    const rig = new Rig();
    const about = await rig.answer("/v1/", { headers: JSON_TYPE });
    expect(about.value).toMatchObject({ protocol: 1, agent: rig.agent.publicKey.fingerprint });
    expect((about.value as { verbs: unknown[] }).verbs).toHaveLength(VERB_NAMES.length);
    const nonce = await rig.answer("/v1/nonce");
    const given = (nonce.value as { nonce: Uint8Array }).nonce;
    expect(rig.nonces.isFresh(given)).toBe(true);
    expect(nonce.headers["cache-control"]).toBe("no-store");
  });

  it("is signed when the asker wants it, with its nonce and path", async () => {
    const rig = new Rig();
    const headers = {
      accept: "application/cose",
      "pilotlight-nonce": Buffer.from("12345678").toString("base64url"),
    };
    const answer = await rig.answer("/v1/journal?limit=3", { headers });
    expect(rig.unsealed(answer)).toEqual({
      nonce: new Uint8Array(Buffer.from("12345678")),
      path: "/v1/journal?limit=3",
      status: "ok",
      result: SAMPLES["journal.get"].results[0],
    });
    const failed = await rig.answer("/v1/journal?limit=x", { headers });
    expect(failed.status).toBe(400);
    expect(rig.unsealed(failed)).toMatchObject({ status: "error", error: { code: "E_PROTOCOL" } });
    for (const nonce of ["", "1234", "not base64!", "a".repeat(200)]) {
      const refused = await rig.answer("/v1/status", {
        headers: { ...headers, "pilotlight-nonce": nonce },
      });
      expect(refused).toMatchObject({ status: 400, value: { code: "E_PROTOCOL" } });
    }
  });

  it("is not for whom the site does not let read", async () => {
    const rig = new Rig({ policy: { kind: "token", token: "s3cret" } });
    const bearer = (token: string): { authorization: string } => ({
      authorization: `Bearer ${token}`,
    });
    expect((await rig.answer("/v1/identity")).status).toBe(200);
    const none = await rig.answer("/v1/status");
    expect(none).toMatchObject({ status: 401, value: { code: "E_FORBIDDEN" } });
    expect(none.headers["www-authenticate"]).toBe("Bearer");
    expect((await rig.answer("/v1/status", { headers: bearer("s3cre") })).status).toBe(401);
    expect(
      (await rig.answer("/v1/status", { headers: { authorization: "Basic s3cret" } })).status,
    ).toBe(401);
    expect(
      (await rig.answer("/v1/status", { headers: bearer("s3cret"), channel: "plain" })).status,
    ).toBe(403);
    expect((await rig.answer("/v1/status", { headers: bearer("s3cret") })).status).toBe(200);
    rig.policy = { kind: "signed" };
    expect((await rig.answer("/v1/status", { headers: bearer("s3cret") })).status).toBe(403);
    expect((await rig.directCall(rig.signed("status.get", {}))).status).toBe(200);
    expect(rig.asked.map(({ verb }) => verb)).toEqual(["identity.get", "status.get", "status.get"]);
  });

  it("of confidential things is for TLS and the host alone", async () => {
    const rig = new Rig({ policy: { kind: "token", token: TOKEN } });
    expect(await rig.answer("/v1/site", { ...WITH_TOKEN, channel: "plain" })).toMatchObject({
      status: 403,
      value: { code: "E_FORBIDDEN" },
    });
    expect((await rig.answer("/v1/site", { ...WITH_TOKEN, channel: "tls" })).status).toBe(200);
    expect(
      (await rig.answer("/v1/site", { channel: "local", headers: { host: "agent" } })).status,
    ).toBe(200);
    const plain = await rig.directCall(rig.signed("site.get", {}), { channel: "plain" });
    expect(plain.said).toMatchObject({ status: "error", error: { code: "E_FORBIDDEN" } });
  });

  it.each(["site.get", "site.history"] as const)(
    "of what is private is for operators, the token and the host: %s",
    async (verb) => {
      const rig = new Rig();
      const path = `/v1${VERBS[verb].path}`;
      for (const kind of ["open", "signed"] as const) {
        rig.policy = { kind };
        expect(await rig.answer(path, WITH_TOKEN)).toMatchObject({
          status: 403,
          value: { code: "E_FORBIDDEN", message: expect.stringContaining("operators alone") },
        });
        expect(rig.asked).toEqual([]);
        expect((await rig.directCall(rig.signed(verb, {}))).status).toBe(200);
        const local = { channel: "local", headers: { host: "agent" } } as const;
        expect((await rig.answer(path, local)).status).toBe(200);
        expect(rig.asked.splice(0).map(({ asked }) => asked.caller.kind)).toEqual([
          "operator",
          "local",
        ]);
      }
      rig.policy = { kind: "token", token: TOKEN };
      expect((await rig.answer(path)).status).toBe(401);
      expect((await rig.answer(path, WITH_TOKEN)).status).toBe(200);
    },
  );
});

describe("browsers", () => {
  it.each([
    ["an address", { host: "10.0.0.7:7458" }, 200],
    ["an IPv6 address", { host: "[fe80::1]:7458" }, 200],
    ["the agent's name", { host: "RACK-3.local.:7458" }, 200],
    ["a name that leads here (DNS rebinding)", { host: "evil.example" }, 403],
    ["a name that begins like ours", { host: "rack-3.local.evil.example" }, 403],
    ["a Host that is none", { host: "user@10.0.0.7" }, 403],
    ["an empty Host", { host: "" }, 403],
    ["a page of another site", { origin: "https://evil.example" }, 403],
    ["a page of nowhere", { origin: "null" }, 403],
    ["our own page, as it says", { origin: "http://192.0.2.7:7458" }, 403],
    ["an image in a page", { "sec-fetch-site": "cross-site" }, 403],
    ["a page of the same site", { "sec-fetch-site": "same-origin" }, 403],
    ["somebody who typed the address", { "sec-fetch-site": "none" }, 200],
  ])("%s", async (_, headers, status) => {
    const rig = new Rig();
    expect((await rig.answer("/v1/status", { headers, channel: "plain" })).status).toBe(status);
    expect(rig.asked).toHaveLength(status === 200 ? 1 : 0);
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
  ])("cannot send a simple request: %s", async (type) => {
    const rig = new Rig();
    const body = rig.signed("agent.restart", {});
    const call = await rig.answer("/v1/call", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    const claim = await rig.answer("/v1/claim", {
      method: "POST",
      headers: { "content-type": type },
      body: "{}",
    });
    expect([call.status, claim.status]).toEqual([415, 415]);
    expect(rig.asked).toEqual([]);
  });
});

describe("signed calls", () => {
  it.each(VERB_NAMES.filter((verb) => !VERBS[verb].stream))("%s", async (verb) => {
    const rig = new Rig();
    for (const args of SAMPLES[verb].args) {
      const { status, said } = await rig.directCall(rig.signed(verb, args));
      expect(said).toMatchObject({ status: "ok" });
      expect(status).toBe(200);
    }
    expect(rig.asked.map(({ args }) => args)).toEqual(SAMPLES[verb].args);
    expect(rig.asked[0]?.asked.caller).toMatchObject({
      kind: "operator",
      operator: { name: "eva@laptop" },
    });
  });

  /** What is wrong, and what a stranger or a thief makes of it. Every one must be refused, and none may reach a handler. */
  it.each<readonly [string, number, string, (rig: Rig) => Uint8Array]>([
    [
      "a key that nobody trusts",
      403,
      "not trusted",
      (rig) => rig.signed("agent.restart", {}, { key: newKey() }),
    ],
    [
      "another agent in it",
      403,
      "another agent",
      (rig) => rig.signed("agent.restart", {}, { agent: newKey().publicKey.fingerprint }),
    ],
    [
      "a nonce of somebody else",
      403,
      "nonce",
      (rig) => rig.signed("agent.restart", {}, { nonce: new Rig().nonces.issue() }),
    ],
    [
      "no nonce",
      403,
      "nonce",
      (rig) => rig.signed("agent.restart", {}, { nonce: new Uint8Array(0) }),
    ],
    ["a verb that there is not", 404, "no verb", (rig) => rig.signed("agent.explode", {})],
    ["a verb of every object", 404, "no verb", (rig) => rig.signed("constructor", {})],
    ["arguments of another type", 400, "level", (rig) => rig.signed("log.level", { level: 7 })],
    ["arguments that are missing", 400, "machine", (rig) => rig.signed("machines.hold", {})],
    [
      "control characters",
      400,
      "machine",
      (rig) => rig.signed("machines.hold", { machine: "a\u001b[2J" }),
    ],
    [
      "arguments that are too long",
      400,
      "machine",
      (rig) => rig.signed("machines.hold", { machine: "a".repeat(256) }),
    ],
    [
      "a probation without end",
      400,
      "probationS",
      (rig) => rig.signed("site.put", { bundle: Buffer.of(1), probationS: 601 }),
    ],
    [
      "too much for its verb",
      413,
      "octets",
      (rig) => rig.signed("log.level", { level: "debug", x: "a".repeat(70_000) }),
    ],
  ])("are refused for %s", async (_, status, why, make) => {
    const rig = new Rig();
    const answer = await rig.directCall(make(rig));
    expect(answer.status).toBe(status);
    expect(answer.said).toMatchObject({
      status: "error",
      error: { message: expect.stringContaining(why) },
    });
    expect(rig.asked).toEqual([]);
  });

  it.each<readonly [string, (rig: Rig) => Uint8Array]>([
    ["nothing", () => new Uint8Array(0)],
    ["rubbish", () => Buffer.from("GET / HTTP/1.1")],
    [
      "a bundle, signed by a trusted operator",
      (rig) => seal(payloadOf(rig), rig.operator, "bundle"),
    ],
    ["an answer of the agent, sent back to it", (rig) => seal(payloadOf(rig), rig.agent, "answer")],
    ["a payload that is no map", (rig) => seal(encodeCbor([1]), rig.operator, "request")],
    ["a payload with a key twice", (rig) => seal(twice(payloadOf(rig)), rig.operator, "request")],
    [
      "a payload of indefinite length",
      (rig) =>
        seal(
          Buffer.concat([Buffer.of(0xbf), payloadOf(rig).subarray(1), Buffer.of(0xff)]),
          rig.operator,
          "request",
        ),
    ],
    [
      "a payload that is nested without end",
      (rig) =>
        seal(Buffer.concat([Buffer.alloc(1_000, 0x81), Buffer.of(0)]), rig.operator, "request"),
    ],
    [
      "a payload with something behind",
      (rig) => seal(Buffer.concat([payloadOf(rig), Buffer.of(0)]), rig.operator, "request"),
    ],
    [
      "a payload with a longer integer than needed",
      (rig) =>
        seal(
          Buffer.concat([payloadOf(rig).subarray(0, -1), Buffer.of(0xa1, 0x61, 0x61, 0x18, 0x01)]),
          rig.operator,
          "request",
        ),
    ],
  ])("are not made of %s", async (_, make) => {
    const rig = new Rig();
    const answer = await rig.directCall(make(rig));
    expect(answer).toMatchObject({ status: 400, value: { code: "E_PROTOCOL" } });
    expect(rig.asked).toEqual([]);
    expect(rig.nonces.remembered).toBe(0);
  });

  it("are done once, however often they come", async () => {
    const rig = new Rig();
    const body = rig.signed("agent.restart", {});
    expect((await rig.directCall(body)).said).toMatchObject({ status: "ok" });
    expect((await rig.directCall(body)).said).toMatchObject({
      error: { message: expect.stringContaining("used") },
    });
    expect(rig.asked).toHaveLength(1);
  });

  it("end with their nonce", async () => {
    let nowMs = 0;
    const rig = new Rig({ now: () => nowMs });
    const body = rig.signed("agent.restart", {});
    nowMs = NONCE_MS;
    expect((await rig.directCall(body)).said).toMatchObject({ error: { code: "E_FORBIDDEN" } });
    expect(rig.asked).toEqual([]);
  });

  it("use their nonce up when the signature is right alone", async () => {
    const rig = new Rig();
    const nonce = rig.nonces.issue();
    const stranger = rig.signed("agent.restart", {}, { nonce, key: newKey() });
    expect((await rig.directCall(stranger)).status).toBe(403);
    const forged = rig.signed("agent.restart", {}, { nonce });
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect((await rig.directCall(forged)).said).toMatchObject({
      error: { message: expect.stringContaining("signature") },
    });
    expect((await rig.directCall(rig.signed("agent.restart", {}, { nonce }))).status).toBe(200);
  });

  it("of an operator who was revoked are refused from that moment", async () => {
    const rig = new Rig();
    const other = newKey();
    rig.trusted.set(other.publicKey.fingerprint, operatorOf(other, "tom"));
    const body = rig.signed("agent.restart", {}, { key: other });
    rig.trusted.delete(other.publicKey.fingerprint);
    expect((await rig.directCall(body)).said).toMatchObject({ error: { code: "E_FORBIDDEN" } });
  });

  it("may bring a whole bundle over TLS, and over nothing else", async () => {
    const rig = new Rig();
    const bundle = new Uint8Array(4 * 1024 * 1024);
    expect((await rig.directCall(rig.signed("site.put", { bundle }))).said).toMatchObject({
      status: "ok",
    });
    expect(
      (await rig.directCall(rig.signed("site.put", { bundle }), { channel: "plain" })).status,
    ).toBe(413);
    const larger = rig.signed("site.put", { bundle: new Uint8Array(4 * 1024 * 1024 + 1) });
    expect((await rig.directCall(larger)).status).toBe(400);
  });

  it("tell the asker what a handler says, and of a bug of ours only that there is one", async () => {
    const refused = new Rig({
      handlers: {
        "agent.restart": () => Promise.reject(new AgentError("E_CONFIG", "no", { cure: "later" })),
      },
    });
    const no = await refused.directCall(refused.signed("agent.restart", {}));
    expect(no).toMatchObject({
      status: 409,
      said: { error: { code: "E_CONFIG", message: "no", cure: "later" } },
    });
    const broken = new Rig({
      handlers: { "agent.restart": () => Promise.reject(new Error("secret")) },
    });
    const bug = await broken.directCall(broken.signed("agent.restart", {}));
    expect(bug).toMatchObject({ status: 500, said: { error: { code: "E_BUG" } } });
    expect(JSON.stringify(bug.said)).not.toContain("secret");
    expect(broken.bugs).toHaveLength(1);
  });
});

describe("claims", () => {
  const claimOf = (
    rig: Rig,
  ): { publicKey: Uint8Array; name: string; nonce: Uint8Array; proof: Uint8Array } => ({
    publicKey: rig.operator.publicKey.octets,
    name: "eva@laptop",
    nonce: rig.nonces.issue(),
    proof: new Uint8Array(32),
  });
  const claims = {
    claim: ({ name, publicKey }: { name: string; publicKey: Uint8Array }) => {
      const key = { octets: publicKey, fingerprint: "x" };
      const operator = { name, key, since: "", origin: { by: "claim" as const } };
      return Promise.resolve({ proof: Uint8Array.of(7), operator });
    },
  };

  it("are taken in CBOR and in JSON, once each", async () => {
    const rig = new Rig({ claims });
    const claim = claimOf(rig);
    const post = {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body: encodeCbor(claim),
    };
    const answer = await rig.answer("/v1/claim", post);
    const { fingerprint, octets } = rig.agent.publicKey;
    const expected = {
      agent: fingerprint,
      publicKey: octets,
      name: "eva@laptop",
      proof: Uint8Array.of(7),
    };
    expect(answer).toMatchObject({ status: 200, value: expected });
    expect(await rig.answer("/v1/claim", post)).toMatchObject({
      status: 403,
      value: { code: "E_CLAIM" },
    });
    const again = claimOf(rig);
    const text = JSON.stringify(again, (_k, v: unknown) =>
      v instanceof Uint8Array ? Buffer.from(v).toString("base64url") : v,
    );
    const json = {
      method: "POST",
      headers: { "content-type": "application/json", ...JSON_TYPE },
      body: text,
    };
    expect((await rig.answer("/v1/claim", json)).value).toMatchObject({ proof: "Bw" });
  });

  it.each<readonly [string, number, (rig: Rig) => unknown]>([
    ["a nonce that is none", 403, (rig) => ({ ...claimOf(rig), nonce: new Uint8Array(40) })],
    ["a key of 31 octets", 400, (rig) => ({ ...claimOf(rig), publicKey: new Uint8Array(31) })],
    ["a name with an escape in it", 400, (rig) => ({ ...claimOf(rig), name: "\u001b[2J" })],
    ["a proof of another length", 400, (rig) => ({ ...claimOf(rig), proof: new Uint8Array(31) })],
    ["no proof", 400, (rig) => ({ ...claimOf(rig), proof: undefined })],
    ["a list", 400, () => [1]],
  ])("are refused for %s", async (_, status, make) => {
    const rig = new Rig();
    const post = {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body: encodeCbor(make(rig)),
    };
    expect((await rig.answer("/v1/claim", post)).status).toBe(status);
  });

  it("are not answered while somebody is trusted", async () => {
    const rig = new Rig();
    const post = {
      method: "POST",
      headers: { "content-type": "application/cbor" },
      body: encodeCbor(claimOf(rig)),
    };
    expect(await rig.answer("/v1/claim", post)).toMatchObject({
      status: 403,
      value: { code: "E_CLAIM" },
    });
  });
});

describe("streams", () => {
  it("are items one behind the other, or events", async () => {
    const rig = new Rig();
    const { results } = SAMPLES["events.follow"];
    const items = Buffer.concat(results.map((item) => encodeCbor(item)));
    const answer = await rig.answer("/v1/events?machine=v100");
    expect(answer.headers["content-type"]).toBe("application/cbor-seq");
    expect(answer.body.equals(items)).toBe(true);
    const events = await rig.answer("/v1/events", { headers: { accept: "text/event-stream" } });
    expect(events.body.toString().match(/^data: \{.*\}$/gm)).toHaveLength(results.length);
    expect((await rig.answer("/v1/events", { headers: JSON_TYPE })).status).toBe(406);
    expect((await rig.answer("/v1/events", { method: "HEAD" })).body).toHaveLength(0);
    expect(rig.asked.map(({ args }) => args)).toEqual([{ machine: "v100" }, {}]);
  });

  it("say at their end why they ended", async () => {
    const rig = new Rig({
      handlers: {
        // biome-ignore lint/correctness/useYield: it fails before it has anything
        "capture.get": async function* () {
          throw new AgentError("E_NOT_FOUND", "there is no capture c9");
        },
      },
    });
    const answer = await rig.directCall(rig.signed("capture.get", { id: "c9" }));
    expect(answer.headers["content-type"]).toBe("application/cbor-seq");
    expect(answer.body.toString("latin1")).toContain("there is no capture c9");
  });

  it("end when the operator is revoked", async () => {
    const rig = new Rig({
      handlers: {
        "events.follow": async function* () {
          yield { type: "alive", time: "first" };
          rig.trusted.clear();
          yield { type: "alive", time: "second" };
        },
      },
    });
    const text = (await rig.directCall(rig.signed("events.follow", {}))).body.toString("latin1");
    expect(text).toContain("first");
    expect(text).toContain("not trusted any more");
    expect(text).not.toContain("second");
  });

  it("are refused with a reason in CBOR, as their items are not signed either", async () => {
    const rig = new Rig();
    const headers = { accept: "application/cbor-seq" };
    const body = rig.signed("events.follow", {}, { key: newKey() });
    expect(await rig.directCall(body, { headers })).toMatchObject({
      status: 403,
      value: { code: "E_FORBIDDEN" },
    });
  });

  it("are bounded, and those of readers leave room for operators", async () => {
    const opens: (() => void)[] = [];
    const rig = new Rig({
      handlers: {
        "events.follow": async function* () {
          await new Promise<void>((resolve) => opens.push(resolve));
          yield* [];
        },
      },
    });
    const gone = new AbortController();
    const readers = Array.from({ length: 9 }, () =>
      rig.answer("/v1/events", { signal: gone.signal }),
    );
    const ninth = await Promise.race(readers);
    expect(ninth).toMatchObject({ status: 503, value: { code: "E_BUSY" } });
    const signed = rig.directCall(rig.signed("events.follow", {}));
    await Promise.resolve();
    gone.abort();
    for (const open of opens) open();
    expect((await Promise.all(readers)).filter(({ status }) => status === 200)).toHaveLength(8);
    for (let left = true; left; ) {
      for (const open of opens) open();
      left = await Promise.race([
        signed.then(() => false),
        new Promise<true>((r) => setImmediate(() => r(true))),
      ]);
    }
    expect((await signed).status).toBe(200);
    expect(await Promise.race([rig.answer("/v1/events"), Promise.resolve("open")])).toBe("open");
  });
});

function payloadOf(rig: Rig): Uint8Array {
  const agent = rig.agent.publicKey.fingerprint;
  return encodeCbor({ agent, nonce: rig.nonces.issue(), verb: "agent.restart", args: {} });
}

/** A map of four entries with its first one a second time. */
function twice(payload: Uint8Array): Uint8Array {
  expect(payload[0]).toBe(0xa4);
  expect(Buffer.from(payload.subarray(1, 7)).toString("latin1")).toBe("dargs\xa0");
  return Buffer.concat([Buffer.of(0xa5), payload.subarray(1), payload.subarray(1, 7)]);
}

it("signs answers so that they cannot be taken for requests", async () => {
  const rig = new Rig();
  const answer = await rig.directCall(rig.signed("agent.restart", {}));
  expect(() => opened(answer.body, rig.agent.publicKey, "request")).toThrow("purpose");
});

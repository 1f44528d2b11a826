import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeCbor } from "../../../../agent/control/cbor.ts";
import {
  LOCAL_METRICS,
  LOCAL_ROUTES,
  localRoutes,
} from "../../../../agent/control/local-routes.ts";
import { openLocalSocket } from "../../../../agent/control/local-socket.ts";
import { VERBS } from "../../../../agent/control/verbs.ts";
import { type Answered, answered, Rig, type RigOptions } from "../../../support/control/rig.ts";
import { SAMPLES, VERB_NAMES } from "../../../support/control/samples.ts";
import { eventually, settle } from "../../../support/eventually.ts";
import { tempDir } from "../../../support/temp-dir.ts";

interface Local {
  readonly rig: Rig;
  /** A connection over which this was sent. */
  raw(text: string): Socket;
  ask(
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: Uint8Array | string,
  ): Promise<Answered>;
  /** The response, of which nothing was read yet. */
  begin(
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: Uint8Array | string,
  ): Promise<IncomingMessage>;
}

async function open(options: RigOptions = {}): Promise<Local> {
  const rig = new Rig(options);
  const routes = localRoutes(rig.dispatcher);
  const socket = await openLocalSocket({
    stateDir: tempDir(),
    routes: { [LOCAL_ROUTES]: routes, [LOCAL_METRICS]: routes },
    crash: (bug) => rig.bugs.push(bug),
  });
  onTestFinished(() => socket.close());
  const begin: Local["begin"] = async (method, path, headers = {}, body = "") => {
    const length = { "content-length": String(Buffer.byteLength(body)) };
    const sent = request({
      socketPath: socket.path,
      method,
      path,
      headers: { ...headers, ...length },
      agent: false,
    });
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return response;
  };
  return {
    rig,
    begin,
    raw(text) {
      const sent = connect(socket.path);
      sent.write(text);
      return sent;
    },
    async ask(...asked) {
      const response = await begin(...asked);
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      return answered(response.statusCode ?? 0, response.headers, Buffer.concat(pieces));
    },
  };
}

const CBOR = { "content-type": "application/cbor" };
const JSON_BOTH = { "content-type": "application/json", accept: "application/json" };

describe("the protocol on the host's own socket", () => {
  it.each(VERB_NAMES)("%s needs no signature", async (verb) => {
    const local = await open({ policy: { kind: "signed" } });
    const args = SAMPLES[verb].args[0];
    const answer = await local.ask("POST", "/v1/call", CBOR, encodeCbor({ verb, args }));
    expect(answer.status).toBe(200);
    if (!VERBS[verb].stream)
      expect(encodeCbor(answer.value)).toEqual(encodeCbor(SAMPLES[verb].results[0]));
    expect(local.rig.asked).toMatchObject([{ verb, args, asked: { caller: { kind: "local" } } }]);
  });

  it("is read by GET, whatever the site says of readers", async () => {
    const local = await open({ policy: { kind: "signed" } });
    const answer = await local.ask("GET", "/v1/journal?limit=5", { accept: "application/json" });
    expect(answer).toMatchObject({ status: 200, value: SAMPLES["journal.get"].results[0] });
    expect((await local.ask("GET", "/v1/")).status).toBe(200);
    expect((await local.ask("GET", "/metrics")).status).toBe(200);
    expect((await local.ask("GET", "/metrics/x")).status).toBe(404);
    expect((await local.ask("GET", "/v1/nothing")).status).toBe(404);
    expect((await local.ask("DELETE", "/v1/status")).status).toBe(405);
  });

  it("takes JSON, with octets as base64url", async () => {
    const local = await open();
    const args = { name: "tom", publicKey: Buffer.alloc(32, 7).toString("base64url") };
    const answer = await local.ask(
      "POST",
      "/v1/call",
      JSON_BOTH,
      JSON.stringify({ verb: "trust.add", args }),
    );
    expect(answer).toMatchObject({ status: 200, value: { name: "eva@laptop" } });
    expect(local.rig.asked[0]?.args).toEqual({
      name: "tom",
      publicKey: new Uint8Array(32).fill(7),
    });
  });

  it("takes a whole bundle", async () => {
    const local = await open();
    const bundle = new Uint8Array(4 * 1024 * 1024);
    const answer = await local.ask(
      "POST",
      "/v1/call",
      CBOR,
      encodeCbor({ verb: "site.put", args: { bundle } }),
    );
    expect(answer.status).toBe(200);
  });

  it.each([
    ["{", 400],
    ["[]", 400],
    ['{"verb":"agent.explode"}', 404],
    ['{"verb":"log.level","args":{"level":7}}', 400],
    ['{"verb":"log.level","args":[]}', 400],
    ['{"args":{}}', 400],
  ])("refuses %s with %i", async (body, status) => {
    const local = await open();
    const answer = await local.ask("POST", "/v1/call", JSON_BOTH, body);
    expect(answer).toMatchObject({
      status,
      value: { code: expect.any(String), cure: expect.any(String) },
    });
    expect(local.rig.asked).toEqual([]);
  });

  it("takes a request that is cut off for no bug", async () => {
    const local = await open();
    const sent = local.raw(
      "POST /v1/call HTTP/1.1\r\nHost: a\r\nContent-Type: application/cbor\r\nContent-Length: 9\r\n\r\nabc",
    );
    await once(sent, "connect");
    // The answer to another request comes after what was sent was read.
    expect((await local.ask("GET", "/v1/identity")).status).toBe(200);
    sent.destroy();
    expect((await local.ask("GET", "/v1/identity")).status).toBe(200);
    await settle();
    expect(local.rig.bugs).toEqual([]);
  });

  it("streams, and tells the handler when nobody listens any more", async () => {
    let ended = false;
    const local = await open({
      handlers: {
        "events.follow": async function* (_args, { signal }) {
          yield { type: "alive", time: "now" };
          await once(signal, "abort");
          ended = true;
        },
      },
    });
    const response = await local.begin("GET", "/v1/events");
    const [piece] = (await once(response, "data")) as [Buffer];
    expect(piece.toString("latin1")).toContain("alive");
    response.destroy();
    await eventually(() => ended, "the end");
  });
});

import { once } from "node:events";
import { type RequestOptions, request } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Certificate, makeCertificate } from "../../../../agent/identity/certificate.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import type { Asker } from "../../../../agent/publish/assignment.ts";
import {
  type Answered,
  ConfigServer,
  type Given,
} from "../../../../agent/publish/config-server.ts";
import { Authority } from "../../../support/certificates.ts";
import { settle } from "../../../support/eventually.ts";
import { until } from "../../../support/until.ts";

const [OPERATOR, AGENT] = [generateKey(), generateKey()];
const OCTETS = Buffer.alloc(3_000_000, "bundle");
const DIGEST = "d".repeat(64);
const BUNDLE: Given = { kind: "bundle", octets: OCTETS, digest: DIGEST };

let operator: Certificate;
let agent: Certificate;
let server: ConfigServer;
let port: number;
let askers: Asker[];
let answers: Answered[];
let failures: string[];
let give: (asker: Asker) => Given;

beforeAll(async () => {
  [operator, agent] = await Promise.all([makeCertificate(OPERATOR), makeCertificate(AGENT)]);
});

beforeEach(async () => {
  askers = [];
  answers = [];
  failures = [];
  give = () => BUNDLE;
  server = new ConfigServer({
    ...operator,
    give: (asker) => {
      askers.push(asker);
      return give(asker);
    },
    answered: (_asker, how) => answers.push(how),
    failed: (_address, why) => failures.push(why),
    timing: { handshakeMs: 300, headersMs: 300, checkMs: 50 },
  });
  port = await server.listen("127.0.0.1", 0);
  onTestFinished(() => server.close());
});

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

function ask(path: string, options: RequestOptions = {}, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const all = {
      host: "127.0.0.1",
      port,
      path,
      rejectUnauthorized: false,
      agent: false,
      ...options,
    };
    const sent = request(all, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: Buffer.concat(pieces) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const withKey = (): RequestOptions => ({ cert: agent.certificate, key: agent.privateKey });

/** A connection that does nothing by itself. */
async function silent(): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1").resume();
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

describe("ConfigServer", () => {
  it("gives a bundle with its digest for a tag, and knows the asker by its key", async () => {
    const fingerprint = AGENT.publicKey.fingerprint;
    const path = `/v1/bundle?agent=${fingerprint}&name=rack%207&board=raspberry-pi-4b&more=x`;
    const reply = await ask(path, withKey());
    expect([reply.status, reply.body.equals(OCTETS)]).toEqual([200, true]);
    expect(reply.headers).toMatchObject({
      "content-type": 'application/cose; cose-type="cose-sign1"',
      etag: `"${DIGEST}"`,
      "content-length": "3000000",
    });
    expect(askers).toEqual([
      {
        proven: fingerprint,
        agent: fingerprint,
        name: "rack 7",
        board: "raspberry-pi-4b",
        address: "127.0.0.1",
      },
    ]);
    await until("the word of it", () => answers.length > 0);
    expect(answers).toEqual(["sent"]);
  });

  it("shows the operator's key, and speaks TLS 1.3 alone", async () => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    expect(socket.getProtocol()).toBe("TLSv1.3");
    const { x } = socket.getPeerX509Certificate()?.publicKey.export({ format: "jwk" }) ?? {};
    expect(Buffer.from(x ?? "", "base64url")).toEqual(Buffer.from(OPERATOR.publicKey.octets));
    await expect(ask("/v1/bundle", { maxVersion: "TLSv1.2" })).rejects.toThrow();
  });

  it("has no proof of who shows no certificate, or one of another kind of key", async () => {
    expect((await ask("/v1/bundle?agent=x")).status).toBe(200);
    const { cert, key } = new Authority().issue();
    const { readFileSync } = await import("node:fs");
    await ask("/v1/bundle", { cert: readFileSync(cert), key: readFileSync(key) });
    expect(askers.map(({ proven }) => proven)).toEqual([undefined, undefined]);
  });

  it("says 304 to who has it, by any form of the header", async () => {
    for (const tag of [`"${DIGEST}"`, `"x", W/"${DIGEST}"`, "*"]) {
      const reply = await ask("/v1/bundle", { headers: { "If-None-Match": tag } });
      expect(reply).toMatchObject({ status: 304, headers: { etag: `"${DIGEST}"` } });
      expect(reply.body).toHaveLength(0);
    }
    expect((await ask("/v1/bundle", { headers: { "If-None-Match": '"x"' } })).status).toBe(200);
  });

  it("answers HEAD without the octets, and keeps a connection", async () => {
    const reply = await ask("/v1/bundle", { method: "HEAD" });
    expect([reply.status, reply.body.length, reply.headers["content-length"]]).toEqual([
      200,
      0,
      "3000000",
    ]);
    expect(answers).toEqual([]);
  });

  it.each([
    ["/", 404],
    ["/v1/bundle/", 404],
    ["/v1/bundle/../../etc/passwd", 404],
    ["//v1/bundle", 404],
    [`/v1/bundle?name=${"x".repeat(300)}`, 404],
  ])("says %s is %i", async (path, status) => {
    expect((await ask(path)).status).toBe(status);
    expect(askers).toEqual([]);
  });

  it("says 404 to whom nothing is for, and nothing more", async () => {
    give = () => ({ kind: "none" });
    const reply = await ask("/v1/bundle", withKey());
    expect([reply.status, reply.body.length]).toEqual([404, 0]);
    expect(answers).toEqual(["none"]);
  });

  it("refuses what is not for reading, and pages in a browser", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
      expect((await ask("/v1/bundle", { method })).status).toBe(405);
    }
    expect((await ask("/v1/bundle", { headers: { Origin: "https://x.example" } })).status).toBe(
      403,
    );
    expect((await ask("/v1/bundle", { headers: { "Sec-Fetch-Site": "cross-site" } })).status).toBe(
      403,
    );
    expect(askers).toEqual([]);
  });

  it("refuses headers without end, and rubbish, and serves on", async () => {
    const big = await ask("/v1/bundle", { headers: { X: "y".repeat(20_000) } }).catch(
      () => undefined,
    );
    expect(big?.status ?? 0).not.toBe(200);
    for (const octets of [
      "GET / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\xff\xff\x00rubbish",
      "\0".repeat(99),
    ]) {
      const socket = await silent();
      socket.end(octets);
      await once(socket, "close");
    }
    expect(failures.length).toBeGreaterThan(0);
    expect((await ask("/v1/bundle")).status).toBe(200);
  });

  it("takes so many connections of one host, and lets others of it in when they end", async () => {
    const sockets = await Promise.all(Array.from({ length: 16 }, silent));
    await expect(ask("/v1/bundle")).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await until("a free place", () => {
      void ask("/v1/bundle").then(
        () => answers,
        () => undefined,
      );
      return answers.includes("sent");
    });
  });

  it("hangs up on who does not shake hands", async () => {
    const socket = await silent();
    const [byError] = await once(socket, "close");
    expect(byError).toBe(false);
  });

  it("hangs up on who has shaken hands and asks nothing", async () => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.write("GET /v1/bundle HTTP/1.1\r\nHost: x\r\n");
    socket.resume();
    await once(socket, "close");
    expect(askers).toEqual([]);
  });

  it("closes with connections open, and says when a port is taken", async () => {
    await expect(server.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "E_PORT_IN_USE" });
    await expect(server.listen("192.0.2.1", 0)).rejects.toMatchObject({ code: "E_INTERFACE" });
    const socket = await silent();
    const closed = once(socket, "close");
    await server.close();
    await closed;
    await settle();
  });
});

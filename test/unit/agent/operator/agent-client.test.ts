import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeCbor } from "../../../../agent/control/cbor.ts";
import { REQUEST } from "../../../../agent/cose/purposes.ts";
import { sealSign1 } from "../../../../agent/cose/sign1.ts";
import type { AgentError } from "../../../../agent/errors.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { AgentClient } from "../../../../agent/operator/agent-client.ts";
import { connect, EVA } from "../../../support/agent-client.ts";
import { failureOf } from "../../../support/agent-errors.ts";
import { Authority } from "../../../support/certificates.ts";
import { FakeAgent, identityOf, statusOf } from "../../../support/fake-agent.ts";

function failure(promise: Promise<unknown>): Promise<AgentError> {
  return failureOf(() => promise);
}

/** Answers a reading request with what `make` gives, whatever it asks. */
function answering(
  make: (agent: FakeAgent, nonce: Buffer, path: string) => Uint8Array,
  type = "application/cose",
) {
  return (request: IncomingMessage, response: ServerResponse, agent: FakeAgent): boolean => {
    if (request.url === "/v1/identity") return false;
    const nonce = Buffer.from(String(request.headers["pilotlight-nonce"]), "base64url");
    response.writeHead(200, { "content-type": type });
    response.end(make(agent, nonce, request.url ?? ""));
    return true;
  };
}

describe("AgentClient", () => {
  it("learns who the agent is, and reads with answers that it signed", async () => {
    const agent: FakeAgent = await FakeAgent.open({
      handlers: { "status.get": () => statusOf(agent) },
    });
    const client = await connect(agent, { expect: agent.fingerprint });
    expect([client.name, client.fingerprint, client.address]).toEqual([
      "rack7",
      agent.fingerprint,
      agent.address,
    ]);
    expect(encodeCbor(await client.get("status.get", {}))).toEqual(encodeCbor(statusOf(agent)));
  });

  it("signs calls, each with a nonce of its own", async () => {
    const machine = {
      name: "a/b c",
      mac: "00:03:ba:5b:ae:b3",
      ip: "172.24.42.51",
      profile: null,
      family: null,
      booting: false,
      overrides: [],
    };
    const agent = await FakeAgent.open({
      trusted: new Set([EVA.publicKey.fingerprint]),
      handlers: {
        "machines.hold": () => machine,
        "machines.plan": () => ({
          machine,
          server: "x",
          offers: [],
          files: [],
          root: null,
          bootparams: {},
        }),
      },
    });
    const client = await connect(agent);
    await client.call("machines.hold", { machine: "a/b c" });
    await client.call("machines.hold", { machine: "a/b c" });
    await client.get("machines.plan", { machine: "a/b c" });
    const by = EVA.publicKey.fingerprint;
    const args = { machine: "a/b c" };
    expect(agent.done).toEqual([
      { verb: "machines.hold", args, by },
      { verb: "machines.hold", args, by },
      { verb: "machines.plan", args, by: undefined },
    ]);
  });

  it("signs what it may not read otherwise, and only then asks for the key", async () => {
    const agent: FakeAgent = await FakeAgent.open({
      closed: true,
      trusted: new Set([EVA.publicKey.fingerprint]),
      handlers: { "status.get": () => statusOf(agent) },
    });
    const client = await connect(agent);
    await client.get("status.get", {});
    expect(agent.done.map(({ by }) => by)).toEqual([EVA.publicKey.fingerprint]);
    const keyless = await connect(agent, { key: () => Promise.reject(new Error("no key")) });
    expect(await failure(keyless.get("status.get", {}))).toMatchObject({ code: "E_FORBIDDEN" });
  });

  it("says that a key is not trusted, in the agent's words", async () => {
    const agent = await FakeAgent.open({ trusted: new Set() });
    const client = await connect(agent);
    const error = await failure(client.call("agent.restart", {}));
    expect(error).toMatchObject({ code: "E_FORBIDDEN" });
    expect(error.message).toContain(`rack7 (${agent.address}): your key is not trusted here`);
  });

  it("sends nothing to an agent with another key than the pinned one", async () => {
    const asked: unknown[] = [];
    const agent = await FakeAgent.open({ wrong: (request) => asked.push(request.url) > 100 });
    const pinned = generateKey().publicKey.fingerprint;
    const error = await failure(connect(agent, { expect: pinned }));
    expect(error.code).toBe("E_IDENTITY");
    expect(error.message).toContain(agent.fingerprint);
    expect(asked).toEqual([]);
  });

  it("notices that the key changes between two connections", async () => {
    const agent: FakeAgent = await FakeAgent.open({
      handlers: { "status.get": () => statusOf(agent) },
    });
    const client = await connect(agent);
    await agent.close();
    await FakeAgent.open({ port: agent.port });
    expect(await failure(client.get("status.get", {}))).toMatchObject({ code: "E_IDENTITY" });
  });

  it("does not believe a certificate of an authority", async () => {
    const { cert, key } = new Authority().issue();
    const tls = { cert: readFileSync(cert), key: readFileSync(key) };
    const agent = await FakeAgent.open({ tls });
    expect(await failure(connect(agent))).toMatchObject({
      code: "E_PROTOCOL",
      message: expect.stringContaining("no Ed25519 key"),
    });
  });

  it("says which version an agent of another protocol speaks", async () => {
    const agent: FakeAgent = await FakeAgent.open({
      handlers: { "identity.get": () => ({ ...identityOf(agent), protocol: 2, version: "9.1" }) },
    });
    const error = await failure(connect(agent));
    expect(error).toMatchObject({ code: "E_PROTOCOL", cure: expect.stringContaining("9.1") });
  });

  it("takes an agent that contradicts its own key for broken", async () => {
    const agent: FakeAgent = await FakeAgent.open({
      handlers: { "identity.get": () => ({ ...identityOf(agent), fingerprint: "a".repeat(52) }) },
    });
    expect(await failure(connect(agent))).toMatchObject({ code: "E_IDENTITY" });
  });

  const other = generateKey();
  it.each([
    [
      "another key",
      (a: FakeAgent, nonce: Buffer, path: string) =>
        a.seal({ nonce, path, status: "ok", result: statusOf(a) }, other),
      "E_IDENTITY",
    ],
    [
      "another nonce",
      (a: FakeAgent, _: Buffer, path: string) =>
        a.seal({ nonce: Buffer.alloc(32), path, status: "ok", result: statusOf(a) }),
      "E_PROTOCOL",
    ],
    [
      "another path",
      (a: FakeAgent, nonce: Buffer) =>
        a.seal({ nonce, path: "/v1/machines", status: "ok", result: statusOf(a) }),
      "E_PROTOCOL",
    ],
    [
      "no status",
      (a: FakeAgent, nonce: Buffer, path: string) => a.seal({ nonce, path, result: statusOf(a) }),
      "E_PROTOCOL",
    ],
    ["a list", (a: FakeAgent) => a.seal([1, 2]), "E_PROTOCOL"],
    [
      "another purpose",
      (a: FakeAgent, nonce: Buffer, path: string) =>
        sealSign1(encodeCbor({ nonce, path, status: "ok", result: statusOf(a) }), a.key, REQUEST),
      "E_PROTOCOL",
    ],
    [
      "a result of another form",
      (a: FakeAgent, nonce: Buffer, path: string) =>
        a.seal({ nonce, path, status: "ok", result: { ...statusOf(a), booting: [7] } }),
      "E_PROTOCOL",
    ],
    [
      "a flipped octet",
      (a: FakeAgent, nonce: Buffer, path: string) => {
        const octets = a.seal({ nonce, path, status: "ok", result: statusOf(a) });
        octets[octets.length - 100] = (octets[octets.length - 100] ?? 0) ^ 1;
        return octets;
      },
      "E_IDENTITY",
    ],
    ["no COSE", () => Buffer.from("what?"), "E_PROTOCOL"],
    ["nothing", () => new Uint8Array(), "E_PROTOCOL"],
    ["more than it may", () => Buffer.alloc(9 * 1024 * 1024), "E_PROTOCOL"],
  ] as const)("does not take an answer with %s", async (_, make, code) => {
    const agent = await FakeAgent.open({ wrong: answering(make) });
    const client = await connect(agent);
    const error = await failure(client.get("status.get", {}));
    expect(error.code).toBe(code);
    expect(error.message).toContain("rack7");
  });

  it("does not take an answer that is not signed, nor an error that is no message", async () => {
    const agent = await FakeAgent.open({
      wrong: answering((a) => encodeCbor(statusOf(a)), "application/cbor"),
    });
    const client = await connect(agent);
    expect(await failure(client.get("status.get", {}))).toMatchObject({ code: "E_PROTOCOL" });
    const web = await FakeAgent.open({
      wrong: (_, response) => {
        response.writeHead(404, { "content-type": "text/html" });
        response.end("<h1>nginx</h1>");
        return true;
      },
    });
    expect(await failure(connect(web))).toMatchObject({ code: "E_PROTOCOL" });
  });

  it("gives up on one that says nothing", async () => {
    const agent = await FakeAgent.open({ wrong: ({ url }) => url !== "/v1/identity" });
    const client = await connect(agent, { timing: { readMs: 60 } });
    expect(await failure(client.get("status.get", {}))).toMatchObject({
      code: "E_UNREACHABLE",
      message: expect.stringContaining("said nothing"),
    });
  });

  it("gives up on an answer that does not end", async () => {
    const agent = await FakeAgent.open({
      wrong: ({ url }, response) => {
        if (url === "/v1/identity") return false;
        response.writeHead(200, { "content-type": "application/cose", "content-length": 100 });
        response.write("x");
        return true;
      },
    });
    const client = await connect(agent, { timing: { readMs: 60 } });
    expect(await failure(client.get("status.get", {}))).toMatchObject({ code: "E_UNREACHABLE" });
  });

  it("says what is at an address where no agent is", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    const input = { host: "127.0.0.1", key: () => Promise.resolve(EVA) };
    expect(await failure(AgentClient.connect({ ...input, port }))).toMatchObject({
      code: "E_UNREACHABLE",
      message: `127.0.0.1:${port}: nothing listens there`,
    });
    const ssh = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("SSH-2.0-OpenSSH_10.0\r\n");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void ssh.close());
    await once(ssh, "listening");
    const there = (ssh.address() as AddressInfo).port;
    const error = await failure(AgentClient.connect({ ...input, port: there }));
    expect(error).toMatchObject({ code: "E_UNREACHABLE", message: expect.stringContaining("TLS") });
    const silent = createServer((socket) => socket.on("error", () => undefined)).listen(
      0,
      "127.0.0.1",
    );
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const hangs = {
      ...input,
      port: (silent.address() as AddressInfo).port,
      timing: { connectMs: 60 },
    };
    expect(await failure(AgentClient.connect(hangs))).toMatchObject({ code: "E_UNREACHABLE" });
  });
});

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { decodeCbor, encodeCbor, requestLimits } from "../../agent/control/cbor.ts";
import type { AgentStatus, VerbName, Verbs } from "../../agent/control/messages.ts";
import { VERBS } from "../../agent/control/verbs.ts";
import { ANSWER, REQUEST } from "../../agent/cose/purposes.ts";
import { openSign1, sealSign1 } from "../../agent/cose/sign1.ts";
import { AgentError } from "../../agent/errors.ts";
import { makeCertificate } from "../../agent/identity/certificate.ts";
import { claimedProof, claimProof } from "../../agent/identity/claim-proof.ts";
import { generateKey, type PrivateKey, publicKeyFromOctets } from "../../agent/identity/ed25519.ts";

/** What an agent does for each verb; what is missing is E_NOT_FOUND. Streams return what they send. */
export type FakeHandlers = {
  readonly [V in VerbName]?: (
    args: Verbs[V]["args"],
    by: string | undefined,
  ) => Verbs[V]["result"] | AsyncIterable<Verbs[V]["result"]>;
};

export interface FakeOptions {
  readonly name?: string;
  readonly key?: PrivateKey;
  readonly handlers?: FakeHandlers;
  /** Fingerprints whose requests are taken. */
  readonly trusted?: Set<string>;
  /** Reading without a signature is refused. */
  readonly closed?: boolean;
  readonly claimCode?: string;
  readonly port?: number;
  /** Misbehaves: true says that it has dealt with the request. */
  readonly wrong?: (
    request: IncomingMessage,
    response: ServerResponse,
    agent: FakeAgent,
  ) => boolean;
  readonly tls?: ServerOptions;
}

/** An agent of the control protocol on 127.0.0.1, over TLS, with handlers of the test's own. Ends with the test. */
export class FakeAgent {
  readonly key: PrivateKey;
  readonly options: FakeOptions;
  name: string;
  port = 0;
  /** Verbs that were done, in their order. */
  readonly done: {
    readonly verb: VerbName;
    readonly args: unknown;
    readonly by: string | undefined;
  }[] = [];
  private readonly nonces = new Set<string>();
  private server: Server | undefined;

  private constructor(options: FakeOptions) {
    this.options = options;
    this.key = options.key ?? spareKey();
    this.name = options.name ?? "rack7";
  }

  static async open(options: FakeOptions = {}): Promise<FakeAgent> {
    const agent = new FakeAgent(options);
    await agent.listen(options.port ?? 0);
    onTestFinished(() => agent.close());
    return agent;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get fingerprint(): string {
    return this.key.publicKey.fingerprint;
  }

  async listen(port: number): Promise<void> {
    const { certificate, privateKey } = await certificateOf(this.key);
    this.server = createServer(
      { cert: certificate, key: privateKey, minVersion: "TLSv1.3", ...this.options.tls },
      (request, response) => void this.answer(request, response),
    );
    this.server.listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** Cuts all connections, and goes on listening. */
  cut(): void {
    this.server?.closeAllConnections();
  }

  /** A signed answer. */
  seal(payload: unknown, key: PrivateKey = this.key): Uint8Array {
    return sealSign1(encodeCbor(payload), key, ANSWER);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.options.wrong?.(request, response, this)) return;
    const url = new URL(request.url ?? "/", "http://agent");
    try {
      if (url.pathname === "/v1/nonce") this.sendNonce(response);
      else if (url.pathname === "/v1/claim") this.claim(await bodyOf(request), response);
      else if (url.pathname === "/v1/call")
        await this.call(await bodyOf(request), request, response);
      else await this.read(url, request, response);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const { code, message, cure } = error;
      send(
        response,
        code === "E_FORBIDDEN" ? 403 : 404,
        "application/cbor",
        encodeCbor({ code, message, cure }),
      );
    }
  }

  private sendNonce(response: ServerResponse): void {
    const nonce = randomBytes(32);
    this.nonces.add(nonce.toString("hex"));
    send(response, 200, "application/cbor", encodeCbor({ nonce }));
  }

  private spend(nonce: unknown): Uint8Array {
    if (nonce instanceof Uint8Array && this.nonces.delete(Buffer.from(nonce).toString("hex")))
      return nonce;
    throw new AgentError("E_FORBIDDEN", "the nonce was used");
  }

  private claim(body: Uint8Array, response: ServerResponse): void {
    const asked = decodeCbor(body, requestLimits(65_536)) as {
      readonly nonce?: Uint8Array;
      readonly publicKey?: Uint8Array;
      readonly proof?: Uint8Array;
    };
    const nonce = this.spend(asked.nonce);
    const { publicKey = new Uint8Array(), proof = new Uint8Array() } = asked;
    const facts = { fingerprint: this.fingerprint, nonce, publicKey };
    const code = this.options.claimCode ?? "";
    if (!Buffer.from(proof).equals(claimProof(code, facts)))
      throw new AgentError("E_CLAIM", "the code is wrong");
    this.options.trusted?.add(publicKeyFromOctets(publicKey).fingerprint);
    send(
      response,
      200,
      "application/cbor",
      encodeCbor({ proof: claimedProof(code, facts), operator: {} }),
    );
  }

  private async call(
    body: Uint8Array,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const message = openSign1(body, REQUEST);
    const asked = decodeCbor(message.payload, requestLimits(5_000_000)) as {
      agent: string;
      nonce: unknown;
      verb: VerbName;
      args: Record<string, unknown>;
    };
    const nonce = this.spend(asked.nonce);
    if (asked.agent !== this.fingerprint)
      throw new AgentError("E_FORBIDDEN", "meant for another agent");
    const trusted = this.options.trusted?.has(message.signer) === true;
    const run = (): unknown => {
      if (trusted) return this.run(asked.verb, asked.args, message.signer);
      throw new AgentError("E_FORBIDDEN", "your key is not trusted here");
    };
    if (request.headers.accept === "application/cbor-seq") await sendItems(response, run());
    else this.sendSigned(response, { nonce }, run);
  }

  private async read(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { verb, args } = readOf(url);
    if (this.options.closed && verb !== "identity.get")
      throw new AgentError("E_FORBIDDEN", "only for operators");
    const run = (): unknown => this.run(verb, args, undefined);
    if (request.headers.accept === "application/cbor-seq") await sendItems(response, run());
    else {
      const nonce = Buffer.from(String(request.headers["pilotlight-nonce"]), "base64url");
      this.sendSigned(response, { nonce, path: request.url }, run);
    }
  }

  private run(verb: VerbName, args: Record<string, unknown>, by: string | undefined): unknown {
    const handler = this.options.handlers?.[verb] as
      | ((args: unknown, by: string | undefined) => unknown)
      | undefined;
    if (!handler && verb === "identity.get") return identityOf(this);
    if (!handler) throw new AgentError("E_NOT_FOUND", `no ${verb} here`);
    this.done.push({ verb, args, by });
    return handler(args, by);
  }

  private sendSigned(response: ServerResponse, head: object, run: () => unknown): void {
    let said: object;
    try {
      said = { status: "ok", result: run() };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const { code, message, cure } = error;
      said = { status: "error", error: { code, message, cure } };
    }
    send(
      response,
      "error" in said ? 403 : 200,
      "application/cose",
      this.seal({ ...head, ...said }),
    );
  }
}

/** What an agent says of itself. */
export function identityOf(agent: FakeAgent): Verbs["identity.get"]["result"] {
  return {
    name: agent.name,
    publicKey: agent.key.publicKey.octets,
    fingerprint: agent.fingerprint,
    version: "0.1.0",
    board: "generic-x86",
    protocol: 1,
    claimable: agent.options.claimCode !== undefined,
  };
}

/** The status of an agent that serves a site. */
export function statusOf(agent: FakeAgent, more: Partial<AgentStatus> = {}): AgentStatus {
  return {
    identity: identityOf(agent),
    state: "serving",
    reasons: [],
    site: { name: "three-racks", source: "file", file: "/etc/pilotlight/site.yaml" },
    interfaces: [
      { name: "eth0", role: "rack", up: true, addresses: ["172.24.42.150/24"] },
      { name: "eth1", role: "management", up: true, addresses: ["10.0.0.7/24"] },
    ],
    booting: [],
    machines: 3,
    clock: { time: "2026-11-21T13:00:00.000Z", plausible: true },
    startedAt: "2026-11-21T12:00:00.000Z",
    residentOctets: 61_000_000,
    logLevel: "info",
    counters: {},
    ...more,
  };
}

/** Keys with certificates that no test uses just now: making one takes a process. */
const spare: PrivateKey[] = [];

function spareKey(): PrivateKey {
  const key = spare.pop() ?? generateKey();
  onTestFinished(() => {
    spare.push(key);
  });
  return key;
}

const certificates = new WeakMap<PrivateKey, ReturnType<typeof makeCertificate>>();

function certificateOf(key: PrivateKey): ReturnType<typeof makeCertificate> {
  const made = certificates.get(key) ?? makeCertificate(key);
  certificates.set(key, made);
  return made;
}

function readOf(url: URL): { readonly verb: VerbName; readonly args: Record<string, unknown> } {
  for (const verb of Object.keys(VERBS) as VerbName[]) {
    const { path } = VERBS[verb];
    if (path === undefined) continue;
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? "");
    const found = new RegExp(`^/v1${path.replace(/:\w+/g, "([^/]+)")}$`).exec(url.pathname);
    if (!found) continue;
    const args = Object.fromEntries(url.searchParams);
    for (const [i, name] of names.entries()) args[name] = decodeURIComponent(found[i + 1] ?? "");
    return { verb, args };
  }
  throw new AgentError("E_NOT_FOUND", `nothing at ${url.pathname}`);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function sendItems(response: ServerResponse, items: unknown): Promise<void> {
  response.writeHead(200, { "content-type": "application/cbor-seq" });
  response.flushHeaders();
  for await (const item of items as AsyncIterable<unknown>) {
    if (response.destroyed) return;
    response.write(encodeCbor(item));
  }
  response.end();
}

function send(response: ServerResponse, status: number, type: string, body: Uint8Array): void {
  response.writeHead(status, { "content-type": type, "content-length": body.length });
  response.end(body);
}

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import path from "node:path";
import { onTestFinished } from "vitest";
import { decodeCbor, encodeCbor, requestLimits } from "../../../agent/control/cbor.ts";
import { NonceDesk } from "../../../agent/control/nonce-desk.ts";
import type { ConnectionLimits } from "../../../agent/control/server/connections.ts";
import { ControlServer } from "../../../agent/control/server/control-server.ts";
import { Dispatcher } from "../../../agent/control/server/dispatcher.ts";
import { HttpRefusal } from "../../../agent/control/server/http-refusal.ts";
import type { Channel } from "../../../agent/control/server/message.ts";
import type { Claims, ControlParts, ReadPolicy } from "../../../agent/control/server/parts.ts";
import type { Handlers } from "../../../agent/control/verbs.ts";
import { AgentError } from "../../../agent/errors.ts";
import type { Operator } from "../../../agent/identity/trust.ts";
import { type Clock, systemClock } from "../../../agent/link/clock.ts";
import { tempDir } from "../temp-dir.ts";
import { type AskedOf, fakeHandlers } from "./fake-handlers.ts";
import { newKey, type TestKey } from "./keys.ts";
import { opened, seal, signatures } from "./sign1.ts";

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body, as its Content-Type says. */
  readonly value: unknown;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly tls?: boolean;
  readonly localAddress?: string;
}

/** A call, and what the agent signed of its answer. */
export type Said = Answered & { readonly said: Record<string, unknown> };

export interface DirectOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly channel?: Channel;
  readonly signal?: AbortSignal;
}

export const COSE = 'application/cose; cose-type="cose-sign1"';

export interface RigOptions {
  readonly handlers?: Partial<Handlers>;
  readonly policy?: ReadPolicy;
  readonly limits?: ConnectionLimits;
  /** Of nonces. */
  readonly now?: () => number;
  readonly clock?: Clock;
  readonly claims?: Claims;
  readonly names?: readonly string[];
  readonly port?: number;
}

export const NO_CLAIMS: Claims = {
  claim: () => Promise.reject(new AgentError("E_CLAIM", "somebody is trusted already")),
};

const LIMITS = {
  ...requestLimits(64 * 1024 * 1024),
  items: 1_000_000,
  depth: 16,
  mapEntries: 4_000,
};
/** Made once: a certificate of a key costs a process. */
const AGENT: TestKey = newKey();
let certificate: string | undefined;

export function certificateOf(key: TestKey): string {
  const file = path.join(tempDir(), "key.pem");
  writeFileSync(file, key.pem, { mode: 0o600 });
  const args = ["req", "-x509", "-new", "-key", file, "-subj", "/CN=pilotlight", "-days", "30000"];
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
  return stdout;
}

export function operatorOf(key: TestKey, name: string): Operator {
  return { name, key: key.publicKey, since: "2026-11-21T16:13:23Z", origin: { by: "claim" } };
}

/** The parts of a dispatcher over fakes: one operator is trusted. */
export class Rig {
  readonly agent: TestKey = AGENT;
  readonly operator: TestKey = newKey();
  readonly asked: AskedOf[];
  readonly bugs: unknown[] = [];
  readonly nonces: NonceDesk;
  readonly dispatcher: Dispatcher;
  readonly parts: ControlParts;
  policy: ReadPolicy;
  /** Fingerprints to operators that are trusted. */
  readonly trusted = new Map<string, Operator>();

  constructor(options: RigOptions = {}) {
    const { handlers, asked } = fakeHandlers(options.handlers);
    certificate ??= certificateOf(AGENT);
    this.asked = asked;
    this.policy = options.policy ?? { kind: "open" };
    this.nonces = new NonceDesk(options.now ?? (() => performance.now()));
    this.trusted.set(this.operator.publicKey.fingerprint, operatorOf(this.operator, "eva@laptop"));
    this.parts = {
      handlers,
      identity: { key: AGENT, certificate, privateKey: AGENT.pem },
      trust: { find: (fingerprint) => this.trusted.get(fingerprint) },
      signatures: signatures(AGENT),
      nonces: this.nonces,
      claims: options.claims ?? NO_CLAIMS,
      readPolicy: () => this.policy,
      names: () => options.names ?? ["rack-3.local"],
      version: "0.1.0",
      crash: (bug) => this.bugs.push(bug),
    };
    this.dispatcher = new Dispatcher(this.parts);
  }

  /** Asks the dispatcher without a network. Host is an address, unless `headers` say something else. */
  async answer(target: string, options: DirectOptions = {}): Promise<Answered> {
    const { method = "GET", headers = {}, body = "", channel = "tls" } = options;
    const all: Record<string, string> = { host: "192.0.2.7:7458", ...headers };
    const octets = typeof body === "string" ? Buffer.from(body) : body;
    const reply = await this.dispatcher.answer({
      ...{ method, target, channel, address: channel === "local" ? "" : "192.0.2.99" },
      signal: options.signal ?? new AbortController().signal,
      header: (name) => all[name],
      body: (maxOctets) =>
        octets.length <= maxOctets
          ? Promise.resolve(octets)
          : Promise.reject(new HttpRefusal(413, "E_PROTOCOL", "too long")),
    });
    const pieces: Uint8Array[] = [];
    if (reply.body instanceof Uint8Array) pieces.push(reply.body);
    else for await (const piece of reply.body) pieces.push(piece);
    return answered(reply.status, reply.headers, Buffer.concat(pieces));
  }

  /** A call by the dispatcher alone: the answer, and what is in it when the agent signed it. */
  async directCall(body: Uint8Array, options: DirectOptions = {}): Promise<Said> {
    const headers = { "content-type": COSE, ...options.headers };
    const answer = await this.answer("/v1/call", { ...options, method: "POST", headers, body });
    return { ...answer, said: this.unsealed(answer) };
  }

  /** What a signed answer says; an empty object for one that is not signed. */
  unsealed({ headers, body }: Answered): Record<string, unknown> {
    if (!headers["content-type"]?.startsWith("application/cose")) return {};
    return decodeCbor(opened(body, AGENT.publicKey, "answer"), LIMITS) as Record<string, unknown>;
  }

  /** The body of a signed call. */
  signed(
    verb: string,
    args: unknown,
    more: { readonly nonce?: Uint8Array; readonly agent?: string; readonly key?: TestKey } = {},
  ): Uint8Array {
    const {
      nonce = this.nonces.issue(),
      agent = AGENT.publicKey.fingerprint,
      key = this.operator,
    } = more;
    return seal(encodeCbor({ agent, nonce, verb, args }), key, "request");
  }
}

/** A server on the loopback interface. It ends with the test. */
export class ServerRig extends Rig {
  readonly server: ControlServer;

  constructor(options: RigOptions = {}) {
    super(options);
    this.server = new ControlServer({
      dispatcher: this.dispatcher,
      identity: this.parts.identity,
      clock: options.clock ?? systemClock,
      port: options.port ?? 0,
      ...(options.limits ? { limits: options.limits } : {}),
      crash: this.parts.crash,
    });
  }

  static async open(options: RigOptions = {}): Promise<ServerRig> {
    const rig = new ServerRig(options);
    const failed = await rig.server.listenOn(["127.0.0.1"]);
    if (failed.size > 0) throw [...failed.values()][0];
    onTestFinished(() => rig.server.close());
    return rig;
  }

  get port(): number {
    return this.server.addresses()[0]?.port ?? 0;
  }

  ask(target: string, options: AskOptions = {}): Promise<Answered> {
    const { method = "GET", headers = {}, body, tls = false, localAddress } = options;
    const request = tls ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...{ host: "127.0.0.1", port: this.port, path: target, method, headers, agent: false },
          ...(localAddress === undefined ? {} : { localAddress }),
          rejectUnauthorized: false,
        },
        (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.on("error", reject);
          response.on("end", () =>
            resolve(answered(response.statusCode ?? 0, response.headers, Buffer.concat(pieces))),
          );
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** A signed call over TLS, and what the agent's signed answer says. */
  async call(
    verb: string,
    args: unknown,
    body: Uint8Array = this.signed(verb, args),
    tls = true,
  ): Promise<Said> {
    const headers = { "content-type": COSE };
    const answer = await this.ask("/v1/call", { method: "POST", headers, body, tls });
    return { ...answer, said: this.unsealed(answer) };
  }
}

export function answered(status: number, headers: IncomingHttpHeaders, body: Buffer): Answered {
  const type = headers["content-type"] ?? "";
  let value: unknown;
  if (type === "application/json") value = JSON.parse(body.toString("utf8"));
  else if (type === "application/cbor" && body.length > 0) value = decodeCbor(body, LIMITS);
  return { status, headers, body, value };
}

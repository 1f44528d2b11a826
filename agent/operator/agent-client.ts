import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as later } from "node:timers/promises";
import { decodeCbor } from "../control/cbor.ts";
import { CONTROL_PORT, PROTOCOL_VERSION, type VerbName, type Verbs } from "../control/messages.ts";
import { VERBS } from "../control/verbs.ts";
import { AgentError } from "../errors.ts";
import type { PublicKey, SigningKey } from "../identity/keys.ts";
import { endpoint } from "../link/endpoint.ts";
import { printableCut } from "../log/printable.ts";
import type { AgentConnection } from "./connection.ts";
import { type Answered, type Asking, exchange, openStream, type Streaming } from "./exchange.ts";
import { answeredError, linkFailure } from "./failures.ts";
import { checkedItem, checkedResult } from "./results.ts";
import { SecureLink } from "./secure-link.ts";
import { sequenceItems } from "./sequence.ts";
import { ANSWER_LIMITS, MAX_ANSWER_OCTETS, openAnswer, sealRequest } from "./signed-messages.ts";
import { ROOT, verbPath } from "./verb-path.ts";

const READ_MS = 15_000;
/** A configuration that is applied takes its time. */
const CALL_MS = 60_000;
/** Agents say that they are alive each 15 s. */
const STREAM_IDLE_MS = 40_000;
/** Between two tries to follow an agent again: twice as long each time, ms. */
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;
const NONCE_LEN = 32;
const MAX_NONCE_LEN = 256;
const MAX_NAME = 100;

/** What a client is made with. */
export interface AgentClientInput {
  /** A host name or an address. */
  readonly host: string;
  readonly port?: number;
  /** Fingerprint of the key that the agent has to have. */
  readonly expect?: string | undefined;
  /** The operator's key; asked for when something has to be signed. Rejects with E_KEY. */
  readonly key: () => Promise<SigningKey>;
  /** Told, in one sentence, that a stream was broken off and is taken up again. */
  readonly notice?: (text: string) => void;
  readonly timing?: Partial<ClientTiming>;
}

/** How long the client waits, ms. */
export interface ClientTiming {
  readonly connectMs: number;
  readonly readMs: number;
  readonly callMs: number;
  readonly idleMs: number;
  /** Waits; rejects when the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<unknown>;
}

const TIMING: ClientTiming = {
  connectMs: 5_000,
  readMs: READ_MS,
  callMs: CALL_MS,
  idleMs: STREAM_IDLE_MS,
  pause: (ms, signal) => later(ms, undefined, { signal }),
};

/** An agent that is steered over the network: TLS 1.3 to its port, and answers that its identity key has signed. */
export class AgentClient implements AgentConnection {
  /** "10.0.0.7:7458". */
  readonly address: string;
  private readonly input: AgentClientInput;
  private readonly timing: ClientTiming;
  private readonly link: SecureLink;
  private readonly hostHeader: string;
  private identity: { readonly name: string; readonly key: PublicKey } | undefined;
  private readonly closed = new AbortController();

  private constructor(input: AgentClientInput, address: string) {
    const { port = CONTROL_PORT, expect } = input;
    this.input = input;
    this.timing = { ...TIMING, ...input.timing };
    this.address = endpoint(address, port);
    // A Host header with a zone is none that a server takes (RFC 6874 section 4).
    this.hostHeader = endpoint(address.replace(/%.*$/, ""), port);
    this.link = new SecureLink({ address, port, expect, connectMs: this.timing.connectMs });
  }

  /**
   * Connects, and asks the agent who it is.
   *
   * Rejects with E_UNREACHABLE, E_PROTOCOL when it speaks another version, and E_IDENTITY (`OtherKey` as its cause) when its
   * key is not the one that was expected.
   */
  static async connect(input: AgentClientInput): Promise<AgentClient> {
    const { host } = input;
    let address = host;
    try {
      if (isIP(host) === 0) ({ address } = await lookup(host));
    } catch (error) {
      throw linkFailure(error, printableCut(host, MAX_NAME));
    }
    const client = new AgentClient(input, address);
    try {
      await client.meet();
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  get name(): string {
    return this.identity?.name ?? "";
  }

  get fingerprint(): string {
    return this.publicKey.fingerprint;
  }

  /** The identity key, proven. */
  get publicKey(): PublicKey {
    const key = this.identity?.key ?? this.link.peer;
    if (!key) throw new Error("not connected");
    return key;
  }

  async get<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]> {
    const path = verbPath(verb, args);
    if (path === undefined) throw new Error(`${verb} is not read by GET`);
    if (VERBS[verb].access === "private") return this.call(verb, args);
    try {
      return await this.read(verb, path);
    } catch (error) {
      return await this.orSigned(error, () => this.call(verb, args));
    }
  }

  async call<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]> {
    const { body, nonce } = await this.sealed(verb, args);
    const answered = await this.exchange(
      asCall(body, "application/cose", this.timing.callMs),
      MAX_ANSWER_OCTETS,
    );
    return this.verified(verb, answered, { nonce });
  }

  async *stream<V extends VerbName>(
    verb: V,
    args: Verbs[V]["args"],
    signal: AbortSignal,
  ): AsyncIterable<Verbs[V]["result"]> {
    const ends = AbortSignal.any([signal, this.closed.signal]);
    let pauseMs = FIRST_PAUSE_MS;
    for (let met = false; !ends.aborted; ) {
      try {
        const streaming = await this.openStream(verb, args, ends);
        if (met) this.input.notice?.(`${this.where}: followed again`);
        met = true;
        for await (const item of this.items(verb, streaming)) {
          pauseMs = FIRST_PAUSE_MS;
          yield item;
        }
        if (verb !== "events.follow") return;
      } catch (error) {
        if (ends.aborted) return;
        if (verb !== "events.follow" || !met || !passes(error)) throw error;
      }
      if (ends.aborted) return;
      this.input.notice?.(
        `${this.where}: the connection is lost; tried again in ${pauseMs / 1000} s`,
      );
      await this.timing.pause(pauseMs, ends).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS);
    }
  }

  /** A request that nobody signs, with an answer that nobody signs: of `POST /v1/claim` and `GET /v1/nonce`. TLS proves who answers. */
  async plain(method: "GET" | "POST", path: string, body?: Uint8Array): Promise<unknown> {
    const answered = await this.exchange(
      {
        method,
        path,
        headers: {
          accept: "application/cbor",
          ...(body === undefined ? {} : { "content-type": "application/cbor" }),
        },
        ...(body === undefined ? {} : { body }),
        patienceMs: this.timing.readMs,
      },
      MAX_ANSWER_OCTETS,
    );
    const said = this.decoded(answered);
    if (answered.status !== 200) throw answeredError(said, this.where);
    return said;
  }

  /** A nonce that the agent will take once, within a minute. */
  async nonce(): Promise<Uint8Array> {
    const said = await this.plain("GET", `${ROOT}/nonce`);
    const { nonce } = (said ?? {}) as { readonly nonce?: unknown };
    if (nonce instanceof Uint8Array && nonce.length > 0 && nonce.length <= MAX_NONCE_LEN) {
      return nonce;
    }
    throw new AgentError("E_PROTOCOL", `${this.where}: it gives no nonce`);
  }

  close(): void {
    this.closed.abort();
    this.link.destroy();
  }

  /** "rack7 (10.0.0.7:7458)". */
  get where(): string {
    const name = this.identity?.name;
    return name === undefined ? this.address : `${name} (${this.address})`;
  }

  private async meet(): Promise<void> {
    const said = await this.read("identity.get", `${ROOT}/identity`);
    const key = this.publicKey;
    if (said.protocol !== PROTOCOL_VERSION) {
      throw new AgentError(
        "E_PROTOCOL",
        `${this.where} speaks version ${said.protocol} of the protocol, and this tool speaks ${PROTOCOL_VERSION}`,
        {
          cure: `Use the \`pilotlight\` of the agent's version, ${printableCut(said.version, 40)}.`,
        },
      );
    }
    if (said.fingerprint !== key.fingerprint) {
      throw new AgentError("E_IDENTITY", `${this.where} says that it has another key than it has`);
    }
    this.identity = { name: printableCut(said.name, MAX_NAME), key };
  }

  private async read<V extends VerbName>(verb: V, path: string): Promise<Verbs[V]["result"]> {
    const nonce = randomBytes(NONCE_LEN);
    const answered = await this.exchange(
      {
        method: "GET",
        path,
        headers: {
          accept: "application/cose",
          "pilotlight-nonce": nonce.toString("base64url"),
        },
        patienceMs: this.timing.readMs,
      },
      MAX_ANSWER_OCTETS,
    );
    return this.verified(verb, answered, { nonce, path });
  }

  private async sealed(
    verb: VerbName,
    args: object,
  ): Promise<{ readonly body: Uint8Array; readonly nonce: Uint8Array }> {
    const key = await this.input.key();
    const nonce = await this.nonce();
    return { body: sealRequest({ agent: this.fingerprint, nonce, verb, args }, key), nonce };
  }

  private verified<V extends VerbName>(
    verb: V,
    answered: Answered,
    asked: { readonly nonce: Uint8Array; readonly path?: string },
  ): Verbs[V]["result"] {
    const { headers, status, body } = answered;
    const { "content-type": type = "" } = headers;
    if (!type.startsWith("application/cose")) {
      // What fails before the agent knows who asks is not signed; over TLS it is the agent's word all the same.
      if (status >= 400) throw answeredError(this.decoded(answered), this.where);
      throw new AgentError("E_PROTOCOL", `${this.where}: its answer is not signed`);
    }
    const said = this.placed(() => {
      const opened = openAnswer(body, this.publicKey, asked);
      return "error" in opened ? opened : { result: checkedResult(verb, opened.result) };
    });
    if ("error" in said) throw answeredError(said.error, this.where);
    return said.result;
  }

  private async openStream(verb: VerbName, args: object, signal: AbortSignal): Promise<Streaming> {
    const path = verbPath(verb, args);
    const accept = "application/cbor-seq";
    const signed = async (): Promise<Streaming> => {
      const { body } = await this.sealed(verb, args);
      return this.streaming({ ...asCall(body, accept, this.timing.callMs), signal });
    };
    if (path === undefined) return await signed();
    try {
      const { readMs: patienceMs } = this.timing;
      return await this.streaming({ method: "GET", path, headers: { accept }, patienceMs, signal });
    } catch (error) {
      return await this.orSigned(error, signed);
    }
  }

  /** Where reading is not for everybody, an operator signs. Without a key the refusal stands. */
  private async orSigned<T>(error: unknown, signed: () => Promise<T>): Promise<T> {
    if (!(error instanceof AgentError) || error.code !== "E_FORBIDDEN") throw error;
    try {
      await this.input.key();
    } catch {
      throw error;
    }
    return await signed();
  }

  private async streaming(asking: Asking): Promise<Streaming> {
    const headers = { ...asking.headers, host: this.hostHeader };
    const streaming = await this.linked(() => openStream(this.link.way, { ...asking, headers }));
    if (streaming.status === 200) return streaming;
    const { status } = streaming;
    const body = await this.linked(() => streaming.rest(MAX_ANSWER_OCTETS));
    const answered = { status, headers: streaming.headers, body };
    throw answeredError(this.decoded(answered), this.where);
  }

  private async *items<V extends VerbName>(
    verb: V,
    streaming: Streaming,
  ): AsyncIterable<Verbs[V]["result"]> {
    try {
      const pieces = streaming.pieces(this.timing.idleMs);
      for await (const item of sequenceItems(pieces, ANSWER_LIMITS)) yield checkedItem(verb, item);
    } catch (error) {
      throw linkFailure(error, this.where);
    }
  }

  private async exchange(asking: Asking, most: number): Promise<Answered> {
    const headers = { ...asking.headers, host: this.hostHeader };
    return await this.linked(() => exchange(this.link.way, { ...asking, headers }, most));
  }

  private async linked<T>(over: () => Promise<T>): Promise<T> {
    try {
      return await over();
    } catch (error) {
      throw linkFailure(error, this.where);
    }
  }

  /** What this throws says whose answer it was. */
  private placed<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw linkFailure(error, this.where);
    }
  }

  /** An answer in CBOR. Throws E_PROTOCOL for anything else, as of something that is no agent. */
  private decoded({ headers, body, status }: Answered): unknown {
    const { "content-type": type = "" } = headers;
    if (type.startsWith("application/cbor")) {
      return this.placed(() => decodeCbor(body, ANSWER_LIMITS));
    }
    throw new AgentError(
      "E_PROTOCOL",
      `${this.where}: it answered with status ${status} and something that is no message`,
    );
  }
}

/** `POST /v1/call`. */
function asCall(body: Uint8Array, accept: string, patienceMs: number): Asking {
  const headers = { accept, "content-type": 'application/cose; cose-type="cose-sign1"' };
  return { method: "POST", path: `${ROOT}/call`, headers, body, patienceMs };
}

/** Whether a failure may be gone when it is tried again. */
function passes(error: unknown): boolean {
  return error instanceof AgentError && (error.code === "E_UNREACHABLE" || error.code === "E_BUSY");
}

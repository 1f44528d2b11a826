import { AgentError } from "../../errors.ts";
import { LoopLag } from "../../log/loop-lag.ts";
import type { Caller } from "../caller.ts";
import { encodeCbor } from "../cbor.ts";
import { PROTOCOL_VERSION, type VerbName } from "../messages.ts";
import { METRICS_TYPE, metricsText } from "../metrics.ts";
import { NONCE_MS } from "../nonce-desk.ts";
import { VERBS } from "../verbs.ts";
import { readerOf, refusePlain } from "./access.ts";
import { refuseBrowsers } from "./browser-guard.ts";
import {
  ANSWER_FORMATS,
  type AnswerFormat,
  encodeAnswer,
  encodeItem,
  negotiate,
  STREAM_FORMATS,
} from "./formats.ts";
import { HttpRefusal, httpStatus } from "./http-refusal.ts";
import {
  readArgs,
  readCall,
  readClaim,
  readSignedCall,
  readTextArgs,
  requireType,
  type SignedCall,
  verbOf,
} from "./input.ts";
import {
  type ControlReply,
  type ControlRequest,
  MAX_BODY_OCTETS,
  MAX_CALL_OCTETS,
} from "./message.ts";
import type { ControlParts, SignedRequest } from "./parts.ts";
import { routeOf } from "./routes.ts";
import { StreamDesk } from "./stream-desk.ts";

const COSE = "application/cose";
const COSE_SIGN1 = 'application/cose; cose-type="cose-sign1"';
/** Octets of the nonce that the asker of a signed answer chooses. */
const ASKER_NONCE = { least: 8, most: 64 };

/** A request that is going to be done. */
interface Admitted {
  readonly verb: VerbName;
  readonly args: object;
  readonly caller: Caller;
}

/** Answers requests of the control protocol, whatever carries them. It never rejects. */
export class Dispatcher {
  private readonly parts: ControlParts;
  private readonly lag: LoopLag = new LoopLag();
  private readonly streams = new StreamDesk();

  constructor(parts: ControlParts) {
    this.parts = parts;
  }

  async answer(request: ControlRequest): Promise<ControlReply> {
    try {
      if (request.channel !== "local") refuseBrowsers(request, this.parts.names());
      const route = routeOf(request.method, request.target);
      switch (route.kind) {
        case "call":
          return request.channel === "local"
            ? await this.local(request)
            : await this.signed(request);
        case "claim":
          return this.reply(request, await this.claim(request));
        case "read":
          return await this.read(request, route.verb, route.args);
        case "metrics":
          return await this.metrics(request);
        default:
          return await this.told(request, () =>
            route.kind === "nonce" ? this.nonce() : this.about(),
          );
      }
    } catch (error) {
      return this.refusal(error, negotiate(request.header("accept"), ANSWER_FORMATS));
    }
  }

  private about(): object {
    return {
      protocol: PROTOCOL_VERSION,
      version: this.parts.version,
      agent: this.parts.identity.key.publicKey.fingerprint,
      verbs: Object.entries(VERBS).map(([name, verb]) => ({ name, ...verb })),
    };
  }

  private nonce(): object {
    return { nonce: this.parts.nonces.issue(), validS: NONCE_MS / 1_000 };
  }

  private async read(
    request: ControlRequest,
    verb: VerbName,
    args: Readonly<Record<string, string>>,
  ): Promise<ControlReply> {
    const admit = (): Caller => {
      refusePlain(verb, request.channel);
      return readerOf(verb, request, this.parts.readPolicy());
    };
    if (VERBS[verb].stream) return this.stream(request, verb, readTextArgs(verb, args), admit());
    return this.told(request, () =>
      this.run(verb, readTextArgs(verb, args), admit(), request.signal),
    );
  }

  /** The status, for those who may read it. */
  private async metrics(request: ControlRequest): Promise<ControlReply> {
    const verb = "status.get";
    const caller = readerOf(verb, request, this.parts.readPolicy());
    const status = await this.parts.handlers[verb]({}, { caller, signal: request.signal });
    const headers = { ...COMMON, "content-type": METRICS_TYPE };
    return { status: 200, headers, body: Buffer.from(metricsText(status, this.lag.read())) };
  }

  /** Answers by GET, signed when the asker wants it. */
  private async told(request: ControlRequest, work: () => unknown): Promise<ControlReply> {
    const format = formatOf(request);
    if (format !== COSE) return this.reply(request, await work());
    const nonce = askerNonce(request.header("pilotlight-nonce"));
    return this.sealed({ path: request.target, nonce }, work);
  }

  /** A request on the agent's own host: unsigned, and everything is allowed. */
  private async local(request: ControlRequest): Promise<ControlReply> {
    const type = request.header("content-type");
    requireType(type, ["application/cbor", "application/json"]);
    const call = readCall(await request.body(MAX_CALL_OCTETS), type);
    const verb = verbOf(call.verb);
    const args = readArgs(verb, call.args);
    const caller: Caller = { kind: "local" };
    if (VERBS[verb].stream) return this.stream(request, verb, args, caller);
    return this.reply(request, await this.run(verb, args, caller, request.signal));
  }

  private async signed(request: ControlRequest): Promise<ControlReply> {
    requireType(request.header("content-type"), [COSE]);
    const body = await request.body(request.channel === "tls" ? MAX_CALL_OCTETS : MAX_BODY_OCTETS);
    const opened = this.parts.signatures.openRequest(body);
    const call = readSignedCall(opened.payload);
    const admit = (): Admitted => this.admitCall(opened, call, request, body.length);
    if (Object.hasOwn(VERBS, call.verb) && VERBS[call.verb as VerbName].stream) {
      const { verb, args, caller } = admit();
      return this.stream(request, verb, args, caller);
    }
    // Whoever asks is told by the agent's own key why not, too.
    return this.sealed({ nonce: call.nonce }, () => {
      const { verb, args, caller } = admit();
      return this.run(verb, args, caller, request.signal);
    });
  }

  /** Who asks for what, when everything about the request is right. Uses up its nonce when the signature is. */
  private admitCall(
    signed: SignedRequest,
    call: SignedCall,
    request: ControlRequest,
    bodyLen: number,
  ): Admitted {
    const operator = this.parts.trust.find(signed.signer);
    if (!operator) {
      throw new AgentError("E_FORBIDDEN", "the key that signed the request is not trusted here");
    }
    if (!signed.verify(operator.key)) {
      throw new AgentError("E_FORBIDDEN", "the signature of the request is wrong");
    }
    if (call.agent !== this.parts.identity.key.publicKey.fingerprint) {
      throw new AgentError("E_FORBIDDEN", "the request was signed for another agent", {
        cure: "Sign it for the agent whose fingerprint GET /v1/identity tells.",
      });
    }
    if (!this.parts.nonces.spend(call.nonce)) {
      throw new AgentError(
        "E_FORBIDDEN",
        "the nonce of the request is not one of this agent, is too old or was used",
        {
          cure: "Take a new one from GET /v1/nonce, and sign again.",
        },
      );
    }
    const verb = verbOf(call.verb);
    refusePlain(verb, request.channel);
    if (bodyLen > MAX_BODY_OCTETS && !VERBS[verb].confidential) {
      throw new HttpRefusal(
        413,
        "E_PROTOCOL",
        `a request for ${verb} has at most ${MAX_BODY_OCTETS} octets`,
      );
    }
    return { verb, args: readArgs(verb, call.args), caller: { kind: "operator", operator } };
  }

  private async claim(request: ControlRequest): Promise<object> {
    const type = request.header("content-type");
    requireType(type, ["application/cbor", "application/json"]);
    const claim = readClaim(await request.body(MAX_BODY_OCTETS), type);
    if (!this.parts.nonces.isFresh(claim.nonce)) {
      throw new AgentError(
        "E_CLAIM",
        "the nonce of the claim is not one of this agent, or is too old",
        {
          cure: "Take a new one from GET /v1/nonce, and claim again.",
        },
      );
    }
    const { proof, operator } = await this.parts.claims.claim(claim);
    this.parts.nonces.spend(claim.nonce);
    const { fingerprint, octets } = this.parts.identity.key.publicKey;
    return { agent: fingerprint, publicKey: octets, name: operator.name, proof };
  }

  /** Does what a verb does that does not stream. */
  private async run<V extends VerbName>(
    verb: V,
    args: object,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<unknown> {
    return await this.handler(verb)(args, { caller, signal });
  }

  private handler(verb: VerbName): (args: object, asked: object) => unknown {
    return this.parts.handlers[verb] as (args: object, asked: object) => unknown;
  }

  private stream(
    request: ControlRequest,
    verb: VerbName,
    args: object,
    caller: Caller,
  ): ControlReply {
    const format = negotiate(request.header("accept"), STREAM_FORMATS);
    if (format === undefined) throw notAcceptable(STREAM_FORMATS);
    const headers = { ...COMMON, "content-type": format };
    if (request.method === "HEAD") return { status: 200, headers, body: new Uint8Array(0) };
    const leave = this.streams.enter(caller);
    const { signal } = request;
    // Also when nobody ever pulls: the asker can be gone before the first piece.
    signal.addEventListener("abort", leave, { once: true });
    const items = this.handler(verb)(args, { caller, signal }) as AsyncIterable<unknown>;
    const trusted = (): void => {
      if (caller.kind !== "operator" || this.parts.trust.find(caller.operator.key.fingerprint))
        return;
      throw new AgentError(
        "E_FORBIDDEN",
        "the key that signed the request is not trusted any more",
      );
    };
    const failed = (error: unknown): Uint8Array =>
      encodeItem({ error: this.tellError(error) }, format, "error");
    return {
      status: 200,
      headers,
      body: (async function* () {
        try {
          for await (const item of items) {
            trusted();
            yield encodeItem(item, format);
          }
        } catch (error) {
          if (!signal.aborted) yield failed(error);
        } finally {
          leave();
        }
      })(),
    };
  }

  private reply(request: ControlRequest, result: unknown): ControlReply {
    const format = formatOf(request);
    return {
      status: 200,
      headers: { ...COMMON, "content-type": format },
      body: encodeAnswer(result, format),
    };
  }

  /** Does the work, and signs what came of it. */
  private async sealed(said: object, work: () => unknown): Promise<ControlReply> {
    let status = 200;
    let headers: Readonly<Record<string, string>> = {};
    let answer: object;
    try {
      answer = { ...said, status: "ok", result: await work() };
    } catch (error) {
      const told = this.tellError(error);
      ({ status, headers } = reasonOf(error));
      answer = { ...said, status: "error", error: told };
    }
    const body = this.parts.signatures.sealAnswer(encodeCbor(answer));
    return { status, headers: { ...COMMON, ...headers, "content-type": COSE_SIGN1 }, body };
  }

  private refusal(error: unknown, wanted: AnswerFormat | undefined): ControlReply {
    const format = wanted === undefined || wanted === COSE ? "application/cbor" : wanted;
    const { status, headers } = reasonOf(error);
    const body = encodeAnswer(this.tellError(error), format);
    return { status, headers: { ...COMMON, ...headers, "content-type": format }, body };
  }

  /** What an asker is told of an error; a bug of ours goes to the log. */
  private tellError(error: unknown): { code: string; message: string; cure: string } {
    const known =
      error instanceof AgentError ? error : new AgentError("E_BUG", "the agent could not do this");
    if (known !== error) this.parts.crash(error);
    this.parts.refused?.(known.code);
    const { code, message, cure } = known;
    return { code, message, cure };
  }
}

/** Nothing of the protocol is for caches, and nothing is what it does not say it is. */
const COMMON: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

function formatOf(request: ControlRequest): AnswerFormat {
  const format = negotiate(request.header("accept"), ANSWER_FORMATS);
  if (format === undefined) throw notAcceptable(ANSWER_FORMATS);
  return format;
}

function notAcceptable(formats: readonly string[]): HttpRefusal {
  return new HttpRefusal(406, "E_PROTOCOL", `this is answered as ${formats.join(" or ")}`);
}

function reasonOf(error: unknown): { status: number; headers: Readonly<Record<string, string>> } {
  if (!(error instanceof AgentError)) return { status: 500, headers: {} };
  return { status: httpStatus(error), headers: error instanceof HttpRefusal ? error.headers : {} };
}

/** The header Pilotlight-Nonce of whoever wants a signed answer. */
function askerNonce(text: string | undefined): Uint8Array {
  const nonce = /^[\w-]+$/.test(text ?? "") ? Buffer.from(text ?? "", "base64url") : undefined;
  if (nonce && nonce.length >= ASKER_NONCE.least && nonce.length <= ASKER_NONCE.most)
    return new Uint8Array(nonce);
  throw new AgentError(
    "E_PROTOCOL",
    `a signed answer needs a header Pilotlight-Nonce of ${ASKER_NONCE.least} to ${ASKER_NONCE.most} octets in base64url`,
  );
}

import * as v from "valibot";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import { ARGS, NUMBER_ARGS, OCTET_ARGS, OPERATOR_NAME, PUBLIC_KEY } from "../args.ts";
import { decodeCbor, requestLimits } from "../cbor.ts";
import type { VerbName, Verbs } from "../messages.ts";
import { VERBS } from "../verbs.ts";
import { mediaType } from "./formats.ts";
import { HttpRefusal } from "./http-refusal.ts";
import type { ClaimRequest } from "./parts.ts";

const CLAIM: v.GenericSchema<unknown, ClaimRequest> = v.object({
  publicKey: PUBLIC_KEY,
  name: OPERATOR_NAME,
  nonce: v.instance(Uint8Array),
  proof: v.pipe(v.instance(Uint8Array), v.length(32)),
});
type Members = Readonly<Record<string, unknown>>;

interface UnsignedCall {
  readonly verb: string;
  readonly args: Members;
}

/** What an operator signed. `args` are looked at when the signature has been. */
export interface SignedCall extends UnsignedCall {
  readonly agent: string;
  readonly nonce: Uint8Array;
}

const MEMBERS: v.GenericSchema<unknown, Members> = v.record(v.string(), v.unknown());
const CALL = { verb: v.string(), args: v.optional(MEMBERS, {}) };
const UNSIGNED: v.GenericSchema<unknown, UnsignedCall> = v.object(CALL);
const SIGNED: v.GenericSchema<unknown, SignedCall> = v.object({
  ...CALL,
  agent: v.string(),
  nonce: v.pipe(v.instance(Uint8Array), v.maxLength(64)),
});

/** The payload of a signed request. Throws E_PROTOCOL. */
export function readSignedCall(payload: Uint8Array): SignedCall {
  return conform(SIGNED, decodeCbor(payload, requestLimits(payload.length)), "the signed request");
}

/** The body of an unsigned call, which the local socket alone takes. */
export function readCall(body: Uint8Array, type: string | undefined): UnsignedCall {
  const call = conform(UNSIGNED, readBody(body, type), "the request");
  return mediaType(type) === "application/json" ? { ...call, args: withOctets(call.args) } : call;
}

/** The body of a claim. */
export function readClaim(body: Uint8Array, type: string | undefined): ClaimRequest {
  const claim = readBody(body, type);
  const isJson = mediaType(type) === "application/json";
  return conform(
    CLAIM,
    isJson ? withOctets(conform(MEMBERS, claim, "the claim")) : claim,
    "the claim",
  );
}

/** The verb of a name that somebody sent. */
export function verbOf(name: string): VerbName {
  if (Object.hasOwn(VERBS, name)) return name as VerbName;
  throw new AgentError("E_NOT_FOUND", `there is no verb "${printableCut(name, 40)}"`, {
    cure: "GET /v1/ lists the verbs of this agent.",
  });
}

/** The arguments of a verb, without members that it does not know. Throws E_PROTOCOL. */
export function readArgs<V extends VerbName>(verb: V, args: unknown): Verbs[V]["args"] {
  return conform<Verbs[V]["args"]>(ARGS[verb], args, `the arguments of ${verb}`);
}

/** The same from a path and a query. */
export function readTextArgs<V extends VerbName>(
  verb: V,
  args: Readonly<Record<string, string>>,
): Verbs[V]["args"] {
  const typed = Object.entries(args).map(([name, text]) => [
    name,
    NUMBER_ARGS.includes(name) && /^\d{1,16}$/.test(text) ? Number(text) : text,
  ]);
  return readArgs(verb, Object.fromEntries(typed));
}

/** Throws 415 unless a body says that it is of one of these types. */
export function requireType(type: string | undefined, allowed: readonly string[]): void {
  if (allowed.includes(mediaType(type))) return;
  throw new HttpRefusal(415, "E_PROTOCOL", `the body of this request is ${allowed.join(" or ")}`);
}

function readBody(body: Uint8Array, type: string | undefined): unknown {
  if (mediaType(type) !== "application/json") return decodeCbor(body, requestLimits(body.length));
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new AgentError("E_PROTOCOL", "the body of the request is not JSON", { cause });
  }
}

/** In JSON octets are base64url texts. */
function withOctets(members: Members): Record<string, unknown> {
  const typed = Object.entries(members).map(([name, member]) => [
    name,
    OCTET_ARGS.includes(name) && typeof member === "string" && /^[\w-]*$/.test(member)
      ? new Uint8Array(Buffer.from(member, "base64url"))
      : member,
  ]);
  return Object.fromEntries(typed);
}

function conform<T>(schema: v.GenericSchema<unknown, T>, data: unknown, what: string): T {
  const result = v.safeParse(schema, data, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = issue.path?.map(({ key }) => String(key)).join(".") ?? "all of it";
  throw new AgentError("E_PROTOCOL", printableCut(`${what}: ${where}: ${issue.message}`, 300));
}

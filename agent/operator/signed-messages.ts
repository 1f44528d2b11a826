import { timingSafeEqual } from "node:crypto";
import type { CborLimits } from "../../protocols/cbor/walk.ts";
import { decodeCbor, encodeCbor } from "../control/cbor.ts";
import type { VerbName } from "../control/messages.ts";
import { ANSWER, REQUEST } from "../cose/purposes.ts";
import { openSign1, sealSign1 } from "../cose/sign1.ts";
import { AgentError } from "../errors.ts";
import type { PublicKey, SigningKey } from "../identity/keys.ts";

/** Octets of the largest answer: a whole bundle, or ten thousand assets. */
export const MAX_ANSWER_OCTETS: number = 8 * 1024 * 1024;

/** What an answer may be made of. */
export const ANSWER_LIMITS: CborLimits = {
  octets: MAX_ANSWER_OCTETS,
  items: 1_000_000,
  depth: 16,
  mapEntries: 4_096,
  intKeys: false,
  tags: [],
  floats: true,
};

/** What an operator asks of one agent, once. */
export interface SignedRequest {
  /** Fingerprint of the agent that is meant: no other one takes it. */
  readonly agent: string;
  /** Issued by the agent. */
  readonly nonce: Uint8Array;
  readonly verb: VerbName;
  readonly args: object;
}

/** What a signed answer has to belong to. */
export interface Asked {
  readonly nonce: Uint8Array;
  /** Of a reading request: path and query. */
  readonly path?: string;
}

/** What an agent said: a result, or its error. */
export type Said = { readonly result: unknown } | { readonly error: unknown };

/** The body of `POST /v1/call`. */
export function sealRequest(request: SignedRequest, key: SigningKey): Uint8Array {
  return sealSign1(encodeCbor(request), key, REQUEST);
}

/**
 * What a signed answer says.
 *
 * Throws E_IDENTITY when it is not of this key, E_PROTOCOL when it belongs to another request or is not well-formed.
 */
export function openAnswer(octets: Uint8Array, key: PublicKey, asked: Asked): Said {
  const message = openSign1(octets, ANSWER);
  if (!message.verify(key)) {
    throw new AgentError("E_IDENTITY", "its answer is not signed with its identity key", {
      cure: "Somebody may be between you and the agent. Look at the network before you trust any answer.",
    });
  }
  const answer = decodeCbor(message.payload, ANSWER_LIMITS);
  if (typeof answer !== "object" || answer === null) throw malformed("it is no map");
  const { nonce, path, status, result, error } = answer as Record<string, unknown>;
  if (!(nonce instanceof Uint8Array) || !equal(nonce, asked.nonce)) {
    throw malformed("it belongs to another request");
  }
  if (asked.path !== undefined && path !== asked.path) {
    throw malformed("it is about another path");
  }
  if (status === "ok") return { result };
  if (status === "error") return { error };
  throw malformed("it is neither a result nor an error");
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function malformed(why: string): AgentError {
  return new AgentError("E_PROTOCOL", `its signed answer is not used: ${why}`);
}

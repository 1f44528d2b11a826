import { createPublicKey, verify } from "node:crypto";
import { encodeCbor } from "../../../agent/control/cbor.ts";
import type { Signatures } from "../../../agent/control/server/parts.ts";
import { AgentError } from "../../../agent/errors.ts";
import type { PublicKey, SigningKey } from "../../../agent/identity/keys.ts";
import { type CborNode, parseCbor } from "../cddl/cbor-node.ts";
import { base32, sha256 } from "./keys.ts";

/*
 * COSE_Sign1 (RFC 9052 section 4.2) written down once more, as somebody would from docs/control.md alone: what the server takes and
 * gives has to be right by this, too.
 */

/** "request", "answer" or "bundle". */
export type PurposeName = "request" | "answer" | "bundle";

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export function seal(payload: Uint8Array, key: SigningKey, purpose: PurposeName): Uint8Array {
  const { contentType, aad } = about(purpose);
  const type = encodeCbor(contentType);
  const kid = encodeCbor(sha256(key.publicKey.octets));
  // { 1: -8, 3: content type, 4: kid }
  const headers = Buffer.concat([
    Buffer.from("a3012703", "hex"),
    type,
    Buffer.from("04", "hex"),
    kid,
  ]);
  const signature = key.sign(encodeCbor(["Signature1", headers, aad, payload]));
  const parts = [
    encodeCbor(headers),
    Buffer.from("a0", "hex"),
    encodeCbor(payload),
    encodeCbor(signature),
  ];
  return new Uint8Array(Buffer.concat([Buffer.from("d284", "hex"), ...parts]));
}

/** The payload of a message that this key signed for this purpose; throws for any other. */
export function opened(octets: Uint8Array, key: PublicKey, purpose: PurposeName): Uint8Array {
  const { headers, payload, signature } = partsOf(octets);
  const { contentType, aad } = about(purpose);
  if (textOf(headers, 3) !== contentType) throw new Error("another purpose");
  if (!isSigned(encodeCbor(["Signature1", headers, aad, payload]), signature, key))
    throw new Error("wrong signature");
  return payload;
}

/** What the server is given: requests of anybody, answers of `key`. */
export function signatures(key: SigningKey): Signatures {
  return {
    sealAnswer: (payload) => seal(payload, key, "answer"),
    openRequest(octets) {
      const { headers, payload, signature } = partsOf(octets);
      const { contentType, aad } = about("request");
      const kid = header(headers, 4);
      if (textOf(headers, 3) !== contentType || kid?.kind !== "bytes") {
        throw new AgentError("E_PROTOCOL", "the signed message is not a request");
      }
      const signed = encodeCbor(["Signature1", headers, aad, payload]);
      return {
        payload,
        signer: base32(kid.octets),
        verify: (key) => isSigned(signed, signature, key),
      };
    },
  };
}

function partsOf(octets: Uint8Array): {
  headers: Uint8Array;
  payload: Uint8Array;
  signature: Uint8Array;
} {
  try {
    const message = parseCbor(octets);
    if (message.kind !== "tag" || message.tag !== 18n || message.content.kind !== "array") {
      throw new Error("no tag 18");
    }
    const [headers, , payload, signature] = message.content.items.map((item) =>
      item.kind === "bytes" ? item.octets : undefined,
    );
    if (!(headers && payload && signature)) throw new Error("not COSE_Sign1");
    return { headers, payload, signature };
  } catch (cause) {
    throw new AgentError("E_PROTOCOL", "not a signed message", { cause });
  }
}

function header(headers: Uint8Array, label: number): CborNode | undefined {
  const map = parseCbor(headers);
  if (map.kind !== "map") return undefined;
  return map.members.find(([key]) => key.kind === "int" && key.value === BigInt(label))?.[1];
}

function textOf(headers: Uint8Array, label: number): string | undefined {
  const found = header(headers, label);
  return found?.kind === "text" ? found.text : undefined;
}

function about(purpose: PurposeName): { contentType: string; aad: Uint8Array } {
  return {
    contentType: `application/vnd.pilotlight.${purpose}+cbor`,
    aad: Buffer.from(`pilotlight ${purpose} 1`),
  };
}

function isSigned(message: Uint8Array, signature: Uint8Array, key: PublicKey): boolean {
  const der = Buffer.concat([SPKI_PREFIX, key.octets]);
  return verify(
    null,
    message,
    createPublicKey({ key: der, format: "der", type: "spki" }),
    signature,
  );
}

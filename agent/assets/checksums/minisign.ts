import { createHash } from "node:crypto";
import { AgentError } from "../../errors.ts";
import { KEY_NUMBER_LEN, SIGNATURE_LEN, verifyEd25519 } from "./ed25519.ts";
import {
  algorithmOf,
  decodeBase64,
  lineAt,
  parsePublicKey,
  refuseOtherKey,
} from "./signed-lines.ts";

const TRUSTED = "trusted comment: ";

/**
 * Checks a signature of minisign for `message`. Throws E_CHECKSUMS; what is signed by another key, what does not match, and a
 * comment that was changed are told apart.
 *
 * Four lines: a comment; base64 of algorithm 2, key number 8, signature 64 octets; `trusted comment: …`; base64 of a
 * signature over the first one and that comment. The algorithm "Ed" signs the message, "ED" its BLAKE2b-512.
 */
export function verifyMinisign(
  publicKey: string,
  signatureFile: Uint8Array,
  message: Uint8Array,
  label: string,
): void {
  const trusted = parsePublicKey(publicKey, label);
  const [comment = "", first = "", second = "", third = ""] = lines(signatureFile);
  const octets = decodeBase64(first);
  const global = decodeBase64(third);
  if (
    !comment.startsWith("untrusted comment:") ||
    octets?.length !== 2 + KEY_NUMBER_LEN + SIGNATURE_LEN ||
    !second.startsWith(TRUSTED) ||
    global?.length !== SIGNATURE_LEN
  ) {
    throw new AgentError("E_CHECKSUMS", `${label}: is not a signature of minisign`);
  }
  const algorithm = algorithmOf(octets);
  if (algorithm !== "Ed" && algorithm !== "ED") {
    throw new AgentError("E_CHECKSUMS", `${label}: is signed by an algorithm that is not known`);
  }
  refuseOtherKey(octets.subarray(2, 10), trusted, label);
  const signature = octets.subarray(10);
  const signed = algorithm === "Ed" ? message : createHash("blake2b512").update(message).digest();
  if (!verifyEd25519(trusted.key, signed, signature)) {
    throw new AgentError("E_CHECKSUMS", `${label}: the signature does not match: it was changed`);
  }
  const commented = Buffer.concat([signature, Buffer.from(second.slice(TRUSTED.length))]);
  if (!verifyEd25519(trusted.key, commented, global)) {
    throw new AgentError("E_CHECKSUMS", `${label}: the trusted comment was changed`);
  }
}

/** The first four lines; the last may have no end. */
function lines(octets: Uint8Array): readonly string[] {
  const found: string[] = [];
  const ended = Buffer.concat([octets, Buffer.from("\n")]);
  for (let at = 0; found.length < 4; ) {
    const next = lineAt(ended, at);
    if (next === undefined) break;
    found.push(next.line);
    at = next.next;
  }
  return found;
}

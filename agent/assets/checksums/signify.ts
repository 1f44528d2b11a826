import { AgentError } from "../../errors.ts";
import { KEY_NUMBER_LEN, SIGNATURE_LEN, verifyEd25519 } from "./ed25519.ts";
import {
  algorithmOf,
  decodeBase64,
  lineAt,
  parsePublicKey,
  refuseOtherKey,
} from "./signed-lines.ts";

/**
 * Checks a signature of OpenBSD's signify(1) and gives the message.
 *
 * A signature file has two lines: a comment, then the base64 of algorithm 2, key number 8, signature 64 octets. `message`:
 * what it is for. Without one the message follows in the same file, as in OpenBSD's SHA256.sig.
 *
 * Throws E_CHECKSUMS; what is signed by another key and what does not match are told apart.
 */
export function verifySignify(
  publicKey: string,
  signatureFile: Uint8Array,
  message: Uint8Array | undefined,
  label: string,
): Uint8Array {
  const trusted = parsePublicKey(publicKey, label);
  const comment = lineAt(signatureFile, 0);
  const body = comment === undefined ? undefined : lineAt(signatureFile, comment.next);
  const octets = decodeBase64(body?.line ?? "");
  if (
    body === undefined ||
    !comment?.line.startsWith("untrusted comment:") ||
    octets?.length !== 2 + KEY_NUMBER_LEN + SIGNATURE_LEN ||
    algorithmOf(octets) !== "Ed"
  ) {
    throw new AgentError("E_CHECKSUMS", `${label}: is not a signature of signify`);
  }
  refuseOtherKey(octets.subarray(2, 10), trusted, label);
  const signed = message ?? signatureFile.subarray(body.next);
  if (!verifyEd25519(trusted.key, signed, octets.subarray(10))) {
    throw new AgentError("E_CHECKSUMS", `${label}: the signature does not match: it was changed`);
  }
  return signed;
}

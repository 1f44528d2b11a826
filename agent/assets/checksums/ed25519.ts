import { createPublicKey, verify } from "node:crypto";

/** Octets of an Ed25519 public key, of a signature, and of the key number that signify and minisign put before them. */
export const PUBLIC_KEY_LEN = 32;
export const SIGNATURE_LEN = 64;
export const KEY_NUMBER_LEN = 8;

/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** Whether `signature` over `message` is of the key whose 32 octets these are (RFC 8032). */
export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, publicKey]),
    format: "der",
    type: "spki",
  });
  return verify(null, message, key, signature);
}

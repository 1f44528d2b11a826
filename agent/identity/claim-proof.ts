import { createHmac, randomBytes } from "node:crypto";
import { base32, ungrouped } from "./fingerprint.ts";

/** Characters of a claim code: 80 random bits. */
export const CODE_LEN = 16;
/** Octets of a nonce. Both proofs begin and end with fields of fixed length, so that none can be read as another. */
export const MIN_NONCE = 8;
export const MAX_NONCE = 64;
/** HMAC-SHA256. */
export const PROOF_LEN = 32;

/** What both proofs are about. */
export interface ClaimFacts {
  /** Of the agent's identity key. */
  readonly fingerprint: string;
  /** Of the agent, used once. */
  readonly nonce: Uint8Array;
  /** The operator's, 32 octets. */
  readonly publicKey: Uint8Array;
}

/** A new code: sixteen characters of base32, without dashes. */
export function newClaimCode(): string {
  return base32(randomBytes((CODE_LEN * 5) / 8));
}

/** A code as somebody typed it, without dashes and in lower case; undefined: it is none. */
export function parseClaimCode(text: string): string | undefined {
  const plain = ungrouped(text);
  return plain.length === CODE_LEN && /^[a-z2-7]+$/.test(plain) ? plain : undefined;
}

/** The operator's proof that it knows the code: HMAC-SHA256(code, "claim" || fingerprint || nonce || public key). `code` has no dashes. */
export function claimProof(
  code: string,
  { fingerprint, nonce, publicKey }: ClaimFacts,
): Uint8Array {
  return mac(code, "claim", Buffer.from(fingerprint, "latin1"), nonce, publicKey);
}

/** The agent's proof, in its answer: HMAC-SHA256(code, "claimed" || nonce || public key || fingerprint). */
export function claimedProof(
  code: string,
  { fingerprint, nonce, publicKey }: ClaimFacts,
): Uint8Array {
  return mac(code, "claimed", nonce, publicKey, Buffer.from(fingerprint, "latin1"));
}

function mac(code: string, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", Buffer.from(code, "latin1")).update(label, "latin1");
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

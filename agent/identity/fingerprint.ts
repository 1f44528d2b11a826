import { createHash } from "node:crypto";

/** RFC 4648 section 6, in lower case. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** Characters of a whole fingerprint: 256 bits, five each. */
export const FINGERPRINT_LEN = 52;
/** Characters that people see and type: 80 bits, which nobody finds a second key for. */
export const SHORT_LEN = 16;

/** Octets in base32 (RFC 4648 section 6): lower case, no padding. */
export function base32(octets: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((held >> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET.charAt((held << (5 - bits)) & 31);
}

/** The 32 octets of a key's digest: what COSE headers name a key by. */
export function keyDigest(publicKey: Uint8Array): Uint8Array {
  return createHash("sha256").update(publicKey).digest();
}

/** Fingerprint of a public key's 32 octets. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return base32(keyDigest(publicKey));
}

/** Whether a text is a whole fingerprint, as machines write it. */
export function isFingerprint(text: string): boolean {
  // 52 characters hold 260 bits: the last four of them are zero.
  return /^[a-z2-7]{51}[aq]$/.test(text);
}

/** In groups of four, for people: "k7xq-m2ab-hh5c-2q4z". */
export function grouped(text: string): string {
  return text.replace(/.{4}(?=.)/g, "$&-");
}

/** The first sixteen characters of a fingerprint, in groups of four. */
export function shortFingerprint(fingerprint: string): string {
  return grouped(fingerprint.slice(0, SHORT_LEN));
}

/**
 * What somebody typed or copied of a fingerprint, sixteen characters or more, without dashes and in lower case. Undefined: it
 * is none; a shorter beginning might be met by a key that was made to meet it.
 */
export function fingerprintPrefix(text: string): string | undefined {
  const plain = ungrouped(text);
  return plain.length >= SHORT_LEN && plain.length <= FINGERPRINT_LEN && /^[a-z2-7]+$/.test(plain)
    ? plain
    : undefined;
}

/** Those of `fingerprints` that begin with what was typed. None when that is too short, or no fingerprint at all. */
export function matchFingerprint(text: string, fingerprints: Iterable<string>): readonly string[] {
  const prefix = fingerprintPrefix(text);
  if (prefix === undefined) return [];
  return [...new Set(fingerprints)].filter((fingerprint) => fingerprint.startsWith(prefix));
}

/** Base32 as it was typed, without dashes and blanks around it, in lower case. */
export function ungrouped(text: string): string {
  return text.trim().toLowerCase().replaceAll("-", "");
}

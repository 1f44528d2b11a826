import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { PublicKey, SigningKey } from "../../../agent/identity/keys.ts";

/** A key of Ed25519 and its private half as PEM. */
export interface TestKey extends SigningKey {
  readonly pem: string;
}

export function newKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return keyOf(privateKey, publicKey);
}

function keyOf(privateKey: KeyObject, publicKey: KeyObject): TestKey {
  const octets = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
  return {
    publicKey: publicKeyOf(octets),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
    pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

export function publicKeyOf(octets: Uint8Array): PublicKey {
  return { octets, fingerprint: base32(sha256(octets)) };
}

export function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(octets).digest());
}

/** RFC 4648 section 6, lower case, no padding. */
export function base32(octets: Uint8Array): string {
  const bits = Array.from(octets, (o) => o.toString(2).padStart(8, "0")).join("");
  const fives = bits.match(/.{1,5}/g) ?? [];
  return fives
    .map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five.padEnd(5, "0"), 2)])
    .join("");
}

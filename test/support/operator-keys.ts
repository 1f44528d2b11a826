import { createPrivateKey } from "node:crypto";
import { PrivateKey } from "../../agent/identity/ed25519.ts";

/** PKCS #8 of an Ed25519 key up to its 32 octets (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The key whose seed is this octet 32 times: the same in every run. */
export function keyOf(octet: number): PrivateKey {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, octet)]);
  return new PrivateKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
}

export const EVA: PrivateKey = keyOf(1);
export const MALLORY: PrivateKey = keyOf(2);
export const AGENT: PrivateKey = keyOf(3);

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { PUBLIC_KEY_LEN, SIGNATURE_LEN, verifyEd25519 } from "../assets/checksums/ed25519.ts";
import { AgentError } from "../errors.ts";
import { publicKeyFault } from "./curve.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { PublicKey, SigningKey } from "./keys.ts";

/** Of PKCS #8 with a passphrase (RFC 8018 PBES2). */
const CIPHER = "aes-256-cbc";
const ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/** A key pair of Ed25519 whose private half can be written into a file. */
export class PrivateKey implements SigningKey {
  readonly publicKey: PublicKey;
  private readonly key: KeyObject;

  /** `key`: private, of Ed25519. */
  constructor(key: KeyObject) {
    this.key = key;
    this.publicKey = publicKeyOf(key);
  }

  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.key);
  }

  /** PKCS #8 PEM; encrypted when there is a passphrase. */
  toPem(passphrase?: string): string {
    const form = { format: "pem", type: "pkcs8" } as const;
    if (passphrase === undefined) return this.key.export(form).toString();
    return this.key.export({ ...form, cipher: CIPHER, passphrase }).toString();
  }
}

/** A new key. */
export function generateKey(): PrivateKey {
  return new PrivateKey(generateKeyPairSync("ed25519").privateKey);
}

/** Whether a PEM text needs a passphrase to be read. */
export function isEncryptedPem(pem: string): boolean {
  return pem.includes(ENCRYPTED);
}

/**
 * The key of a PKCS #8 PEM text.
 *
 * @throws AgentError E_KEY: no such text, another kind of key, no passphrase or the wrong one. It repeats nothing of the text.
 */
export function keyFromPem(pem: string, passphrase?: string): PrivateKey {
  if (isEncryptedPem(pem) && passphrase === undefined) {
    throw new AgentError("E_KEY", "the key is encrypted, and there is no passphrase");
  }
  if (pem.includes("-----BEGIN PUBLIC KEY-----")) {
    throw new AgentError("E_KEY", "this is a public key, and not the private one");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({
      key: pem,
      format: "pem",
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    const message = isEncryptedPem(pem)
      ? "the passphrase is wrong, or the key is damaged"
      : "this is not a private key in PKCS #8 PEM form";
    throw new AgentError("E_KEY", message, { cause });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new AgentError("E_KEY", `this is a key of ${key.asymmetricKeyType} and not of Ed25519`);
  }
  return new PrivateKey(key);
}

/**
 * A public key of its 32 octets, which are copied.
 *
 * @throws AgentError E_KEY when they are no point of the curve, or one of small order
 */
export function publicKeyFromOctets(octets: Uint8Array): PublicKey {
  const fault = publicKeyFault(octets);
  if (fault !== undefined) throw new AgentError("E_KEY", `this is no public key: ${fault}`);
  return { octets: Uint8Array.from(octets), fingerprint: fingerprintOf(octets) };
}

/** The public half of a key object; undefined when it is not of Ed25519, or no key that can be trusted. */
export function publicKeyOfObject(key: KeyObject): PublicKey | undefined {
  if (key.asymmetricKeyType !== "ed25519") return undefined;
  const found = publicKeyOf(key);
  return publicKeyFault(found.octets) === undefined ? found : undefined;
}

/**
 * Whether `signature` over `message` is of `key` (RFC 8032 section 5.1.7). Never throws. What `key` is was checked when it was
 * made of its octets.
 */
export function verifySignature(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_LEN || key.octets.length !== PUBLIC_KEY_LEN) return false;
  return verifyEd25519(key.octets, message, signature);
}

function publicKeyOf(key: KeyObject): PublicKey {
  const half = key.type === "private" ? createPublicKey(key) : key;
  const { x } = half.export({ format: "jwk" });
  if (typeof x !== "string") throw new Error("a key of Ed25519 has an x (RFC 8037)");
  const octets = Uint8Array.from(Buffer.from(x, "base64url"));
  return { octets, fingerprint: fingerprintOf(octets) };
}

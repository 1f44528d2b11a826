import { PUBLIC_KEY_LEN, SIGNATURE_LEN } from "../assets/checksums/ed25519.ts";
import { AgentError } from "../errors.ts";
import { verifySignature } from "../identity/ed25519.ts";
import { base32, keyDigest } from "../identity/fingerprint.ts";
import type { PublicKey, SigningKey } from "../identity/keys.ts";
import { printable } from "../log/printable.ts";
import { CborMismatch, CborReader } from "./cbor-reader.ts";
import { ARRAY, BYTES, cborHead, encodeCbor, TAG } from "./cbor-writer.ts";
import type { Purpose } from "./purposes.ts";

/*
 * COSE_Sign1 (RFC 9052 section 4.2) with Ed25519, in one form only:
 *
 *     18([ << { 1: -8, 3: content type, 4: SHA-256 of the signer's public key } >>, {}, payload, signature ])
 *
 * Everything is in its deterministic encoding. Nothing is unprotected, so that a message has no octet which the signature does
 * not cover; only the tag may be missing in what comes in.
 */

const SIGN1 = 18;
/** Labels of headers (RFC 9052 section 3.1), and EdDSA among the algorithms (RFC 9053 section 2.2). */
const ALG = 1;
const CONTENT_TYPE = 3;
const KID = 4;
const EDDSA = -8;
/** Octets of a kid: SHA-256. */
const KID_LEN = 32;
const MAX_CONTENT_TYPE = 128;
const MAX_PROTECTED = 256;
const EMPTY = new Uint8Array(0);

/** A message whose form is right. Nothing of it is true before `verify` has said so. */
export interface OpenedSign1 {
  /** A window on the message's octets. */
  readonly payload: Uint8Array;
  /** 32 octets: SHA-256 of the public key of who claims to have signed it. */
  readonly kid: Uint8Array;
  /** The same as a fingerprint, for `Trust.find`. */
  readonly signer: string;
  readonly contentType: string;
  /** Whether the key that the message names is this one, and signed it. */
  verify(key: PublicKey): boolean;
}

/** Signs a payload. The result has the tag. */
export function sealSign1(payload: Uint8Array, key: SigningKey, purpose: Purpose): Uint8Array {
  const { contentType, externalAad = EMPTY } = purpose;
  const headers = new Map<number, number | string | Uint8Array>([
    [ALG, EDDSA],
    [CONTENT_TYPE, contentType],
    [KID, keyDigest(key.publicKey.octets)],
  ]);
  const protectedOctets = encodeCbor(headers);
  const signature = key.sign(toBeSigned(protectedOctets, externalAad, payload));
  const body = [
    ...[cborHead(BYTES, protectedOctets.length), protectedOctets, encodeCbor({})],
    ...[cborHead(BYTES, payload.length), payload],
    ...[cborHead(BYTES, signature.length), signature],
  ];
  return Buffer.concat([cborHead(TAG, SIGN1), cborHead(ARRAY, 4), ...body]);
}

/**
 * Takes a message apart. What comes back are windows on `octets`, which have to stay as they are.
 *
 * @param purpose what it has to be signed for. Without a content type any is taken, and the caller has to look at it.
 * @throws AgentError E_PROTOCOL when it has not the one form that is taken, or is for something else
 */
export function openSign1(octets: Uint8Array, purpose: Partial<Purpose> = {}): OpenedSign1 {
  let opened: OpenedSign1;
  try {
    opened = read(octets, purpose.externalAad ?? EMPTY);
  } catch (cause) {
    if (!(cause instanceof CborMismatch)) throw cause;
    throw new AgentError("E_PROTOCOL", `not a signed message: ${cause.message}`, { cause });
  }
  if (purpose.contentType !== undefined && opened.contentType !== purpose.contentType) {
    const found = JSON.stringify(printable(opened.contentType));
    throw new AgentError(
      "E_PROTOCOL",
      `a signed message is of type ${found} and not ${purpose.contentType}`,
    );
  }
  return opened;
}

function read(octets: Uint8Array, externalAad: Uint8Array): OpenedSign1 {
  const reader = new CborReader(octets);
  if (reader.isNext(TAG) && reader.tag() !== SIGN1) throw new CborMismatch("another tag than 18");
  if (reader.array(4) !== 4) throw new CborMismatch("a list of another length than 4");
  const protectedOctets = reader.bytes(MAX_PROTECTED);
  if (reader.map(0) !== 0) throw new CborMismatch("unprotected headers");
  const payload = reader.bytes(octets.length);
  const signature = reader.bytes(SIGNATURE_LEN);
  reader.end();
  const { kid, contentType } = readHeaders(protectedOctets);
  const signer = base32(kid);
  return {
    payload,
    kid,
    signer,
    contentType,
    verify: (key) =>
      key.octets.length === PUBLIC_KEY_LEN &&
      Buffer.compare(keyDigest(key.octets), kid) === 0 &&
      verifySignature(key, toBeSigned(protectedOctets, externalAad, payload), signature),
  };
}

interface Headers {
  readonly kid: Uint8Array;
  readonly contentType: string;
}

/** Three headers in any order, each once: those of other libraries stand in the order in which they were set. */
function readHeaders(octets: Uint8Array): Headers {
  const reader = new CborReader(octets);
  if (reader.map(3) !== 3) throw new CborMismatch("other headers than alg, content type and kid");
  let alg: number | undefined;
  let contentType: string | undefined;
  let kid: Uint8Array | undefined;
  for (let left = 3; left > 0; left--) {
    const label = reader.int();
    if (label === ALG) alg = reader.int();
    else if (label === CONTENT_TYPE) contentType = reader.text(MAX_CONTENT_TYPE);
    else if (label === KID) kid = reader.bytes(KID_LEN);
    else throw new CborMismatch(`a header ${label}`);
  }
  reader.end();
  if (alg !== EDDSA) throw new CborMismatch("another algorithm than EdDSA");
  if (contentType === undefined || kid?.length !== KID_LEN) {
    throw new CborMismatch("no content type, or no key's digest of 32 octets");
  }
  return { kid, contentType };
}

/** Sig_structure (RFC 9052 section 4.4). */
function toBeSigned(
  protectedOctets: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encodeCbor(["Signature1", protectedOctets, externalAad, payload]);
}

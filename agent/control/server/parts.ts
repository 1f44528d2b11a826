import type { Identity } from "../../identity/identity.ts";
import type { PublicKey } from "../../identity/keys.ts";
import type { Operator, Trust } from "../../identity/trust.ts";
import type { NonceDesk } from "../nonce-desk.ts";
import type { Handlers } from "../verbs.ts";

/** Whom the site lets read: anybody, whoever has a token, or operators alone by signed requests. */
export type ReadPolicy =
  | { readonly kind: "open" }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "signed" };

/** An operator's first key, proven by the code that the agent shows on its console. */
export interface ClaimRequest {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly nonce: Uint8Array;
  /** HMAC-SHA256 by the code. */
  readonly proof: Uint8Array;
}

/** Who takes claims. Rejects with E_CLAIM for a wrong code, and when somebody is trusted already. */
export interface Claims {
  claim(
    request: ClaimRequest,
  ): Promise<{ readonly proof: Uint8Array; readonly operator: Operator }>;
}

/** A signed request whose form is in order; whose it is only `verify` says. */
export interface SignedRequest {
  readonly payload: Uint8Array;
  /** Fingerprint of the key that claims to have signed it. */
  readonly signer: string;
  verify(key: PublicKey): boolean;
}

/** COSE_Sign1 (RFC 9052 section 4.2) for the two purposes of this protocol. */
export interface Signatures {
  /** Throws E_PROTOCOL for what is no COSE_Sign1, or was signed for something else than a request. */
  openRequest(octets: Uint8Array): SignedRequest;
  /** Signs with the identity key. */
  sealAnswer(payload: Uint8Array): Uint8Array;
}

/** What the control protocol is spoken with. */
export interface ControlParts {
  readonly handlers: Handlers;
  readonly identity: Identity;
  readonly trust: Pick<Trust, "find">;
  readonly signatures: Signatures;
  readonly nonces: NonceDesk;
  readonly claims: Claims;
  /** Asked at each request: a site may change it. */
  readonly readPolicy: () => ReadPolicy;
  /** Host names of the agent, "pi.local": an address is always one. Asked at each request. */
  readonly names: () => readonly string[];
  /** Of this software. */
  readonly version: string;
  /** Told of each request that is refused, by the code of its error. */
  readonly refused?: (code: string) => void;
  /** Told of whatever a handler threw that is no AgentError: a bug of ours. */
  readonly crash: (bug: unknown) => void;
}

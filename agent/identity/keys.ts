/** A public key of Ed25519 (RFC 8032). */
export interface PublicKey {
  /** 32 octets. */
  readonly octets: Uint8Array;
  /** SHA-256 of the octets in base32 (RFC 4648, lower case, no padding): 52 characters. */
  readonly fingerprint: string;
}

/** A key pair; the private half stays inside. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  /** 64 octets. */
  sign(message: Uint8Array): Uint8Array;
}

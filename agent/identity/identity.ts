import type { SigningKey } from "./keys.ts";

/** Who an agent is: made at its first start, kept in its state folder, and never leaves it. */
export interface Identity {
  readonly key: SigningKey;
  /** A certificate of that key, self-signed, for TLS 1.3; PEM. */
  readonly certificate: string;
  /** The key, PKCS #8 PEM, for TLS. */
  readonly privateKey: string;
}

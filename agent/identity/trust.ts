import type { PublicKey } from "./keys.ts";

/** How an operator's key came to be trusted: by the boot medium, by a claim code, by a command on the host, or by another operator. */
export type TrustOrigin =
  | { readonly by: "medium" | "claim" | "local" }
  | { readonly by: "operator"; readonly fingerprint: string };

/** Somebody who may steer the agent. */
export interface Operator {
  /** For people: "eva@laptop". 1 to 64 printable characters. */
  readonly name: string;
  readonly key: PublicKey;
  /** ISO 8601. */
  readonly since: string;
  readonly origin: TrustOrigin;
  /** ISO 8601; a key that was revoked is never trusted again, whoever adds it. */
  readonly revoked?: string;
}

/** The operators of one agent. What changes is durable when its promise resolves. */
export interface Trust {
  /** All, revoked ones too, in the order in which they came. */
  list(): readonly Operator[];
  /** Who has this fingerprint and is trusted now. */
  find(fingerprint: string): Operator | undefined;
  /** Whether nobody was ever trusted: then a claim is possible. */
  readonly unclaimed: boolean;
  /** Rejects with E_TRUST for a key that was revoked. A key that is trusted already gets the new name. */
  add(name: string, key: PublicKey, origin: TrustOrigin): Promise<Operator>;
  /** Rejects with E_TRUST for one that is unknown, or the last that is trusted. */
  revoke(fingerprint: string): Promise<Operator>;
}

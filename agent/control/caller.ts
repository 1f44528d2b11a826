import type { Operator } from "../identity/trust.ts";

/** Who asks an agent for something. */
export type Caller =
  /** Signed the request with a key that is trusted. */
  | { readonly kind: "operator"; readonly operator: Operator }
  /** On the agent's own host, by its socket, which only root and the agent's user can open. */
  | { readonly kind: "local" }
  /** Anybody who may read: by the site's word, or with its token. */
  | { readonly kind: "reader"; readonly address: string };

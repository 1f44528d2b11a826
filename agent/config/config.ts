import type { OpenedBundle } from "../bundle/bundle.ts";
import type { Caller } from "../control/caller.ts";
import type { BundleRecord, ProbationState } from "../control/messages.ts";

/** Where a bundle came from. */
export type BundleSource =
  /** Pushed over the control protocol. */
  | { readonly kind: "push"; readonly caller: Caller }
  /** Found and fetched by the agent: a configuration server's name, or a URL. */
  | { readonly kind: "fetched"; readonly where: string }
  /** On the boot medium: its path. */
  | { readonly kind: "medium"; readonly where: string };

/** What an agent does with bundles. Each rejects with AgentError, and then nothing has changed. */
export interface ConfigKeeper {
  /** The bundle that runs; undefined: none yet, or the agent runs a local site file. */
  readonly current: BundleRecord | undefined;
  readonly probation: ProbationState | undefined;
  /**
   * Checks a bundle in every way, applies it and begins its probation; resolves when the agent serves it.
   *
   * Rejects with E_BUNDLE for what is not a bundle, E_BUNDLE_REFUSED for one that may not be applied, E_SITE_INVALID,
   * E_CONFIG when the host cannot serve it (the one before serves on).
   */
  apply(octets: Uint8Array, source: BundleSource, probationMs?: number): Promise<BundleRecord>;
  /** All that `apply` checks, without applying. */
  validate(octets: Uint8Array): Promise<OpenedBundle>;
  /** The operator still reaches the agent: ends the probation. */
  confirm(serial: number, caller: Caller): Promise<void>;
  /** Goes back to a bundle of the history: that before the current one, or a serial number. */
  rollback(serial: number | undefined, caller: Caller): Promise<BundleRecord>;
  /** Newest first. */
  history(): readonly BundleRecord[];
  /** The octets of a bundle of the history; of the one that runs without a serial number. */
  octetsOf(serial?: number): Uint8Array | undefined;
}

/** Whom a bundle is for. An agent that is named in any of these ways is meant. */
export interface Targets {
  /** Every agent that trusts the signer. */
  readonly any?: boolean;
  /** Fingerprints of identity keys. */
  readonly agents?: readonly string[];
  /** Instance names, as announced before conflict renaming. */
  readonly names?: readonly string[];
}

/** A site with everything that its file refers to by a relative path, as one operator signs it. */
export interface Bundle {
  readonly version: 1;
  /** The key `site:` of the site. */
  readonly site: string;
  /** Higher than that of every bundle that the agent accepted before; 1 to 2^53 - 1. */
  readonly serial: number;
  readonly targets: Targets;
  /** Seconds since 1970. */
  readonly notBefore?: number;
  /** Seconds since 1970. After it the bundle is not applied any more; one that runs goes on running. */
  readonly expires?: number;
  /** When it was made by the operator's clock, seconds since 1970: for people. */
  readonly made: number;
  /** Name of the site file in `files`. */
  readonly main: string;
  /** Relative paths with forward slashes, no `..`, to octets. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A bundle whose signature is that of the key it names; whether that key is trusted is another question. */
export interface OpenedBundle {
  readonly bundle: Bundle;
  /** Of the key that signed it. */
  readonly signer: string;
  /** The COSE_Sign1 message. */
  readonly octets: Uint8Array;
  /** SHA-256 of `octets`, 64 hex digits. */
  readonly digest: string;
}

import type { ObjectVersion } from "../stores/source.ts";

/** One version of an asset that was fetched, verified and treated. */
export interface VersionRecord {
  /** SHA-256 in hex of what is served: it names the blob. */
  readonly digest: string;
  /** Octets of what is served. */
  readonly size: number;
  /** Of what the store gave; `digest` itself when there is no treatment. This is what the site pins. */
  readonly sourceDigest: string;
  /** `Source.id` of the store it came from. */
  readonly sourceId: string;
  /** `treatmentKey` of how one became the other; "" for nothing. */
  readonly treatment: string;
  /** What the store said of it, to ask later whether that is still so. */
  readonly object: ObjectVersion;
  /** The name of the file it was, where it had one. */
  readonly fileName?: string;
  /** Milliseconds since 1970, whole seconds: what protocols show as its date. */
  readonly mtimeMs: number;
  /** When it was fetched, by the host's clock. */
  readonly fetchedMs: number;
}

/** All that is known of an asset of the site, by name. */
export interface AssetRecord {
  readonly name: string;
  /** Newest first; their number is bounded by the site's `cache.versions`. */
  readonly versions: readonly VersionRecord[];
  /** Digest of the version that is served; undefined: none yet. */
  readonly current?: string;
  /** Set by `cache pin` and `cache rollback`: this version is served until `cache pin --release`, whatever the store has. */
  readonly held?: string;
  /** The first source digest that was seen: what `pin: first` goes on to demand. */
  readonly firstSourceDigest?: string;
  /** When a store last confirmed that the newest version is its newest, by the host's clock. */
  readonly checkedMs?: number;
  /** A newer version that was refused: why, and where it was put aside. */
  readonly refused?: RefusedVersion;
}

/** What a store gave that was not served. */
export interface RefusedVersion {
  readonly sourceDigest: string;
  readonly sourceId: string;
  /** For the operator. */
  readonly why: string;
  readonly sinceMs: number;
  /** The file under `quarantine/` where its octets are; absent when there was no room for them. */
  readonly keptAs?: string;
  /** What the store said of it, so that it is not fetched again only to be refused again. */
  readonly object?: ObjectVersion;
}

/** A blob of the cache. */
export interface BlobRecord {
  /** SHA-256 in hex. */
  readonly digest: string;
  readonly size: number;
  /** Octets of each piece that `pieces` has a digest of. */
  readonly pieceLen: number;
  /** SHA-256 of each piece, 32 octets each, one after the other. */
  readonly pieces: Uint8Array;
}

import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import type { ObjectVersion } from "../stores/source.ts";
import type { AssetRecord, BlobRecord, VersionRecord } from "./records.ts";

/** Octets that came in and have a digest, but are not part of the cache yet. */
export interface Received {
  readonly digest: string;
  readonly size: number;
  /** Makes it a blob, durably: when it resolves, a power cut does not lose it. */
  keep(): Promise<BlobRecord>;
  /** Puts it aside for inspection under `quarantine/`, bounded; resolves to the file's name there, undefined when there is no room. */
  quarantine(why: string): Promise<string | undefined>;
  discard(): Promise<void>;
}

/** One blob being written. Its octets go to `ingest/`, in order, once. */
export interface Ingest {
  /** Octets that are there already, from an earlier attempt that was suspended or cut off. */
  readonly at: number;
  /** The version that those belong to. */
  readonly version: ObjectVersion | undefined;
  /** Throws away what is there, to begin at 0 with this version. */
  restart(version: ObjectVersion): Promise<void>;
  /** Rejects with E_CACHE_FULL when the disk is. */
  write(octets: Uint8Array): Promise<void>;
  /** No more octets come. */
  finish(): Promise<Received>;
  /** Keeps what is there for a later attempt. */
  suspend(): Promise<void>;
  discard(): Promise<void>;
}

/** What `verify` and the scrubber find out about one blob. */
export interface BlobCheck {
  readonly digest: string;
  readonly size: number;
  readonly sound: boolean;
}

/** How full the cache is. Octets. */
export interface CacheUsage {
  readonly limit: number;
  readonly used: number;
  /** What eviction could free now. */
  readonly evictable: number;
  readonly diskFree: number;
  readonly blobs: number;
  readonly quarantined: number;
  readonly partial: number;
}

/**
 * The cache on disk: blobs in an OCI image layout, records in LMDB.
 *
 * Every method that changes something resolves when the change is durable. Several processes may have the same cache open.
 */
export interface Cache {
  readonly dir: string;
  assets(): Iterable<AssetRecord>;
  asset(name: string): AssetRecord | undefined;
  /** Changes a record in one transaction and brings `index.json` up to date; `change` returning undefined removes it. */
  update(
    name: string,
    change: (before: AssetRecord | undefined) => AssetRecord | undefined,
  ): Promise<AssetRecord | undefined>;
  blob(digest: string): BlobRecord | undefined;
  /** Begins or goes on with the blob of a source; `id` is `Source.id`, or any text that tells what is being made. One at a time for an id. */
  ingest(id: string): Promise<Ingest>;
  /** A version as content, each piece verified as it comes from disk. Rejects nothing now; its `load` may, with E_ASSET_DAMAGED. */
  content(name: string, version: VersionRecord, chunks: ChunkCache): Content;
  /** The path of a blob's file, for treatment, whose result is verified as a whole. */
  blobPath(digest: string): string;
  /** Frees room for `octets` more by evicting what was used longest ago. Rejects with E_CACHE_FULL, which says what is in the way. */
  makeRoom(octets: number): Promise<void>;
  /**
   * Says which blobs must not be evicted: those that plans need, and those in use. Called at each eviction.
   *
   * `named`: whether the site still has an asset; the others' last versions may go too, after everything else. Absent: it has all.
   */
  protect(digests: () => ReadonlySet<string>, named?: (asset: string) => boolean): void;
  /** A blob was read: it becomes the last to be evicted. Written in batches. */
  touch(digest: string): void;
  usage(): Promise<CacheUsage>;
  /** Reads a blob from end to end. `pace` is awaited between pieces, for idle priority. */
  check(digest: string, pace?: () => Promise<void>): Promise<BlobCheck>;
  /** Takes a damaged blob out of the cache, into quarantine. */
  condemn(digest: string, why: string): Promise<void>;
  /** Told when a read found a damaged piece. */
  onDamage(listener: (digest: string) => void): void;
  /** Removes what no record refers to: blobs, partial transfers, old quarantine. Octets freed. */
  collect(): Promise<number>;
  close(): Promise<void>;
}

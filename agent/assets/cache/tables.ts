import type { Database, Table } from "../../state/database.ts";
import type { ObjectVersion } from "../stores/source.ts";
import type { AssetRecord, BlobRecord } from "./records.ts";

/** When a blob was read last, and how long it is: all that eviction looks at. */
export interface UseRecord {
  readonly size: number;
  /** A tick of {@link CacheTables.tick}. */
  readonly usedAt: number;
  /** The process that made the blob and has not named it in a record yet. */
  readonly owner?: string;
}

/** A transfer that is going on or was cut off. */
export interface IngestRecord {
  readonly id: string;
  readonly version: ObjectVersion;
  /** The process that writes it, or did last. */
  readonly owner: string;
  /** False: it was suspended, whoever asks for it may go on. */
  readonly active: boolean;
  /** Octets that a power cut does not take away. */
  readonly synced: number;
  /** When it was last written to: milliseconds since 1970, by the host's clock. */
  readonly changedMs: number;
  /** Set just before its file becomes the blob of this digest. */
  readonly digest?: string;
}

/** The manifest of a version, in `blobs/` like a blob. */
export interface ManifestRecord {
  readonly digest: string;
  readonly size: number;
}

/** What is known of the whole cache. */
export interface CacheTotals {
  readonly blobs: number;
  readonly octets: number;
  /** The latest tick that was given out before the last write. */
  readonly clock: number;
  /** Counts the changes that `index.json` has to show. */
  readonly wanted: number;
  /** The change that it shows. */
  readonly written: number;
}

const TOTALS = "totals";
const NOTHING: CacheTotals = { blobs: 0, octets: 0, clock: 0, wanted: 0, written: 0 };

/** The cache's tables, and the few changes that touch more than one of them. Those are for use within a transaction. */
export class CacheTables {
  readonly database: Database;
  readonly assets: Table<AssetRecord>;
  readonly blobs: Table<BlobRecord>;
  /** By digest, for each blob. */
  readonly uses: Table<UseRecord>;
  /** By digest: names of the assets with a version of it, whether the blob is there or not. */
  readonly refs: Table<readonly string[]>;
  readonly ingests: Table<IngestRecord>;
  /** By asset and digest: {@link manifestKey}. */
  readonly manifests: Table<ManifestRecord>;
  /** Digests of files that no record needs any more and that are to be removed. */
  readonly doomed: Table<true>;
  private readonly state: Table<CacheTotals>;
  private readonly nowMs: () => number;
  private last = 0;

  constructor(database: Database, nowMs: () => number) {
    this.database = database;
    this.nowMs = nowMs;
    this.assets = database.table("cache.assets");
    this.blobs = database.table("cache.blobs");
    this.uses = database.table("cache.uses");
    this.refs = database.table("cache.refs");
    this.ingests = database.table("cache.ingests");
    this.manifests = database.table("cache.manifests");
    this.doomed = database.table("cache.doomed");
    this.state = database.table("cache.state");
    this.last = this.totals().clock;
  }

  /** Whether there was never a cache in this database. */
  get fresh(): boolean {
    return !this.state.doesExist(TOTALS);
  }

  totals(): CacheTotals {
    return this.state.get(TOTALS) ?? NOTHING;
  }

  change(changes: Partial<CacheTotals>): void {
    void this.state.put(TOTALS, { ...this.totals(), ...changes, clock: this.last });
  }

  /** A time for order of use: milliseconds since 1970, but never one that was given out before, whatever the host's clock does. */
  tick(): number {
    this.last = Math.max(this.last + 1, this.nowMs());
    return this.last;
  }

  /** `index.json` has to be written anew. */
  outdateIndex(): void {
    this.change({ wanted: this.totals().wanted + 1 });
  }

  putBlob(blob: BlobRecord, owner: string): void {
    const { digest, size } = blob;
    const { blobs, octets } = this.totals();
    void this.doomed.remove(digest);
    if (!this.blobs.doesExist(digest)) {
      void this.blobs.put(digest, blob);
      this.change({ blobs: blobs + 1, octets: octets + size });
    }
    void this.uses.put(digest, { size, usedAt: this.tick(), owner });
    if (this.refs.doesExist(digest)) this.outdateIndex();
  }

  /** Forgets a blob. Its file stays. False: there was none. */
  removeBlob(digest: string): boolean {
    const use = this.uses.get(digest);
    if (!use && !this.blobs.doesExist(digest)) return false;
    const { blobs, octets } = this.totals();
    this.change({
      blobs: Math.max(0, blobs - 1),
      octets: Math.max(0, octets - (use?.size ?? 0)),
    });
    void this.blobs.remove(digest);
    void this.uses.remove(digest);
    return true;
  }

  /** Forgets the manifest of a version. Its file is to be removed. */
  removeManifest(name: string, digest: string): void {
    const key = manifestKey(name, digest);
    const manifest = this.manifests.get(key);
    if (!manifest) return;
    void this.manifests.remove(key);
    void this.doomed.put(manifest.digest, true);
  }

  addRef(digest: string, name: string): void {
    const names = this.refs.get(digest) ?? [];
    if (!names.includes(name)) void this.refs.put(digest, [...names, name]);
  }

  removeRef(digest: string, name: string): void {
    const names = (this.refs.get(digest) ?? []).filter((other) => other !== name);
    if (names.length > 0) void this.refs.put(digest, names);
    else void this.refs.remove(digest);
  }
}

/** The key of a version's manifest. */
export function manifestKey(name: string, digest: string): string {
  return `${name}@${digest}`;
}

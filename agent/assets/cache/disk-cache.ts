import path from "node:path";
import type { Database } from "../../state/database.ts";
import { openDatabase } from "../../state/database.ts";
import type { Cache } from "./cache.ts";
import { FolderCache } from "./folder-cache.ts";
import type { ForeignEntry } from "./index-file.ts";
import { Layout } from "./layout.ts";
import { rebuild } from "./rebuild.ts";
import { CacheTables } from "./tables.ts";

/** How a cache is opened. */
export interface DiskCacheOptions {
  /** The state folder: the cache is `cache/` in it, the records are `db/`. */
  readonly stateDir: string;
  /** Most octets of all blobs, partial transfers and what is in quarantine. */
  readonly limit: number;
  /** The state folder's database, when the caller has it open already; it is then not closed with the cache. */
  readonly database?: Database;
  /** Whether large blobs may be hashed in a thread of their own as they come in; absent: no. */
  readonly hashThread?: boolean;
  /** The host's clock. */
  readonly nowMs?: () => number;
}

/** A cache on disk, and what only a disk has. */
export interface DiskCache extends Cache {
  /** Entries of `index.json` that another program made (`skopeo copy … oci:CACHE:REF`), as of the last look. */
  foreign(): readonly ForeignEntry[];
  /** From now on at most so many octets. Nothing is removed before room is needed. */
  setLimit(octets: number): void;
  /** Looks at `index.json` again for such entries. Cheap when it did not change. */
  look(): Promise<void>;
  /** Writes `index.json` now if it does not show all records; by itself that happens within a second of a change. */
  flush(): Promise<void>;
}

/** What a cache is made of. */
export interface FolderCacheParts {
  readonly layout: Layout;
  readonly tables: CacheTables;
  /** Octets. */
  readonly limit: number;
  readonly nowMs: () => number;
  /** Whether large blobs may be hashed in a thread of their own. */
  readonly hashThread: boolean;
  /** Whether the database is closed with the cache. */
  readonly closeDatabase: boolean;
}

/**
 * Opens the cache of a state folder, and makes it when it is not there.
 *
 * When its records are gone or damaged, they are made again from the blobs, each of which is verified: that reads all of
 * them. Otherwise nothing here depends on how much is in the cache. Rejects with E_CACHE or E_STATE.
 */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  const { stateDir, limit, nowMs = Date.now, hashThread = false } = options;
  const layout = new Layout(path.join(stateDir, "cache"));
  const database =
    options.database ?? openDatabase({ dir: path.join(stateDir, "db"), replaceDamaged: true });
  try {
    await layout.make();
    const tables = new CacheTables(database, nowMs);
    if (tables.fresh) await rebuild(layout, tables);
    const cache = new FolderCache({
      layout,
      tables,
      limit,
      nowMs,
      hashThread,
      closeDatabase: options.database === undefined,
    });
    await cache.recover();
    return cache;
  } catch (error) {
    if (options.database === undefined) await database.close().catch(() => undefined);
    throw error;
  }
}

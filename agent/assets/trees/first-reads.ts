import { createHash } from "node:crypto";
import type { Database, Table } from "../../state/database.ts";

/** SHA-256, octets. */
const DIGEST_LEN = 32;
/** Files with something new to write down; then it is written. */
const MAX_UNWRITTEN = 256;
/** Digests are written after so long, ms: once for all files that a machine reads while it boots. */
const WRITE_AFTER_MS = 30_000;
/** Files remembered; beyond that new ones are checked as long as the agent runs, and no longer. */
const MAX_FILES = 100_000;

/** What is known of one file: the digests of its chunks as they were when each was first read. */
interface FirstRead {
  /** Size and times of the file that these belong to. */
  readonly version: string;
  readonly chunkLen: number;
  /** 32 octets a chunk; zeros for one that was not read yet. */
  readonly digests: Uint8Array;
}

/** A file with digests that are not in the database yet. */
interface Unwritten extends FirstRead {
  /** Digests added since it came here. */
  added: number;
}

/**
 * Remembers what files of a directory were when they were first read, since nobody has published a digest of them.
 *
 * A chunk that comes back from disk with other octets, while size and times of its file say that nothing has changed, is
 * damaged. What is remembered outlives the agent where there is a database; it is written in batches, and what a power cut
 * takes is recorded anew.
 */
export class FirstReads {
  private readonly table: Table<FirstRead> | undefined;
  private readonly database: Database | undefined;
  private readonly unwritten = new Map<string, Unwritten>();
  private timer: NodeJS.Timeout | undefined;

  /** Without a database it remembers until the process ends. */
  constructor(database?: Database) {
    this.database = database;
    this.table = database?.table<FirstRead>("tree.reads");
  }

  /**
   * Whether these octets are what the chunk was when it was first read; when this is the first time, they are.
   *
   * `path` is the same for the same file after a restart, `version` for the same content of it. `count`: chunks it has.
   */
  accept(
    path: string,
    version: string,
    chunkLen: number,
    count: number,
    index: number,
    octets: Uint8Array,
  ): boolean {
    // Paths may be longer than the database's keys.
    const file = createHash("sha256").update(path).digest("base64url");
    const digest = createHash("sha256").update(octets).digest();
    const at = index * DIGEST_LEN;
    const known = this.unwritten.get(file) ?? this.table?.get(file);
    const isSame =
      known?.version === version &&
      known.chunkLen === chunkLen &&
      known.digests.length === count * DIGEST_LEN;
    const before = isSame ? known.digests.subarray(at, at + DIGEST_LEN) : undefined;
    if (before?.some((octet) => octet !== 0)) return digest.equals(before);
    const entry = isSame ? this.own(file, known) : this.begin(file, version, chunkLen, count);
    entry?.digests.set(digest, at);
    if (entry) entry.added += 1;
    if (this.table) this.writeSoon(this.unwritten.size >= MAX_UNWRITTEN ? 0 : WRITE_AFTER_MS);
    return true;
  }

  /** Writes what was not written yet. Rejects with E_STATE. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.write();
  }

  /** The entry to add to; what the database gave is not ours to change. */
  private own(file: string, known: FirstRead): Unwritten {
    const here = this.unwritten.get(file);
    if (here) return here;
    const entry = { ...known, digests: Uint8Array.from(known.digests), added: 0 };
    this.unwritten.set(file, entry);
    return entry;
  }

  private begin(
    file: string,
    version: string,
    chunkLen: number,
    count: number,
  ): Unwritten | undefined {
    if (this.unwritten.size >= MAX_FILES && !this.unwritten.has(file)) return undefined;
    const entry = { version, chunkLen, digests: new Uint8Array(count * DIGEST_LEN), added: 0 };
    this.unwritten.set(file, entry);
    return entry;
  }

  private writeSoon(ms: number): void {
    if (this.timer && ms > 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // A full disk keeps it from being remembered, not from being served.
      this.write().catch(() => undefined);
    }, ms).unref();
  }

  private async write(): Promise<void> {
    const { table, database } = this;
    if (!table || !database || this.unwritten.size === 0) return;
    const batch = [...this.unwritten].map(([file, read]) => ({ file, read, added: read.added }));
    await database.transaction(() => {
      let room = MAX_FILES - table.getCount();
      for (const { file, read } of batch) {
        if (!table.doesExist(file) && room-- <= 0) continue;
        const { version, chunkLen, digests } = read;
        table.putSync(file, { version, chunkLen, digests });
      }
    });
    for (const { file, read, added } of batch) {
      if (this.unwritten.get(file) === read && read.added === added) this.unwritten.delete(file);
    }
  }
}

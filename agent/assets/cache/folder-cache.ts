import { AgentError } from "../../errors.ts";
import { errorCode, whyNot } from "../../state/folder.ts";
import { ownerAlive, processOwner } from "../../state/owner.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import { changeAsset } from "./asset-change.ts";
import { openToRead } from "./blob-file.ts";
import type { BlobCheck, CacheUsage, Ingest } from "./cache.ts";
import {
  type CollectContext,
  forgetUnnamed,
  partialOctets,
  removeOldQuarantine,
  removeStrayBlobs,
  removeStrayPartials,
} from "./collect.ts";
import { BlobReader, CachedContent } from "./content-reader.ts";
import type { DiskCache, FolderCacheParts } from "./disk-cache.ts";
import { candidates, diskRoom, forget, type Kept, noRoom } from "./eviction.ts";
import { type ForeignEntry, IndexFile } from "./index-file.ts";
import { FileIngest } from "./ingest.ts";
import type { Layout } from "./layout.ts";
import { isDigest, sha256Of } from "./manifest.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { hashFile } from "./pieces.ts";
import { Quarantine } from "./quarantine.ts";
import type { AssetRecord, BlobRecord, VersionRecord } from "./records.ts";
import { recoverPlaced } from "./recovery.ts";
import { removeDoomed } from "./removal.ts";
import type { CacheTables } from "./tables.ts";
import { UseLog } from "./use-log.ts";

/** How long after a change `index.json` shows it, ms: many changes in a row are written once. */
const INDEX_DELAY_MS = 500;
/** The part of the limit that quarantine may take. */
const QUARANTINE_PART = 1 / 8;
/** Digits of an ingest's file name. */
const KEY_DIGITS = 32;

/** The cache on disk. Made by `openDiskCache`. */
export class FolderCache implements DiskCache {
  private readonly layout: Layout;
  private readonly tables: CacheTables;
  private limit: number;
  private readonly nowMs: () => number;
  private readonly hashThread: boolean;
  private readonly closeDatabase: boolean;
  private readonly owner = processOwner();
  private readonly index: IndexFile;
  private readonly reader: BlobReader;
  private readonly quarantine: Quarantine;
  private readonly uses: UseLog;
  /** By file name; undefined while it begins. */
  private readonly active = new Map<string, FileIngest | undefined>();
  private readonly listeners: ((digest: string) => void)[] = [];
  private needed: () => ReadonlySet<string> = () => new Set();
  private named: (asset: string) => boolean = () => true;
  private indexTimer: NodeJS.Timeout | undefined;
  private indexing: Promise<void> = Promise.resolve();
  /** Two that free room at once would both count the same octets. */
  private readonly removing = new OneAtATime();

  constructor({ layout, tables, limit, nowMs, hashThread, closeDatabase }: FolderCacheParts) {
    this.layout = layout;
    this.tables = tables;
    this.limit = limit;
    this.nowMs = nowMs;
    this.hashThread = hashThread;
    this.closeDatabase = closeDatabase;
    this.index = new IndexFile(layout, tables);
    this.quarantine = new Quarantine(layout.quarantine, Math.floor(limit * QUARANTINE_PART));
    this.uses = new UseLog(tables);
    this.reader = new BlobReader({
      layout,
      record: (digest) => tables.blobs.get(digest),
      touch: (digest) => this.uses.touch(digest),
      damaged: (digest) => {
        for (const listener of this.listeners) listener(digest);
      },
    });
  }

  setLimit(octets: number): void {
    this.limit = octets;
    this.quarantine.limit = Math.floor(octets * QUARANTINE_PART);
  }

  get dir(): string {
    return this.layout.dir;
  }

  /** Finishes what a crash cut off. Done once, when the cache is opened. */
  async recover(): Promise<void> {
    for (const { key, value } of [...this.tables.ingests.getRange()]) {
      if (value.digest === undefined || ownerAlive(value.owner)) continue;
      await recoverPlaced(this.layout, this.tables, key, value.digest);
    }
    if (!this.tables.doomed.getKeys({ limit: 1 })[Symbol.iterator]().next().done) {
      await this.sweep();
    }
    this.indexSoon();
  }

  foreign(): readonly ForeignEntry[] {
    return this.index.foreign();
  }

  async look(): Promise<void> {
    await this.index.look();
  }

  *assets(): Iterable<AssetRecord> {
    for (const { value } of this.tables.assets.getRange()) yield value;
  }

  asset(name: string): AssetRecord | undefined {
    return this.tables.assets.get(name);
  }

  async update(
    name: string,
    change: (before: AssetRecord | undefined) => AssetRecord | undefined,
  ): Promise<AssetRecord | undefined> {
    const { tables } = this;
    const after = await tables.database.transaction(() => changeAsset(tables, name, change));
    this.indexSoon();
    return after;
  }

  blob(digest: string): BlobRecord | undefined {
    return this.tables.blobs.get(digest);
  }

  async ingest(id: string): Promise<Ingest> {
    let key = sha256Of(id).slice(0, KEY_DIGITS);
    this.mustBeFree(key, id);
    this.active.set(key, undefined);
    try {
      const { tables, owner } = this;
      const record = tables.ingests.get(key);
      const taken = record?.active === true && record.owner !== owner && ownerAlive(record.owner);
      // Another process is at it. Ours is then a transfer of its own, which nobody goes on with.
      const own = taken ? `${key}-${process.pid}` : key;
      if (own !== key) {
        this.active.delete(key);
        key = own;
        this.mustBeFree(key, id);
        this.active.set(key, undefined);
      }
      const known = await this.claim(key);
      const ingest = await FileIngest.begin(
        {
          layout: this.layout,
          tables,
          owner,
          nowMs: this.nowMs,
          hashThread: this.hashThread,
          key,
          id,
          quarantine: (file, digest, why) =>
            this.quarantine.take(file, digest, why, this.nowMs()).catch(() => undefined),
          full: (cause) => this.shortage(0, cause),
          placed: (digest) => {
            this.reader.forget(digest);
            this.indexSoon();
          },
          ended: () => this.active.delete(key),
        },
        known,
      );
      this.active.set(key, ingest);
      return ingest;
    } catch (error) {
      this.active.delete(key);
      throw error;
    }
  }

  content(name: string, version: VersionRecord, chunks: ChunkCache): Content {
    return new CachedContent(name, version, chunks, this.reader);
  }

  blobPath(digest: string): string {
    if (!isDigest(digest)) throw new Error(`not a digest: ${digest}`);
    return this.layout.blob(digest);
  }

  makeRoom(octets: number): Promise<void> {
    return this.removing.run(() => this.free(octets));
  }

  protect(digests: () => ReadonlySet<string>, named?: (asset: string) => boolean): void {
    this.needed = digests;
    if (named) this.named = named;
  }

  touch(digest: string): void {
    this.uses.touch(digest);
  }

  async usage(): Promise<CacheUsage> {
    const { blobs, octets } = this.tables.totals();
    const room = await diskRoom(this.dir);
    const evictable = candidates(this.tables, await this.kept()).reduce((n, c) => n + c.size, 0);
    const [quarantined, partial] = [
      await this.quarantine.octets(),
      await partialOctets(this.layout, this.tables),
    ];
    return {
      limit: this.limit,
      used: octets + quarantined + partial,
      evictable,
      diskFree: room.free,
      blobs,
      quarantined,
      partial,
    };
  }

  async check(digest: string, pace?: () => Promise<void>): Promise<BlobCheck> {
    const record = this.tables.blobs.get(digest);
    if (!record) throw new AgentError("E_CACHE", `there is no blob ${digest} in ${this.dir}`);
    const { size } = record;
    try {
      const handle = await openToRead(this.layout.blob(digest));
      try {
        const found = await hashFile(handle, pace);
        const pieces = Buffer.compare(found.pieces, record.pieces) === 0;
        return { digest, size, sound: found.digest === digest && found.size === size && pieces };
      } finally {
        await handle.close();
      }
    } catch (cause) {
      const code = errorCode(cause);
      if (code === "ENOENT" || code === "EIO" || code === "ELOOP" || code === "EISDIR") {
        return { digest, size, sound: false };
      }
      if (code === undefined) throw cause;
      const file = this.layout.blob(digest);
      throw new AgentError("E_CACHE", `cannot read ${file}: ${whyNot(file, cause)}`, { cause });
    }
  }

  condemn(digest: string, why: string): Promise<void> {
    return this.removing.run(async () => {
      const { tables, layout } = this;
      const there = await tables.database.transaction(() => {
        if (!tables.removeBlob(digest)) return false;
        // Versions stay in their records: they tell what to fetch again.
        for (const name of tables.refs.get(digest) ?? []) tables.removeManifest(name, digest);
        void tables.doomed.put(digest, true);
        tables.outdateIndex();
        return true;
      });
      if (!there) return;
      this.reader.forget(digest);
      await this.flush();
      await this.quarantine
        .take(layout.blob(digest), digest, why, this.nowMs())
        .catch(() => undefined);
      await this.sweep();
    });
  }

  onDamage(listener: (digest: string) => void): void {
    this.listeners.push(listener);
  }

  collect(): Promise<number> {
    return this.removing.run(async () => {
      await this.uses.flush();
      const context: CollectContext = {
        layout: this.layout,
        tables: this.tables,
        quarantine: this.quarantine,
        kept: await this.kept(),
        nowMs: this.nowMs(),
      };
      let freed = await forgetUnnamed(context);
      await this.sweep();
      freed += await removeStrayBlobs(context);
      freed += await removeStrayPartials(context);
      freed += await removeOldQuarantine(context);
      return freed;
    });
  }

  async flush(): Promise<void> {
    clearTimeout(this.indexTimer);
    this.indexTimer = undefined;
    const write = this.indexing.then(async () => {
      const { wanted, written } = this.tables.totals();
      if (wanted !== written) await this.index.write();
    });
    this.indexing = write.catch(() => undefined);
    await write;
  }

  async close(): Promise<void> {
    await this.removing.idle();
    try {
      for (const ingest of [...this.active.values()]) await ingest?.abandon();
      await this.uses.close();
      await this.flush();
    } finally {
      clearTimeout(this.indexTimer);
      await this.reader.close();
      if (this.closeDatabase) await this.tables.database.close();
    }
  }

  /** Takes the record of an interrupted transfer for this process; undefined: there is none. */
  private async claim(key: string): Promise<ReturnType<CacheTables["ingests"]["get"]>> {
    const { tables, owner } = this;
    const record = tables.ingests.get(key);
    if (!record) return undefined;
    if (record.digest !== undefined) await recoverPlaced(this.layout, tables, key, record.digest);
    return await tables.database.transaction(() => {
      const known = tables.ingests.get(key);
      if (known) void tables.ingests.put(key, { ...known, owner, active: true });
      // The earlier owner tells how much of the file can be trusted.
      return known;
    });
  }

  private mustBeFree(key: string, id: string): void {
    if (!this.active.has(key)) return;
    throw new AgentError("E_CACHE", `${id}: it is being written to the cache already`);
  }

  private async free(octets: number): Promise<void> {
    const { tables, limit } = this;
    const disk = await diskRoom(this.dir);
    const partial = await partialOctets(this.layout, tables);
    const quarantined = await this.quarantine.octets();
    let missing = Math.max(
      tables.totals().octets + quarantined + partial + octets - limit,
      octets + disk.reserve - disk.free,
    );
    if (missing <= 0) return;
    await this.uses.flush();
    const others = await this.kept();
    const evictable = candidates(tables, others).reduce((sum, { size }) => sum + size, 0);
    if (quarantined + evictable < missing) throw await this.shortage(octets);
    // What is only kept to be looked at goes before what can still be served.
    missing -= await this.quarantine.shrink(Math.max(0, quarantined - missing));
    if (missing <= 0) return;
    const evicted = await tables.database.transaction(() => {
      const gone: string[] = [];
      for (const candidate of candidates(tables, others)) {
        if (missing <= 0) break;
        forget(tables, candidate);
        gone.push(candidate.digest);
        missing -= candidate.size;
      }
      return gone;
    });
    for (const digest of evicted) this.reader.forget(digest);
    await this.sweep();
    if (missing > 0) throw await this.shortage(octets);
  }

  private async shortage(needs: number, cause?: unknown): Promise<AgentError> {
    const { limit, used, evictable } = await this.usage();
    const disk = await diskRoom(this.dir);
    return noRoom({ needs, limit, used, evictable, disk, dir: this.dir }, cause);
  }

  private async kept(): Promise<Kept> {
    const foreign = await this.index.foreignDigests();
    return {
      protected: this.needed(),
      named: this.named,
      foreign,
      busy: (owner) => owner !== undefined && owner !== this.owner && ownerAlive(owner),
    };
  }

  /** Brings `index.json` up to date, and removes the files that it no longer lists. */
  private async sweep(): Promise<void> {
    const done = await removeDoomed(this.layout, this.tables, () => this.flush());
    if (!done) this.indexSoon();
  }

  private indexSoon(): void {
    const { wanted, written } = this.tables.totals();
    if (wanted === written || this.indexTimer) return;
    // A full disk, say, is no matter: the next change tries again, and so does the next start.
    this.indexTimer = setTimeout(() => {
      this.indexTimer = undefined;
      this.sweep().catch(() => undefined);
    }, INDEX_DELAY_MS);
    this.indexTimer.unref();
  }
}

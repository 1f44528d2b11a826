import { createHash } from "node:crypto";
import type {
  BlobCheck,
  Cache,
  CacheUsage,
  Ingest,
  Received,
} from "../../agent/assets/cache/cache.ts";
import type { AssetRecord, BlobRecord, VersionRecord } from "../../agent/assets/cache/records.ts";
import type { ChunkCache } from "../../agent/assets/chunk-cache.ts";
import type { Content } from "../../agent/assets/content.ts";
import type { ObjectVersion } from "../../agent/assets/stores/source.ts";
import { AgentError } from "../../agent/errors.ts";

interface Partial {
  octets: Uint8Array;
  version: ObjectVersion | undefined;
}

export function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

/** The cache as its interface promises it, in memory. Misuse (two ingests of one id, use after the end) throws. */
export class MemoryCache implements Cache {
  readonly dir = "/nowhere";
  limit = 1_000_000;
  readonly blobs = new Map<string, Uint8Array>();
  readonly partials = new Map<string, Partial>();
  /** Why, of each file put aside. */
  readonly quarantined: { readonly digest: string; readonly why: string }[] = [];
  readonly touched: string[] = [];
  /** Octets that were asked for, each time. */
  readonly rooms: number[] = [];
  written = 0;
  updates = 0;
  protectedDigests: () => ReadonlySet<string> = () => new Set();
  private readonly records = new Map<string, AssetRecord>();
  private readonly busy = new Set<string>();
  private readonly listeners: ((digest: string) => void)[] = [];

  assets(): Iterable<AssetRecord> {
    return this.records.values();
  }

  asset(name: string): AssetRecord | undefined {
    return structuredClone(this.records.get(name));
  }

  async update(
    name: string,
    change: (before: AssetRecord | undefined) => AssetRecord | undefined,
  ): Promise<AssetRecord | undefined> {
    const after = structuredClone(change(this.asset(name)));
    this.updates += 1;
    if (after) this.records.set(name, after);
    else this.records.delete(name);
    await Promise.resolve();
    return structuredClone(after);
  }

  blob(digest: string): BlobRecord | undefined {
    const octets = this.blobs.get(digest);
    return octets && { digest, size: octets.length, pieceLen: 1, pieces: new Uint8Array() };
  }

  /** Puts octets in as if they had been fetched; gives their digest. */
  put(octets: Uint8Array): string {
    const digest = sha256(octets);
    this.blobs.set(digest, octets);
    return digest;
  }

  async ingest(id: string): Promise<Ingest> {
    if (this.busy.has(id)) throw new Error(`two ingests of ${id}`);
    this.busy.add(id);
    await Promise.resolve();
    return new MemoryIngest(this, id, () => this.busy.delete(id));
  }

  content(name: string, version: VersionRecord, chunks: ChunkCache): Content {
    const octets = this.blobs.get(version.digest);
    if (!octets) throw new Error(`no blob ${version.digest}`);
    const { digest, size, mtimeMs, fileName } = version;
    const at = (i: number): Uint8Array =>
      octets.subarray(i * chunks.chunkLen, Math.min(size, (i + 1) * chunks.chunkLen));
    return {
      name,
      size,
      mtimeMs,
      etag: digest,
      chunkLen: chunks.chunkLen,
      ...(fileName === undefined ? {} : { fileName }),
      peek: at,
      load: async (i) => at(i),
    };
  }

  blobPath(digest: string): string {
    return `memory/${digest}`;
  }

  /** What a file of `blobPath` has. */
  read(file: string): Uint8Array {
    const octets = this.blobs.get(file.replace("memory/", ""));
    if (!octets) throw new Error(`no file ${file}`);
    return octets;
  }

  async makeRoom(octets: number): Promise<void> {
    this.rooms.push(octets);
    const inUse = this.protectedDigests();
    const current = new Set([...this.records.values()].map((r) => r.current));
    for (const [digest] of this.blobs) {
      if (this.used + octets <= this.limit) return;
      if (!inUse.has(digest) && !current.has(digest)) this.blobs.delete(digest);
    }
    if (this.used + octets > this.limit) {
      throw new AgentError("E_CACHE_FULL", `needs ${octets}, limit ${this.limit}`);
    }
  }

  get used(): number {
    return [...this.blobs.values()].reduce((sum, o) => sum + o.length, 0);
  }

  protect(digests: () => ReadonlySet<string>): void {
    this.protectedDigests = digests;
  }

  touch(digest: string): void {
    this.touched.push(digest);
  }

  async usage(): Promise<CacheUsage> {
    const partial = [...this.partials.values()].reduce((sum, p) => sum + p.octets.length, 0);
    return {
      limit: this.limit,
      used: this.used,
      evictable: 0,
      diskFree: this.limit,
      blobs: this.blobs.size,
      quarantined: this.quarantined.length,
      partial,
    };
  }

  async check(digest: string, pace?: () => Promise<void>): Promise<BlobCheck> {
    await pace?.();
    const octets = this.blobs.get(digest);
    if (!octets) throw new AgentError("E_ASSET_DAMAGED", `${digest} is gone`);
    return { digest, size: octets.length, sound: sha256(octets) === digest };
  }

  async condemn(digest: string, why: string): Promise<void> {
    await Promise.resolve();
    if (this.blobs.delete(digest)) this.quarantined.push({ digest, why });
  }

  onDamage(listener: (digest: string) => void): void {
    this.listeners.push(listener);
  }

  /** Turns an octet of a blob over. */
  rot(digest: string): void {
    const octets = Uint8Array.from(this.blobs.get(digest) ?? []);
    octets[0] = (octets[0] ?? 0) ^ 1;
    this.blobs.set(digest, octets);
  }

  /** A read has found a damaged piece. */
  found(digest: string): void {
    for (const listener of this.listeners) listener(digest);
  }

  async collect(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    if (this.busy.size > 0) throw new Error(`closed while ${[...this.busy]} are written`);
  }
}

class MemoryIngest implements Ingest {
  readonly at: number;
  readonly version: ObjectVersion | undefined;
  private octets: number[];
  private now: ObjectVersion | undefined;
  private open = true;
  private readonly cache: MemoryCache;
  private readonly id: string;
  private readonly free: () => void;

  constructor(cache: MemoryCache, id: string, free: () => void) {
    const before = cache.partials.get(id);
    this.cache = cache;
    this.id = id;
    this.free = free;
    this.octets = [...(before?.octets ?? [])];
    this.at = this.octets.length;
    this.version = before?.version;
    this.now = before?.version;
  }

  async restart(version: ObjectVersion): Promise<void> {
    this.mustBeOpen();
    this.octets = [];
    this.now = version;
  }

  async write(octets: Uint8Array): Promise<void> {
    this.mustBeOpen();
    this.cache.written += octets.length;
    this.octets.push(...octets);
  }

  async finish(): Promise<Received> {
    this.end();
    const octets = Uint8Array.from(this.octets);
    const digest = sha256(octets);
    const { cache } = this;
    const size = octets.length;
    return {
      digest,
      size,
      keep: async () => {
        cache.blobs.set(digest, octets);
        return { digest, size, pieceLen: 1, pieces: new Uint8Array() };
      },
      quarantine: async (why) => {
        cache.quarantined.push({ digest, why });
        return digest.slice(0, 12);
      },
      discard: async () => {},
    };
  }

  async suspend(): Promise<void> {
    this.end();
    this.cache.partials.set(this.id, { octets: Uint8Array.from(this.octets), version: this.now });
  }

  async discard(): Promise<void> {
    this.end();
  }

  private end(): void {
    this.mustBeOpen();
    this.open = false;
    this.cache.partials.delete(this.id);
    this.free();
  }

  private mustBeOpen(): void {
    if (!this.open) throw new Error(`the ingest of ${this.id} is over`);
  }
}

import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";

/** Chunks of a file whose versions are told apart; with more of them, all count as new. */
const MAX_VERSIONS = 1_024;
/** What stat counts in, whatever the file system's block. */
const STAT_BLOCK = 512;
/** Octets a chunk of what is read: the most that NFS version 2 asks for. */
export const LAYER_CHUNK = 8_192;

/** Of all files: what was kept of a file that was closed meanwhile must not be taken for what it is now. */
let versions = 0;

/**
 * A file of the layer while it is open.
 *
 * Writes that are under way together share a sync. What `stat` says is of after the last one.
 */
export class ContentFile {
  private readonly handle: FileHandle;
  private known: Stats;
  private base = ++versions;
  private readonly changed = new Map<number, number>();
  private syncing: Promise<void> | undefined;
  private following: Promise<void> | undefined;
  private times = false;
  private retired = false;
  private readonly grown: (octets: number) => void;

  /** `grown`: told by how many octets on the disk it grew, or shrank. */
  constructor(handle: FileHandle, stat: Stats, grown: (octets: number) => void) {
    this.handle = handle;
    this.known = stat;
    this.grown = grown;
  }

  get stat(): Stats {
    return this.known;
  }

  /** Octets on the disk; a hole has none. */
  get allocated(): number {
    return this.known.blocks * STAT_BLOCK;
  }

  /** Another one after each write into the chunk. */
  version(chunk: number): number {
    return this.changed.get(chunk) ?? this.base;
  }

  /** What is at `offset`; shorter at the end of the file. */
  async read(offset: number, len: number): Promise<Uint8Array> {
    const octets = Buffer.allocUnsafeSlow(len);
    let done = 0;
    while (done < len) {
      const { bytesRead } = await this.handle.read(octets, done, len - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === len ? octets : Uint8Array.prototype.slice.call(octets, 0, done);
  }

  /** Resolves when it is durable. */
  async write(offset: number, octets: Uint8Array): Promise<void> {
    try {
      await this.put(offset, octets);
    } finally {
      this.touched(offset, octets.length);
      await this.sync();
    }
  }

  /** Without a sync: for a file that nobody sees yet. */
  async put(offset: number, octets: Uint8Array): Promise<void> {
    let done = 0;
    while (done < octets.length) {
      const { bytesWritten } = await this.handle.write(
        octets,
        done,
        octets.length - done,
        offset + done,
      );
      done += bytesWritten;
    }
  }

  /** Without a sync, as `put`. */
  async resize(size: number): Promise<void> {
    await this.handle.truncate(size);
  }

  async truncate(size: number): Promise<void> {
    try {
      await this.handle.truncate(size);
    } finally {
      this.changed.clear();
      this.base = ++versions;
      await this.sync();
    }
  }

  /** Milliseconds since 1970. They are durable with the next sync. */
  async stamp(atimeMs: number, mtimeMs: number): Promise<void> {
    await this.handle.utimes(atimeMs / 1000, mtimeMs / 1000);
    this.times = true;
  }

  /** Resolves when all that was written before the call is durable, and `stat` knows of it. */
  sync(): Promise<void> {
    this.following ??= this.follow(this.syncing);
    return this.following;
  }

  /** It has no name any more: what is written to it now is nobody's. */
  retire(): void {
    this.retired = true;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async follow(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => undefined);
    this.syncing = this.following;
    this.following = undefined;
    try {
      // Times alone are not what fdatasync writes.
      const { times } = this;
      this.times = false;
      await (times ? this.handle.sync() : this.handle.datasync());
    } finally {
      const stat = await this.handle.stat();
      if (!this.retired) this.grown((stat.blocks - this.known.blocks) * STAT_BLOCK);
      this.known = stat;
      this.syncing = undefined;
    }
  }

  private touched(offset: number, len: number): void {
    // A file that grows may have had a short chunk at its end.
    const from = Math.floor(Math.min(offset, this.known.size) / LAYER_CHUNK);
    const to = Math.floor((offset + len) / LAYER_CHUNK);
    if (to - from + this.changed.size > MAX_VERSIONS) {
      this.changed.clear();
      this.base = ++versions;
      return;
    }
    const version = ++versions;
    for (let i = from; i <= to; i++) this.changed.set(i, version);
  }
}

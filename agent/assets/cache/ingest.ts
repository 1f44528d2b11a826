import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import { errorCode, isFull, keepOwner, syncFolder, whyNot } from "../../state/folder.ts";
import { sameBoot } from "../../state/owner.ts";
import type { ObjectVersion } from "../stores/source.ts";
import type { Ingest, Received } from "./cache.ts";
import { type HashLane, openHashLane, type Slot } from "./hash-lane.ts";
import type { Layout } from "./layout.ts";
import { PIECE_LEN, readFully } from "./pieces.ts";
import type { BlobRecord } from "./records.ts";
import type { CacheTables, IngestRecord } from "./tables.ts";

/** Octets after which what was written is made durable: a power cut costs no more of a transfer than this. */
const SYNC_EVERY: number = 32 * 1024 * 1024;

/** What an ingest needs of the cache that it belongs to. */
export interface IngestContext {
  readonly layout: Layout;
  readonly tables: CacheTables;
  /** This process: `processOwner`. */
  readonly owner: string;
  readonly nowMs: () => number;
  /** Whether large blobs may be hashed in a thread of their own. */
  readonly hashThread: boolean;
  /** The file's name under `ingest/`, and the key of its record. */
  readonly key: string;
  readonly id: string;
  quarantine(file: string, digest: string, why: string): Promise<string | undefined>;
  /** What to say when the disk is full. */
  full(cause: unknown): Promise<AgentError>;
  /** A blob was put in place: what was open of an earlier one is stale. */
  placed(digest: string): void;
  /** Nothing more is done with it. */
  ended(): void;
}

/**
 * A blob on its way in: one file, written once from its beginning to its end.
 *
 * Its pieces are put together in a ring of slots: while some are written and hashed, another one fills up.
 */
export class FileIngest implements Ingest {
  private readonly context: IngestContext;
  private readonly file: string;
  private record: IngestRecord | undefined;
  private handle: FileHandle | undefined;
  private lane: HashLane;
  /** Which of the lane's slots fills up. */
  private slot = 0;
  private filled = 0;
  /** Of the last slot, octets that the file has already, from an earlier attempt. */
  private filed = 0;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;
  private failure: AgentError | undefined;
  private synced = 0;
  private open = true;

  private constructor(context: IngestContext, record: IngestRecord | undefined) {
    this.context = context;
    this.file = `${context.layout.ingest}/${context.key}`;
    this.record = record;
    this.lane = openHashLane(record?.version.size, context.hashThread);
  }

  /** Goes on with what an earlier attempt left: its octets are read and hashed again, in turns. */
  static async begin(
    context: IngestContext,
    record: IngestRecord | undefined,
  ): Promise<FileIngest> {
    const ingest = new FileIngest(context, record);
    if (record) await ingest.resume(record);
    return ingest;
  }

  get at(): number {
    return this.lane.size + this.filled;
  }

  get version(): ObjectVersion | undefined {
    return this.record?.version;
  }

  async restart(version: ObjectVersion): Promise<void> {
    this.mustBeOpen();
    await this.settle().catch(() => undefined);
    await this.handle?.close();
    this.handle = undefined;
    this.reset(version.size);
    try {
      await this.put({
        id: this.context.id,
        version,
        owner: this.context.owner,
        active: true,
        synced: 0,
        changedMs: this.context.nowMs(),
      });
      const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;
      this.handle = await open(this.file, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o644);
      keepOwner(this.file);
    } catch (cause) {
      throw await this.fault(cause);
    }
  }

  async write(octets: Uint8Array): Promise<void> {
    this.mustBeOpen();
    if (!this.record) throw new Error("write before restart");
    let from = 0;
    while (from < octets.length) {
      const len = Math.min(PIECE_LEN - this.filled, octets.length - from);
      this.filling.octets.set(octets.subarray(from, from + len), this.filled);
      this.filled += len;
      from += len;
      if (this.filled === PIECE_LEN) await this.flushSlot();
    }
    if (this.failure) throw this.failure;
  }

  async finish(): Promise<Received> {
    this.mustBeOpen();
    if (!this.record) throw new Error("finish before restart");
    if (this.filled > 0) await this.flushSlot();
    await this.settle();
    const blob = await this.lane.finish();
    this.open = false;
    return {
      digest: blob.digest,
      size: blob.size,
      keep: () => this.keep(blob),
      quarantine: (why) => this.quarantine(blob.digest, why),
      discard: () => this.remove(),
    };
  }

  async suspend(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    try {
      if (this.record) {
        if (this.filled > this.filed) await this.writeTail();
        await this.settle().catch(() => undefined);
        await this.handle?.datasync();
        await this.put({ ...this.record, active: false, synced: this.at });
      }
    } catch {
      // A full disk: what is there is measured and hashed again when someone goes on with it.
    } finally {
      await this.end();
    }
  }

  async discard(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await this.settle().catch(() => undefined);
    await this.remove();
  }

  /** The cache is being closed: what is there is kept, whatever state it is in. */
  async abandon(): Promise<void> {
    if (this.open) await this.suspend();
    else await this.end();
  }

  private get filling(): Slot {
    const slot = this.lane.slots[this.slot];
    if (!slot) throw new Error("no such slot");
    return slot;
  }

  /** Has the slot that is full, or the last one, written and hashed. Resolves when the next slot is free. */
  private async flushSlot(): Promise<void> {
    const { lane, filling, filled } = this;
    const at = lane.size + this.filed;
    const fresh = filling.octets.subarray(this.filed, filled);
    // Where it is hashed here, the write has to be under way before.
    if (!lane.apart) await this.writing;
    if (this.failure) throw this.failure;
    this.writing = lane.apart
      ? this.writing.then(() => this.writeAt(fresh, at))
      : this.writeAt(fresh, at);
    filling.busy = lane.take(filling, filled, this.writing);
    // It is looked at when its slot is needed again; until then nobody else handles it.
    filling.busy.catch(() => undefined);
    this.slot = (this.slot + 1) % lane.slots.length;
    this.filled = 0;
    this.filed = 0;
    await this.filling.busy;
  }

  /** Writes what there is of a slot, and leaves it in the buffer. */
  private async writeTail(): Promise<void> {
    await this.settle();
    const fresh = this.filling.octets.subarray(this.filed, this.filled);
    await this.writeAt(fresh, this.lane.size + this.filed);
  }

  private async writeAt(octets: Uint8Array, at: number): Promise<void> {
    const { handle } = this;
    if (!handle) throw new Error("write without a file");
    try {
      let done = 0;
      while (done < octets.length) {
        const { bytesWritten } = await handle.write(octets, done, octets.length - done, at + done);
        done += bytesWritten;
      }
      const unsynced = at + octets.length - this.synced;
      // The disk gets time to take it, but not for ever more.
      if (unsynced >= 2 * SYNC_EVERY) await this.syncing;
      if (unsynced >= SYNC_EVERY) this.syncing ??= this.sync(handle, at + octets.length);
    } catch (cause) {
      this.failure ??= await this.fault(cause);
      throw this.failure;
    }
  }

  /** Makes durable what is written `upTo` here, while more is written behind it. Never rejects. */
  private async sync(handle: FileHandle, upTo: number): Promise<void> {
    try {
      await handle.datasync();
      this.synced = upTo;
      if (this.record) await this.put({ ...this.record, synced: upTo });
    } catch (cause) {
      this.failure ??= await this.fault(cause);
    } finally {
      this.syncing = undefined;
    }
  }

  private async settle(): Promise<void> {
    try {
      await this.writing;
    } finally {
      await this.syncing;
    }
    if (this.failure) throw this.failure;
  }

  private async resume(record: IngestRecord): Promise<void> {
    const { O_RDWR, O_NOFOLLOW } = constants;
    try {
      const handle = await open(this.file, O_RDWR | O_NOFOLLOW);
      this.handle = handle;
      let { size } = await handle.stat();
      // After a power cut, what was not made durable may be there in length but not in content.
      if (!sameBoot(record.owner) && size > record.synced) {
        size = record.synced;
        await handle.truncate(size);
      }
      for (let at = 0; at < size; at += PIECE_LEN) {
        const octets = this.filling.octets.subarray(0, Math.min(PIECE_LEN, size - at));
        if (!(await readFully(handle, octets, at))) break;
        if (octets.length === PIECE_LEN) {
          await this.lane.take(this.filling, PIECE_LEN, Promise.resolve());
        } else {
          this.filled = octets.length;
          this.filed = octets.length;
        }
      }
      this.synced = Math.min(record.synced, size);
    } catch (cause) {
      await this.handle?.close();
      this.handle = undefined;
      this.reset(undefined);
      this.record = undefined;
      // No file: the crash came between the record and the file. Nothing is lost but the wish to go on.
      if (errorCode(cause) !== "ENOENT") throw await this.fault(cause);
    }
  }

  private async keep(blob: BlobRecord): Promise<BlobRecord> {
    const { tables, layout, owner } = this.context;
    const { digest } = blob;
    try {
      await this.handle?.datasync();
      const there = await this.alreadyThere(blob);
      if (there) return there;
      if (this.record) await this.put({ ...this.record, synced: blob.size, digest }, digest);
      await rename(this.file, layout.blob(digest));
      await syncFolder(layout.blobs);
      await tables.database.transaction(() => {
        tables.putBlob(blob, owner);
        void tables.ingests.remove(this.context.key);
      });
      this.context.placed(digest);
    } catch (cause) {
      throw await this.fault(cause);
    }
    await this.end();
    return blob;
  }

  /** The blob's record when the cache has its file: then the new copy is dropped. */
  private async alreadyThere(blob: BlobRecord): Promise<BlobRecord | undefined> {
    const { tables, layout, owner } = this.context;
    if (!tables.blobs.doesExist(blob.digest)) return undefined;
    const file = await open(layout.blob(blob.digest), constants.O_RDONLY).catch(() => undefined);
    const size = (await file?.stat())?.size;
    await file?.close();
    if (size !== blob.size) return undefined;
    const found = await tables.database.transaction(() => {
      const record = tables.blobs.get(blob.digest);
      if (record) tables.putBlob(record, owner);
      return record;
    });
    if (found) await this.remove();
    return found;
  }

  private async quarantine(digest: string, why: string): Promise<string | undefined> {
    // A name that a power cut leaves on octets that it takes away would be put aside for nothing.
    const whole = await this.handle?.datasync().then(
      () => true,
      () => false,
    );
    const kept = whole ? await this.context.quarantine(this.file, digest, why) : undefined;
    await this.remove();
    return kept;
  }

  /** Takes away file and record. */
  private async remove(): Promise<void> {
    const { tables, key } = this.context;
    try {
      if (this.record) {
        await unlink(this.file).catch((error: unknown) => {
          if (errorCode(error) !== "ENOENT") throw error;
        });
        await tables.database.transaction(() => void tables.ingests.remove(key));
      }
    } finally {
      await this.end();
    }
  }

  private async put(record: IngestRecord, placing?: string): Promise<void> {
    const { tables, key, owner, nowMs } = this.context;
    const fresh = { ...record, owner, changedMs: nowMs() };
    await tables.database.transaction(() => {
      void tables.ingests.put(key, fresh);
      if (placing !== undefined) void tables.doomed.remove(placing);
    });
    this.record = fresh;
  }

  private async end(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    this.lane.close();
    await handle?.close();
    this.context.ended();
  }

  private reset(size: number | undefined): void {
    this.lane.close();
    this.lane = openHashLane(size, this.context.hashThread);
    this.slot = 0;
    this.filled = 0;
    this.filed = 0;
    this.synced = 0;
    this.failure = undefined;
    this.writing = Promise.resolve();
  }

  private mustBeOpen(): void {
    if (!this.open) throw new Error("the ingest has ended");
  }

  private async fault(cause: unknown): Promise<AgentError> {
    if (cause instanceof AgentError && !isFull(cause.cause)) return cause;
    const reason = cause instanceof AgentError ? cause.cause : cause;
    if (isFull(reason)) return await this.context.full(reason);
    return new AgentError("E_CACHE", `cannot write ${this.file}: ${whyNot(this.file, reason)}`, {
      cause: reason,
    });
  }
}

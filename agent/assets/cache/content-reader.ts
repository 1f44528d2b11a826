import type { FileHandle } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import { errorCode, whyNot } from "../../state/folder.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import type { Loan } from "../loan.ts";
import { openToRead } from "./blob-file.ts";
import type { Layout } from "./layout.ts";
import { isPiece, readFully } from "./pieces.ts";
import type { BlobRecord, VersionRecord } from "./records.ts";

/** Files that are open at once, however many blobs are read: a small board has few descriptors. */
const OPEN_FILES = 16;
/** Pieces that are kept for the chunks beside the one that was asked for, where chunks are shorter than pieces. */
const KEPT_PIECES = 4;

interface OpenBlob {
  readonly record: BlobRecord;
  readonly handle: FileHandle;
}

/** A file that several reads share. It is closed when it is retired and the last of them has ended. */
interface SharedFile {
  readonly opening: Promise<OpenBlob>;
  users: number;
  retired: boolean;
}

/** What the reader needs of the cache. */
export interface ReaderContext {
  readonly layout: Layout;
  record(digest: string): BlobRecord | undefined;
  /** A blob was read. */
  touch(digest: string): void;
  /** A blob is not what it was when it came in. */
  damaged(digest: string): void;
}

/** Reads blobs piece by piece; what is not the piece that came in is never given out. */
export class BlobReader {
  private readonly context: ReaderContext;
  private readonly open = new Map<string, SharedFile>();
  private readonly pieces = new Map<string, Promise<Uint8Array>>();
  private closed = false;

  constructor(context: ReaderContext) {
    this.context = context;
  }

  /** `len` octets at `at`, verified. Rejects with E_ASSET_DAMAGED, or E_ASSET_READ when the host cannot open files. */
  async read(name: string, digest: string, at: number, len: number): Promise<Uint8Array> {
    this.context.touch(digest);
    try {
      return await this.attempt(name, digest, at, len);
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "E_ASSET_DAMAGED") throw error;
      // The open file may be one that was replaced since: the one that has the name now decides.
      this.forget(digest);
    }
    try {
      return await this.attempt(name, digest, at, len);
    } catch (error) {
      if (error instanceof AgentError && error.code === "E_ASSET_DAMAGED") {
        this.forget(digest);
        this.context.damaged(digest);
      }
      throw error;
    }
  }

  /** Closes what is open of a blob: it was replaced or removed. */
  forget(digest: string): void {
    const shared = this.open.get(digest);
    this.open.delete(digest);
    for (const key of this.pieces.keys()) if (key.startsWith(digest)) this.pieces.delete(key);
    if (shared) void retire(shared);
  }

  /** Closes everything; reads that go on are finished first. */
  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.open.values()];
    this.open.clear();
    this.pieces.clear();
    await Promise.all(all.map(retire));
  }

  private async attempt(
    name: string,
    digest: string,
    at: number,
    len: number,
  ): Promise<Uint8Array> {
    const shared = this.share(name, digest);
    shared.users++;
    try {
      return await this.readOpen(name, await shared.opening, at, len);
    } finally {
      shared.users--;
      if (shared.retired) void retire(shared);
    }
  }

  private async readOpen(
    name: string,
    blob: OpenBlob,
    at: number,
    len: number,
  ): Promise<Uint8Array> {
    const { pieceLen } = blob.record;
    const out = Buffer.allocUnsafeSlow(len);
    if (at % pieceLen === 0 && (len % pieceLen === 0 || at + len === blob.record.size)) {
      await this.readPieces(name, blob, at, out);
      return out;
    }
    for (let done = 0; done < len; ) {
      const index = Math.floor((at + done) / pieceLen);
      const piece = await this.piece(name, blob, index);
      const part = piece.subarray(at + done - index * pieceLen).subarray(0, len - done);
      if (part.length === 0) throw damage(name, blob.record.digest, "it is shorter than it was");
      out.set(part, done);
      done += part.length;
    }
    return out;
  }

  /** Whole pieces, straight to where they are wanted. */
  private async readPieces(
    name: string,
    { record, handle }: OpenBlob,
    at: number,
    out: Uint8Array,
  ): Promise<void> {
    const { digest, pieceLen } = record;
    if (!(await readOctets(name, digest, handle, out, at))) {
      throw damage(name, digest, `it ends before octet ${at + out.length}`);
    }
    for (let done = 0; done < out.length; done += pieceLen) {
      const piece = out.subarray(done, done + pieceLen);
      if (!isPiece(record, (at + done) / pieceLen, piece)) {
        throw damage(name, digest, `the ${piece.length} octets at ${at + done} changed`);
      }
    }
  }

  /** A piece, shared by all that ask for parts of it at about the same time. */
  private piece(name: string, blob: OpenBlob, index: number): Promise<Uint8Array> {
    const { digest, size, pieceLen } = blob.record;
    const key = `${digest}#${index}`;
    let piece = this.pieces.get(key);
    if (piece) return piece;
    const at = index * pieceLen;
    const out = Buffer.allocUnsafeSlow(Math.max(0, Math.min(pieceLen, size - at)));
    piece = this.readPieces(name, blob, at, out).then(() => out);
    this.pieces.set(key, piece);
    piece.catch(() => this.pieces.delete(key));
    for (const oldest of this.pieces.keys()) {
      if (this.pieces.size <= KEPT_PIECES) break;
      this.pieces.delete(oldest);
    }
    return piece;
  }

  private share(name: string, digest: string): SharedFile {
    const known = this.open.get(digest);
    const shared = known ?? {
      opening: this.openBlob(name, digest),
      users: 0,
      retired: this.closed,
    };
    if (this.closed) return shared;
    // The last in the map is the one used last.
    this.open.delete(digest);
    this.open.set(digest, shared);
    if (!known) {
      shared.opening.catch(() => {
        if (this.open.get(digest) === shared) this.open.delete(digest);
      });
    }
    for (const [oldest, other] of this.open) {
      if (this.open.size <= OPEN_FILES) break;
      this.open.delete(oldest);
      void retire(other);
    }
    return shared;
  }

  private async openBlob(name: string, digest: string): Promise<OpenBlob> {
    const record = this.context.record(digest);
    if (!record) throw damage(name, digest, "it is no longer in the cache");
    const file = this.context.layout.blob(digest);
    try {
      return { record, handle: await openToRead(file) };
    } catch (cause) {
      const code = errorCode(cause);
      if (code === "ENOENT" || code === "ELOOP" || code === "EIO") {
        throw damage(name, digest, whyNot(file, cause));
      }
      throw new AgentError(
        "E_ASSET_READ",
        `asset "${name}": cannot open ${file}: ${whyNot(file, cause)}`,
        { cause },
      );
    }
  }
}

/** A version of an asset, read from its blob when it is wanted. */
export class CachedContent implements Content {
  readonly name: string;
  readonly fileName: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 in hex. */
  readonly etag: string;
  readonly chunkLen: number;
  private readonly chunks: ChunkCache;
  private readonly reader: BlobReader;

  constructor(name: string, version: VersionRecord, chunks: ChunkCache, reader: BlobReader) {
    this.name = name;
    this.fileName = version.fileName ?? name;
    this.size = version.size;
    this.mtimeMs = version.mtimeMs;
    this.etag = version.digest;
    this.chunkLen = chunks.chunkLen;
    this.chunks = chunks;
    this.reader = reader;
  }

  peek(index: number): Uint8Array | undefined {
    return this.chunks.peek(this.etag, index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.chunks.load(this.etag, index, this.read);
  }

  borrow(index: number): Loan | undefined {
    return this.chunks.borrow(this.etag, index);
  }

  fill(index: number): Promise<unknown> | undefined {
    return this.chunks.fill(this.etag, index, this.read);
  }

  private readonly read = (index: number): Promise<Uint8Array> => {
    const at = index * this.chunkLen;
    const len = Math.min(this.chunkLen, this.size - at);
    return this.reader.read(this.name, this.etag, at, len);
  };
}

async function readOctets(
  name: string,
  digest: string,
  handle: FileHandle,
  into: Uint8Array,
  at: number,
): Promise<boolean> {
  try {
    return await readFully(handle, into, at);
  } catch (cause) {
    if (errorCode(cause) === "EIO") throw damage(name, digest, "the disk cannot read it", cause);
    throw new AgentError("E_ASSET_READ", `asset "${name}": ${whyNot(digest, cause)}`, { cause });
  }
}

/** Closes a file, or has the last read that uses it close it. */
async function retire(shared: SharedFile): Promise<void> {
  shared.retired = true;
  if (shared.users > 0) return;
  // One that could not be opened needs no closing; its readers were told. A second close is refused, which is as good.
  await shared.opening.then((open) => open.handle.close()).catch(() => undefined);
}

function damage(name: string, digest: string, what: string, cause?: unknown): AgentError {
  return new AgentError(
    "E_ASSET_DAMAGED",
    `asset "${name}": the blob ${digest.slice(0, 12)}… of the cache is damaged: ${what}`,
    { cause },
  );
}

import type { Loan } from "./loan.ts";

/**
 * Octets that can be served: an asset, a file of a directory tree, or a rendered text.
 *
 * Content is read in chunks of `chunkLen` octets (the last one shorter). Chunks belong to the cache: they are lent, never
 * copied and never written to.
 */
export interface Content {
  readonly name: string;
  /** The name of the file that it comes from, where that is another one: its suffix tells what it is. */
  readonly fileName?: string;
  /** Octets. */
  readonly size: number;
  /** Milliseconds since 1970; the same for the same octets. */
  readonly mtimeMs: number;
  /** Strong validator for HTTP, without quotes; the same for the same octets. */
  readonly etag: string;
  /** Octets a chunk. */
  readonly chunkLen: number;
  /** Octets of the first chunk that are not of this content; 0 when absent. A file within an image shares the image's chunks. */
  readonly base?: number;
  /** The chunk when it is in memory. */
  peek(index: number): Uint8Array | undefined;
  /** The chunk, read and verified. Rejects with AgentError E_ASSET_…: then nothing of it may be served. */
  load(index: number): Promise<Uint8Array>;
  /** The chunk when it is in memory, to be given back. Absent: see `borrow` of `loan.ts`. */
  borrow?(index: number): Loan | undefined;
  /** As `load`, for a chunk that is then borrowed at once; undefined: it is in memory. */
  fill?(index: number): Promise<unknown> | undefined;
}

/**
 * Collects into `out` the pieces of chunks that make up `len` octets at `at`, without copying.
 *
 * Returns -1 when all were in memory, else the index of the first chunk to `load` (then `out` is empty).
 */
export function gather(c: Content, at: number, len: number, out: Uint8Array[]): number {
  out.length = 0;
  checkEnd(c, at, len);
  let pos = at + (c.base ?? 0);
  const end = pos + len;
  while (pos < end) {
    const index = Math.floor(pos / c.chunkLen);
    const chunk = c.peek(index);
    if (!chunk) {
      out.length = 0;
      return index;
    }
    const from = pos - index * c.chunkLen;
    const piece = chunk.subarray(from, Math.min(chunk.length, from + (end - pos)));
    if (piece.length === 0) throw new Error(`${c.name}: read past the end`);
    out.push(piece);
    pos += piece.length;
  }
  return -1;
}

/** Loads all chunks that `len` octets at `at` touch, so that `gather` finds them if it is asked at once. */
export async function loadRange(c: Content, at: number, len: number): Promise<void> {
  if (len === 0) return;
  const from = at + (c.base ?? 0);
  const last = Math.floor((from + len - 1) / c.chunkLen);
  for (let i = Math.floor(from / c.chunkLen); i <= last; i++) if (!c.peek(i)) await c.load(i);
}

/** Behind the end of a file within an image are octets of another one. */
export function checkEnd(c: Content, at: number, len: number): void {
  if (len > 0 && at + len > c.size) throw new Error(`${c.name}: read past the end`);
}

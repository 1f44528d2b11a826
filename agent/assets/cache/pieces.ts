import { createHash, type Hash, hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { BlobRecord } from "./records.ts";

/**
 * Octets of a piece, the smallest part of a blob that can be verified by itself. It does not depend on the board, so that a
 * cache can be moved to another one.
 */
export const PIECE_LEN: number = 256 * 1024;
const DIGEST_LEN = 32;

/** Collects the digest of a blob and those of its pieces as they go by. */
export class PieceHasher {
  private readonly whole: Hash = createHash("sha256");
  private readonly pieces: Buffer[] = [];
  private len = 0;

  get size(): number {
    return this.len;
  }

  /** The next piece: PIECE_LEN octets, or less for the last one. */
  piece(octets: Uint8Array): void {
    this.whole.update(octets);
    this.pieces.push(hash("sha256", octets, "buffer"));
    this.len += octets.length;
  }

  /** No more pieces come. */
  finish(): BlobRecord {
    return {
      digest: this.whole.digest("hex"),
      size: this.len,
      pieceLen: PIECE_LEN,
      pieces: new Uint8Array(Buffer.concat(this.pieces)),
    };
  }
}

/** Whether octets are the piece of a blob that they are said to be. */
export function isPiece(blob: BlobRecord, index: number, octets: Uint8Array): boolean {
  const at = index * DIGEST_LEN;
  const want = blob.pieces.subarray(at, at + DIGEST_LEN);
  return hash("sha256", octets, "buffer").equals(want);
}

/** Reads until `into` is full. False: the file ends before. */
export async function readFully(
  handle: FileHandle,
  into: Uint8Array,
  at: number,
): Promise<boolean> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** Reads a file from end to end and computes its digests. `pace` is awaited between pieces. */
export async function hashFile(
  handle: FileHandle,
  pace?: () => Promise<void>,
): Promise<BlobRecord> {
  const { size } = await handle.stat();
  const hasher = new PieceHasher();
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(size, PIECE_LEN)));
  for (let at = 0; at < size; at += PIECE_LEN) {
    const piece = buffer.subarray(0, Math.min(PIECE_LEN, size - at));
    // A file that is cut off while it is read has another digest, which is the answer.
    if (!(await readFully(handle, piece, at))) break;
    hasher.piece(piece);
    await pace?.();
  }
  return hasher.finish();
}

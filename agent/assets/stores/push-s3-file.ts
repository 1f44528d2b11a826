import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { HttpBody } from "./http-exchange.ts";

const PIECE_LEN = 256 * 1024;

/** A stretch of a file, and what must be in it. */
export interface FilePart {
  readonly from: number;
  readonly length: number;
  /** SHA-256 in hex. */
  readonly sha256: string;
}

/**
 * A file that is sent to a store: read once for its digests, which are signed and sent before the octets, then again for the
 * octets. It is held open in between, so that replacing it does no harm; that it was written to is noticed.
 */
export class PushFile {
  readonly path: string;
  /** Octets. */
  readonly size: number;
  private readonly handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.handle = handle;
  }

  /** Rejects with E_ASSET_MISSING or E_ASSET_READ. */
  static async open(path: string): Promise<PushFile> {
    let handle: FileHandle;
    try {
      handle = await open(path);
    } catch (cause) {
      const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
      throw missing
        ? new AgentError("E_ASSET_MISSING", `${path} is not there`, {
            cause,
            cure: "Correct the path.",
          })
        : new AgentError("E_ASSET_READ", `${path} cannot be read: ${reason(cause)}`, { cause });
    }
    const stat = await handle.stat();
    if (stat.isFile()) return new PushFile(path, stat.size, handle);
    await handle.close();
    throw new AgentError("E_ASSET_READ", `${path} is not a regular file`);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** Reads it all: its digest, and those of its parts, the last of which may be shorter. */
  async digests(
    partLen: number,
    signal: AbortSignal,
  ): Promise<{ readonly sha256: string; readonly parts: readonly FilePart[] }> {
    const whole = createHash("sha256");
    const parts: FilePart[] = [];
    for (let from = 0; from < this.size; from += partLen) {
      const length = Math.min(partLen, this.size - from);
      const hash = createHash("sha256");
      for await (const piece of this.read(from, length)) {
        signal.throwIfAborted();
        whole.update(piece);
        hash.update(piece);
      }
      parts.push({ from, length, sha256: hash.digest("hex") });
    }
    return { sha256: whole.digest("hex"), parts };
  }

  /**
   * A part as a request's body. Its last piece is held back until the digest was right: a store that does not check it then
   * still gets a request that breaks off, and not wrong octets. `sent` is told of each piece's length, and of what an earlier
   * reading gave as less than 0.
   */
  body(part: FilePart, sent: (octets: number) => void): HttpBody {
    if (part.length === 0) return new Uint8Array(0);
    let told = 0;
    const octets = (): AsyncIterable<Uint8Array> => {
      if (told > 0) sent(-told);
      told = 0;
      return this.checked(part, (length) => {
        told += length;
        sent(length);
      });
    };
    return { length: part.length, octets };
  }

  private async *checked(
    part: FilePart,
    sent: (octets: number) => void,
  ): AsyncGenerator<Uint8Array> {
    const hash: Hash = createHash("sha256");
    let left = part.length;
    for await (const piece of this.read(part.from, part.length)) {
      hash.update(piece);
      left -= piece.length;
      if (left === 0 && hash.digest("hex") !== part.sha256) throw this.changed();
      yield piece;
      sent(piece.length);
    }
  }

  private async *read(from: number, length: number): AsyncGenerator<Uint8Array> {
    const end = from + length;
    for (let at = from; at < end; ) {
      const want = Math.min(PIECE_LEN, end - at);
      const { buffer, bytesRead } = await this.handle.read(new Uint8Array(want), 0, want, at);
      if (bytesRead === 0) throw this.changed();
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  private changed(): AgentError {
    return new AgentError(
      "E_ASSET_CHANGED",
      `${this.path} was written to while it was being sent`,
      {
        cure: "Send it again when nothing writes to it any more.",
      },
    );
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

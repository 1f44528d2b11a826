import type { FileHandle } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import { Refusal } from "./refusal.ts";

/** Octets that are read from disk at once. */
const PIECE_LEN = 64 * 1024;

/** The octets of a verified file, anywhere in it and in any order. Whoever opened the file closes it. */
export class FileOctets {
  readonly size: number;
  private readonly handle: FileHandle;
  private readonly signal: AbortSignal;

  constructor(handle: FileHandle, size: number, signal: AbortSignal) {
    this.handle = handle;
    this.size = size;
    this.signal = signal;
  }

  /** The file's descriptor, for libraries that read by it. */
  get fd(): number {
    return this.handle.fd;
  }

  /** `len` octets from `at`, all of them. Throws a Refusal where the file ends before: what led there is wrong. */
  async read(at: number, len: number, what: string): Promise<Uint8Array> {
    if (at < 0 || len < 0 || at + len > this.size) {
      throw new Refusal(
        `is cut short or damaged: ${what} would end at octet ${at + len} of ${this.size}`,
      );
    }
    const octets = new Uint8Array(len);
    let done = 0;
    while (done < len) {
      this.signal.throwIfAborted();
      const { bytesRead } = await this.handle.read(octets, done, len - done, at + done);
      if (bytesRead === 0) {
        throw new AgentError(
          "E_ASSET_READ",
          `the file has ${at + done} octets and not ${this.size}`,
        );
      }
      done += bytesRead;
    }
    return octets;
  }

  /** `len` octets from `at` in pieces that are the reader's to keep. */
  async *stream(
    at: number,
    len: number,
    what: string,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (at < 0 || len < 0 || at + len > this.size) {
      throw new Refusal(
        `is cut short or damaged: ${what} would end at octet ${at + len} of ${this.size}`,
      );
    }
    for (let done = 0; done < len; done += PIECE_LEN) {
      yield await this.read(at + done, Math.min(PIECE_LEN, len - done), what);
    }
  }

  /** The whole file. */
  all(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.stream(0, this.size, "the file");
  }
}

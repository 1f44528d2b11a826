import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { AgentError } from "../../errors.ts";
import { printable } from "../../log/printable.ts";
import type { LocalSource } from "./local-source.ts";
import type { ObjectVersion, OpenObject, OpenRequest, Probe } from "./source.ts";
import { StoreError } from "./store-error.ts";

/** Octets of one piece: few enough reads for a slow card, little memory for a small board. */
const PIECE_LEN = 262_144;

/**
 * A file of this host.
 *
 * Its version is size, time and inode together. A file that changes while it is read gives E_STORE_BROKEN, one that is a
 * pipe, a device or a folder E_ASSET_READ, one that is not there E_ASSET_MISSING.
 */
export class FileSource implements LocalSource {
  readonly id: string;
  readonly label: string;
  readonly local = true;
  readonly directory: string;
  private readonly file: string;

  /** `file`: absolute path. */
  constructor(file: string) {
    this.id = `file ${file}`;
    this.label = file;
    this.directory = dirname(file);
    this.file = file;
  }

  concerns(name: string): boolean {
    return name === basename(this.file);
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    signal.throwIfAborted();
    const version = await this.version();
    signal.throwIfAborted();
    return version.etag === known?.etag ? { changed: false } : { changed: true, version };
  }

  async open({ from, version, signal }: OpenRequest): Promise<OpenObject> {
    signal.throwIfAborted();
    // Opened once to see that it can be read, and again by who reads the octets: who never does leaves nothing open.
    await (await this.handle()).close();
    const now = await this.version();
    const canGoOn = version?.etag === now.etag && from <= now.size;
    const start = canGoOn ? from : 0;
    return { from: start, version: now, octets: this.octets(start, now, signal) };
  }

  private async *octets(
    from: number,
    version: FileVersion,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    const handle = await this.handle();
    try {
      if (versionOf(await handle.stat({ bigint: true })) !== version.etag) throw this.changed();
      for (let at = from; at < version.size; ) {
        const want = Math.min(PIECE_LEN, version.size - at);
        const { buffer, bytesRead } = await handle
          .read(Buffer.allocUnsafeSlow(want), 0, want, at)
          .catch((cause: unknown) => {
            throw this.unreadable(cause);
          });
        signal.throwIfAborted();
        if (bytesRead === 0) throw this.changed();
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    } finally {
      await handle.close();
    }
    const after = await this.version();
    if (after.etag !== version.etag) throw this.changed();
  }

  private async version(): Promise<FileVersion> {
    const stats = await stat(this.file, { bigint: true }).catch((cause: unknown) => {
      throw this.unreadable(cause);
    });
    if (!stats.isFile()) {
      throw new AgentError("E_ASSET_READ", `${this.file} is not a file`);
    }
    return {
      size: Number(stats.size),
      etag: versionOf(stats),
      mtimeMs: Number(stats.mtimeMs),
      fileName: printable(basename(this.file)),
    };
  }

  private async handle(): Promise<FileHandle> {
    try {
      // A pipe in the place of a file would hold up its reader for ever.
      return await open(this.file, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      throw this.unreadable(cause);
    }
  }

  private unreadable(cause: unknown): AgentError {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") {
      return new AgentError("E_ASSET_MISSING", `there is no ${this.file}`, { cause });
    }
    return new AgentError("E_ASSET_READ", `cannot read ${this.file} (${code})`, { cause });
  }

  private changed(): StoreError {
    return new StoreError("E_STORE_BROKEN", `${this.file} changed while it was read`, {
      cure: "Wait until the file is complete, or write it under another name and rename it.",
    });
  }
}

interface FileVersion extends ObjectVersion {
  readonly size: number;
  readonly etag: string;
}

interface Stats {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
}

function versionOf({ size, mtimeNs, ino }: Stats): string {
  return `${size}-${mtimeNs}-${ino}`;
}

import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import type { Loan } from "../loan.ts";
import type { FirstReads } from "./first-reads.ts";

/** What a file's content takes from its tree. */
export interface FileParts {
  readonly cache: ChunkCache;
  readonly firstReads: FirstReads;
}

/** A file of the directory as it was when it was opened: chunks of another version are never mixed in. */
export class FileContent implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;
  readonly chunkLen: number;
  private readonly path: string;
  private readonly cache: ChunkCache;
  private readonly firstReads: FirstReads;

  /** `name`: its path within the tree, for the journal. */
  constructor(path: string, name: string, stat: Stats, { cache, firstReads }: FileParts) {
    this.name = name;
    this.path = path;
    this.size = stat.size;
    this.mtimeMs = stat.mtimeMs;
    this.etag = versionOf(stat);
    this.chunkLen = cache.chunkLen;
    this.cache = cache;
    this.firstReads = firstReads;
  }

  peek(index: number): Uint8Array | undefined {
    return this.cache.peek(this.etag, index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.cache.load(this.etag, index, (i) => this.read(i));
  }

  borrow(index: number): Loan | undefined {
    return this.cache.borrow(this.etag, index);
  }

  fill(index: number): Promise<unknown> | undefined {
    return this.cache.fill(this.etag, index, (i) => this.read(i));
  }

  private async read(index: number): Promise<Uint8Array> {
    const at = index * this.chunkLen;
    const octets = Buffer.allocUnsafeSlow(Math.max(0, Math.min(this.chunkLen, this.size - at)));
    let damaged = false;
    try {
      const handle = await open(this.path, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { bytesRead } = await handle.read(octets, 0, octets.length, at);
        if (bytesRead === octets.length && versionOf(await handle.stat()) === this.etag) {
          const count = Math.ceil(this.size / this.chunkLen);
          const isSame = this.firstReads.accept(
            this.path,
            this.etag,
            this.chunkLen,
            count,
            index,
            octets,
          );
          if (isSame) return octets;
          damaged = true;
        }
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw new AgentError("E_ASSET_MISSING", `cannot read ${this.path}`, { cause });
    }
    if (!damaged) throw new AgentError("E_ASSET_CHANGED", `${this.path} changed while it was read`);
    throw new AgentError(
      "E_ASSET_DAMAGED",
      `${this.path} has other octets than when it was first read, and its time says that nobody changed it`,
      { cure: "Put the file back from where it came; if the change was meant, `touch` it." },
    );
  }
}

function versionOf(stat: Stats): string {
  return `${stat.dev.toString(16)}-${stat.ino.toString(16)}-${stat.mtimeMs.toString(16)}-${stat.size.toString(16)}`;
}

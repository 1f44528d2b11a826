import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { AgentError } from "../errors.ts";
import type { AssetSpec } from "../site/site.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import type { Content } from "./content.ts";
import type { Loan } from "./loan.ts";
import { treatmentKey } from "./treatment/treatment.ts";

/**
 * A file that was read once in full and whose digest is known.
 *
 * The digest of each chunk is kept (32 octets each), so that a chunk that comes back from disk later is verified before a
 * single octet of it is served: a file that was changed meanwhile is refused, not served in a mixture of old and new.
 */
export class Asset implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Hex SHA-256 of the whole. */
  readonly sha256: string;
  readonly chunkLen: number;
  readonly file: string;
  private readonly digests: readonly Buffer[];
  private readonly cache: ChunkCache;

  private constructor(spec: AssetSpec, cache: ChunkCache, v: Verified) {
    this.name = spec.name;
    this.file = fileOf(spec);
    this.size = v.size;
    this.mtimeMs = v.mtimeMs;
    this.sha256 = v.sha256;
    this.digests = v.digests;
    this.chunkLen = cache.chunkLen;
    this.cache = cache;
  }

  /**
   * Reads the file from end to end and checks it against its pinned digest, if the site pins one.
   *
   * Rejects with E_ASSET_MISSING, E_ASSET_READ, E_ASSET_CHANGED (it shrank meanwhile), E_ASSET_DIGEST, or E_ASSET_PENDING where
   * only an agent has it.
   */
  static async verify(spec: AssetSpec, cache: ChunkCache): Promise<Asset> {
    const file = fileOf(spec);
    const verified = await digestFile({ name: spec.name, file }, cache.chunkLen);
    if (spec.sha256 !== undefined && spec.sha256 !== verified.sha256) {
      throw new AgentError(
        "E_ASSET_DIGEST",
        `asset "${spec.name}": ${file} has sha256 ${verified.sha256}, but the site pins ${spec.sha256}`,
      );
    }
    return new Asset(spec, cache, verified);
  }

  get fileName(): string {
    return basename(this.file);
  }

  get etag(): string {
    return this.sha256;
  }

  peek(index: number): Uint8Array | undefined {
    return this.cache.peek(this.sha256, index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.cache.load(this.sha256, index, (i) => this.read(i));
  }

  borrow(index: number): Loan | undefined {
    return this.cache.borrow(this.sha256, index);
  }

  fill(index: number): Promise<unknown> | undefined {
    return this.cache.fill(this.sha256, index, (i) => this.read(i));
  }

  private async read(index: number): Promise<Uint8Array> {
    const at = index * this.chunkLen;
    const octets = Buffer.allocUnsafeSlow(Math.min(this.chunkLen, this.size - at));
    const handle = await openAsset(this);
    let whole: boolean;
    try {
      whole = await readFully(this, handle, octets, at);
    } finally {
      await handle.close();
    }
    const want = this.digests[index];
    if (!whole || !want || !createHash("sha256").update(octets).digest().equals(want)) {
      throw new AgentError(
        "E_ASSET_CHANGED",
        `asset "${this.name}": ${this.file} changed since it was verified`,
      );
    }
    return octets;
  }
}

interface Verified {
  readonly size: number;
  readonly mtimeMs: number;
  readonly sha256: string;
  readonly digests: readonly Buffer[];
}

async function digestFile(spec: Source, chunkLen: number): Promise<Verified> {
  const handle = await openAsset(spec);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new AgentError("E_ASSET_READ", `asset "${spec.name}": ${spec.file} is not a file`);
    }
    const whole = createHash("sha256");
    const digests: Buffer[] = [];
    const buffer = Buffer.allocUnsafeSlow(chunkLen);
    for (let at = 0; at < stat.size; at += chunkLen) {
      const piece = buffer.subarray(0, Math.min(chunkLen, stat.size - at));
      if (!(await readFully(spec, handle, piece, at))) {
        throw new AgentError(
          "E_ASSET_CHANGED",
          `asset "${spec.name}": ${spec.file} ended before its length while it was verified`,
        );
      }
      whole.update(piece);
      digests.push(createHash("sha256").update(piece).digest());
    }
    // Whole seconds: HTTP dates and NFSv2's older clients know no fractions.
    const mtimeMs = Math.floor(stat.mtimeMs / 1000) * 1000;
    return { size: stat.size, mtimeMs, sha256: whole.digest("hex"), digests };
  } finally {
    await handle.close();
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

/** Whose file is read, for errors. */
interface Source {
  readonly name: string;
  readonly file: string;
}

/** The path of an asset that is a file of this host and served as it is. Throws E_ASSET_PENDING for any other. */
export function fileOf({ name, sources, treatment }: AssetSpec): string {
  const [source] = sources;
  if (source?.kind === "file" && treatmentKey(treatment) === "") return source.file;
  const cure = "Give it as `file:`, without `extract` and `decompress`, to have it served here.";
  throw new AgentError("E_ASSET_PENDING", `asset "${name}": only an agent fetches or unpacks it`, {
    cure,
  });
}

async function openAsset({ name, file }: Source): Promise<Handle> {
  try {
    // A pipe in the place of a file would hold up its reader for ever.
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const missing = code === "ENOENT" || code === "ENOTDIR";
    throw new AgentError(
      missing ? "E_ASSET_MISSING" : "E_ASSET_READ",
      missing ? `asset "${name}": there is no ${file}` : `asset "${name}": cannot read ${file}`,
      { cause },
    );
  }
}

/** False when the file ends before `into` is full. Rejects with E_ASSET_READ when the disk does not give it. */
async function readFully(
  { name, file }: Source,
  handle: Handle,
  into: Uint8Array,
  at: number,
): Promise<boolean> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle
      .read(into, done, into.length - done, at + done)
      .catch((cause: unknown) => {
        throw new AgentError("E_ASSET_READ", `asset "${name}": cannot read ${file}`, { cause });
      });
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

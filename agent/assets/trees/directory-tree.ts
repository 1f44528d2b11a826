import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readlink, realpath, statfs } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import type { Loan } from "../loan.ts";
import { FirstReads } from "./first-reads.ts";
import {
  type DirEntry,
  type NodeAttributes,
  stableId,
  type Tree,
  type TreeRefusal,
} from "./tree.ts";

/** Most nodes that a search for a handle from before a restart walks past. */
const MAX_WALK = 200_000;

interface Known {
  readonly path: string;
  readonly parent: number;
}

/**
 * A directory of this host as a read-only tree.
 *
 * Nodes are numbered by inode, so handles survive a restart; a number that is not known yet (the client got it from our
 * predecessor) is searched for once. Symbolic links are never followed here: the client gets their text and walks itself,
 * so nothing outside the directory can be reached.
 */
export class DirectoryTree implements Tree {
  readonly fsid: number;
  readonly writable: undefined;
  readonly root: number;
  private readonly known = new Map<number, Known>();
  private readonly searches = new Map<number, Promise<Known | undefined>>();
  private readonly device: number;
  private readonly cache: ChunkCache;
  private readonly firstReads: FirstReads;

  private constructor(path: string, stat: Stats, cache: ChunkCache, firstReads: FirstReads) {
    this.firstReads = firstReads;
    this.fsid = stableId(`directory ${path}`);
    this.device = stat.dev;
    this.cache = cache;
    this.root = this.idOf(stat);
    this.known.set(this.root, { path, parent: this.root });
  }

  /** Rejects with E_ASSET_MISSING when there is no such directory. */
  static async open(
    path: string,
    cache: ChunkCache,
    firstReads: FirstReads = new FirstReads(),
  ): Promise<DirectoryTree> {
    try {
      const real = await realpath(path);
      const stat = await lstat(real);
      if (stat.isDirectory()) return new DirectoryTree(real, stat, cache, firstReads);
    } catch (cause) {
      throw new AgentError("E_ASSET_MISSING", `cannot read the directory ${path}`, { cause });
    }
    throw new AgentError("E_ASSET_MISSING", `${path} is not a directory`);
  }

  /** Whether this path leads to the same directory still. */
  async stands(path: string): Promise<boolean> {
    try {
      const real = await realpath(path);
      const stat = await lstat(real);
      const same = real === this.known.get(this.root)?.path && stat.dev === this.device;
      return same && stat.isDirectory() && this.idOf(stat) === this.root;
    } catch {
      return false;
    }
  }

  async attributes(fileid: number): Promise<NodeAttributes | TreeRefusal> {
    const stat = await this.stat(fileid);
    return stat ? attributesOf(stat) : "stale";
  }

  async lookup(directory: number, name: string): Promise<number | TreeRefusal> {
    const stat = await this.stat(directory);
    const above = this.known.get(directory);
    if (!stat || !above) return "stale";
    if (!stat.isDirectory()) return "not-a-directory";
    if (name === "." || name === ".." || name === "") return "no-entry";
    if (name.includes("/") || name.includes("\0")) return "no-entry";
    const path = `${above.path}/${name}`;
    try {
      return this.learn(await lstat(path), path, directory);
    } catch {
      return "no-entry";
    }
  }

  async readlink(fileid: number): Promise<{ readonly target: string } | TreeRefusal> {
    const stat = await this.stat(fileid);
    const node = this.known.get(fileid);
    if (!stat || !node) return "stale";
    if (!stat.isSymbolicLink()) return "not-a-symlink";
    const target = await readlink(node.path).catch(() => undefined);
    return target === undefined ? "io" : { target };
  }

  async list(directory: number): Promise<readonly DirEntry[] | TreeRefusal> {
    const stat = await this.stat(directory);
    const above = this.known.get(directory);
    if (!stat || !above) return "stale";
    if (!stat.isDirectory()) return "not-a-directory";
    const entries: DirEntry[] = [];
    const names = await readdir(above.path).catch(() => undefined);
    if (!names) return "io";
    for (const name of names.sort()) {
      const path = `${above.path}/${name}`;
      try {
        entries.push({ name, fileid: this.learn(await lstat(path), path, directory) });
      } catch {
        // removed since the directory was read
      }
    }
    return entries;
  }

  parent(fileid: number): number | undefined {
    return this.known.get(fileid)?.parent;
  }

  async content(fileid: number): Promise<Content | TreeRefusal> {
    const stat = await this.stat(fileid);
    const node = this.known.get(fileid);
    if (!stat || !node) return "stale";
    if (stat.isDirectory()) return "is-a-directory";
    if (!stat.isFile()) return "io";
    const root = this.known.get(this.root)?.path ?? "";
    return new FileContent(node.path, node.path.slice(root.length), stat, {
      cache: this.cache,
      firstReads: this.firstReads,
    });
  }

  /** What is in a directory of this host is there already. */
  waitsFor(): undefined {
    return undefined;
  }

  /** Of the disk that it is on: to add up its files would be a walk. */
  async size(): Promise<number | TreeRefusal> {
    const root = this.known.get(this.root);
    const disk = root && (await statfs(root.path).catch(() => undefined));
    return disk ? disk.blocks * disk.bsize : "io";
  }

  /** The node's stat if it is still the node that the number was given to. */
  private async stat(fileid: number): Promise<Stats | undefined> {
    const node = this.known.get(fileid) ?? (await this.searchOnce(fileid));
    if (!node) return undefined;
    try {
      const stat = await lstat(node.path);
      if (this.idOf(stat) === fileid) return stat;
    } catch {
      // gone
    }
    this.known.delete(fileid);
    return undefined;
  }

  /** A client that repeats its question while the walk is going on does not start another one. */
  private searchOnce(fileid: number): Promise<Known | undefined> {
    const running = this.searches.get(fileid);
    if (running) return running;
    const search = this.search(fileid).finally(() => this.searches.delete(fileid));
    this.searches.set(fileid, search);
    return search;
  }

  private async search(fileid: number): Promise<Known | undefined> {
    const pending = [this.root];
    let walked = 0;
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const above = this.known.get(at);
      if (!above) continue;
      for (const entry of await readdir(above.path, { withFileTypes: true }).catch(() => [])) {
        if (++walked > MAX_WALK) return undefined;
        const path = `${above.path}/${entry.name}`;
        const stat = await lstat(path).catch(() => undefined);
        if (!stat) continue;
        const id = this.learn(stat, path, at);
        if (stat.isDirectory()) pending.push(id);
      }
      const found = this.known.get(fileid);
      if (found) return found;
    }
    return undefined;
  }

  private learn(stat: Stats, path: string, parent: number): number {
    const id = this.idOf(stat);
    if (id !== this.root) this.known.set(id, { path, parent });
    return id;
  }

  /** 32 bits of the inode; another file system mounted within the directory is folded in. */
  private idOf(stat: Stats): number {
    const low = stat.ino >>> 0;
    const high = Math.floor(stat.ino / 0x1_0000_0000) >>> 0;
    const foreign = stat.dev === this.device ? 0 : Math.imul(stat.dev, 0x9e3779b1);
    const id = (low ^ Math.imul(high, 0x85ebca6b) ^ foreign) >>> 0;
    return id === 0 ? 1 : id;
  }
}

function attributesOf(stat: Stats): NodeAttributes {
  return {
    kind: stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "symlink" : "file",
    mode: stat.mode & 0o7777,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    atimeMs: stat.atimeMs,
    mtimeMs: stat.mtimeMs,
    ctimeMs: stat.ctimeMs,
  };
}

/** What a file's content takes from its tree. */
interface TreeParts {
  readonly cache: ChunkCache;
  readonly firstReads: FirstReads;
}

/** A file of the directory as it was when it was opened: chunks of another version are never mixed in. */
class FileContent implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;
  readonly chunkLen: number;
  private readonly path: string;
  private readonly cache: ChunkCache;
  private readonly firstReads: FirstReads;

  /** `name`: its path within the tree, for the journal. */
  constructor(path: string, name: string, stat: Stats, { cache, firstReads }: TreeParts) {
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

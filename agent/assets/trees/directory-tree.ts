import type { Stats } from "node:fs";
import { lstat, readdir, readlink, realpath, statfs } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Content } from "../content.ts";
import { FileContent } from "./file-content.ts";
import { FirstReads } from "./first-reads.ts";
import { NodeIndex } from "./node-index.ts";
import {
  type DirEntry,
  type NodeAttributes,
  type NodeKind,
  stableId,
  type Tree,
  type TreeRefusal,
} from "./tree.ts";

/** Most nodes that a search for a handle from before a restart walks past. */
const MAX_WALK = 200_000;

/** What outlives the agent. */
interface Remembered {
  readonly firstReads: FirstReads;
  readonly index: NodeIndex;
}

interface Known {
  readonly path: string;
  readonly parent: number;
}

/**
 * A directory of this host as a read-only tree.
 *
 * Nodes are numbered by inode, so handles survive a restart; a number that is not known yet (the client got it from our
 * predecessor) is looked up in the index that outlives us, and searched for once where that does not help. Symbolic links are never followed here: the client gets their text and walks itself,
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
  private readonly index: NodeIndex;

  private constructor(path: string, stat: Stats, cache: ChunkCache, parts: Remembered) {
    this.firstReads = parts.firstReads;
    this.index = parts.index;
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
    index: NodeIndex = new NodeIndex(),
  ): Promise<DirectoryTree> {
    try {
      const real = await realpath(path);
      const stat = await lstat(real);
      if (stat.isDirectory()) return new DirectoryTree(real, stat, cache, { firstReads, index });
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
    const node =
      this.known.get(fileid) ?? (await this.recall(fileid)) ?? (await this.searchOnce(fileid));
    if (!node) return undefined;
    try {
      const stat = await lstat(node.path);
      if (this.idOf(stat) === fileid) return stat;
    } catch {
      // gone
    }
    this.known.delete(fileid);
    this.index.forget(this.fsid, fileid);
    return undefined;
  }

  /** A node where it was before a restart, if it is there still; each directory above it is looked at too. */
  private async recall(fileid: number): Promise<Known | undefined> {
    const path = this.index.path(this.fsid, fileid);
    if (path === undefined) return undefined;
    let at = this.root;
    let walked = this.known.get(at)?.path ?? "";
    try {
      for (const name of path.split("/")) {
        walked += `/${name}`;
        const stat = await lstat(walked);
        at = this.learn(stat, walked, at);
        if (at !== fileid && !stat.isDirectory()) break;
      }
      if (at === fileid) return this.known.get(fileid);
    } catch {
      // gone, or elsewhere
    }
    this.index.forget(this.fsid, fileid);
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
    if (id === this.root) return id;
    if (this.known.get(id)?.path !== path) {
      const root = this.known.get(this.root)?.path ?? "";
      // One name of a file that has several is enough, and as good as another.
      const isLinked = !stat.isDirectory() && stat.nlink > 1;
      if (!isLinked || this.index.path(this.fsid, id) === undefined) {
        this.index.note(this.fsid, id, path.slice(root.length + 1));
      }
    }
    this.known.set(id, { path, parent });
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
    kind: kindOf(stat),
    mode: stat.mode & 0o7777,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    atimeMs: stat.atimeMs,
    mtimeMs: stat.mtimeMs,
    ctimeMs: stat.ctimeMs,
    ...(stat.isBlockDevice() || stat.isCharacterDevice() ? { rdev: stat.rdev >>> 0 } : {}),
  };
}

function kindOf(stat: Stats): NodeKind {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isBlockDevice()) return "block";
  if (stat.isCharacterDevice()) return "character";
  if (stat.isFIFO()) return "fifo";
  return stat.isSocket() ? "socket" : "file";
}

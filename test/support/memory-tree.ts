import type { Content } from "../../agent/assets/content.ts";
import type {
  DirEntry,
  NodeAttributes,
  NodeChange,
  NodeKind,
  NodePlace,
  Tree,
  TreeRefusal,
  TreeSpace,
  WritableTree,
} from "../../agent/assets/trees/tree.ts";

interface MemoryNode {
  readonly fileid: number;
  readonly kind: NodeKind;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  octets: Uint8Array;
  readonly target: string;
  readonly children: Map<string, number>;
  parent: number;
}

const ROOT = 1;

/** A tree in memory that takes all changes, as simple as can be: what NFS does with one is compared with it. */
export class MemoryTree implements Tree, WritableTree {
  readonly fsid: number;
  readonly root: number = ROOT;
  /** Changes that were made, by name. */
  readonly done: string[] = [];
  /** What `space` says, and what everything is refused with that takes room when nothing is free. */
  room: TreeSpace = { total: 1_000_000, free: 500_000 };
  /** What every change is refused with. */
  refusal: TreeRefusal | undefined;
  /** Calls of `list`. */
  lists = 0;
  /** What a change waits for before it is durable. */
  durable: () => Promise<void> = () => Promise.resolve();
  /** Answers by promises where there is a choice, as a tree on a disk does. */
  slow = false;
  private readonly nodes = new Map<number, MemoryNode>();
  private nextId = ROOT;
  private nowMs = 1_700_000_000_000;

  constructor(fsid = 7) {
    this.fsid = fsid;
    const root = this.make("directory", { mode: 0o755 }, "");
    root.parent = root.fileid;
  }

  get writable(): WritableTree {
    return this;
  }

  attributes(fileid: number): NodeAttributes | TreeRefusal | Promise<NodeAttributes | TreeRefusal> {
    const node = this.nodes.get(fileid);
    return this.maybeLater(node ? attributesOf(node) : "stale");
  }

  lookup(directory: number, name: string): TreeRefusal | number | Promise<TreeRefusal | number> {
    return this.maybeLater(this.childOf(directory, name));
  }

  readlink(fileid: number): { readonly target: string } | TreeRefusal {
    const node = this.nodes.get(fileid);
    if (!node) return "stale";
    return node.kind === "symlink" ? { target: node.target } : "not-a-symlink";
  }

  list(directory: number): readonly DirEntry[] | TreeRefusal {
    this.lists += 1;
    const node = this.directory(directory);
    if (typeof node === "string") return node;
    return [...node.children].map(([name, fileid]) => ({ name, fileid }));
  }

  parent(fileid: number): number | undefined {
    return this.nodes.get(fileid)?.parent;
  }

  content(fileid: number): Content | TreeRefusal {
    const node = this.nodes.get(fileid);
    if (!node) return "stale";
    if (node.kind === "directory") return "is-a-directory";
    if (node.kind === "symlink") return "io";
    const { octets } = node;
    return {
      name: `${fileid}`,
      size: octets.length,
      mtimeMs: node.mtimeMs,
      etag: `${fileid}-${node.mtimeMs}`,
      chunkLen: Math.max(1, octets.length),
      peek: () => octets,
      load: () => Promise.resolve(octets),
    };
  }

  waitsFor(): undefined {
    return undefined;
  }

  space(): TreeSpace {
    return this.room;
  }

  async change(fileid: number, change: NodeChange): Promise<TreeRefusal | undefined> {
    const node = this.nodes.get(fileid);
    const fault = this.fault("change", change.size ?? 0);
    if (!node || fault) return fault ?? "stale";
    await this.durable();
    this.apply(node, change);
    return undefined;
  }

  async write(
    fileid: number,
    offset: number,
    octets: Uint8Array,
  ): Promise<TreeRefusal | undefined> {
    const node = this.nodes.get(fileid);
    // It knows no holes: what is beyond its room is not allocated.
    const fault = this.fault("write", offset + octets.length);
    if (!node || fault) return fault ?? "stale";
    await this.durable();
    const end = offset + octets.length;
    if (end > node.octets.length) this.apply(node, { size: end });
    // What was read before keeps what it read.
    node.octets = node.octets.slice();
    node.octets.set(octets, offset);
    this.touch(node);
    return undefined;
  }

  create(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal> {
    return this.add("create", "file", place, change);
  }

  mkdir(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal> {
    return this.add("mkdir", "directory", place, change);
  }

  symlink(place: NodePlace, target: string, change: NodeChange): Promise<number | TreeRefusal> {
    return this.add("symlink", "symlink", place, change, target);
  }

  async link(fileid: number, place: NodePlace): Promise<TreeRefusal | undefined> {
    const node = this.nodes.get(fileid);
    const directory = this.directory(place.directory);
    const fault = this.fault("link", 0);
    if (!node || fault) return fault ?? "stale";
    if (typeof directory === "string") return directory;
    if (directory.children.has(place.name)) return "exists";
    await this.durable();
    directory.children.set(place.name, fileid);
    node.nlink += 1;
    this.touch(directory);
    return undefined;
  }

  async rename(from: NodePlace, to: NodePlace): Promise<TreeRefusal | undefined> {
    const source = this.childOf(from.directory, from.name);
    const target = this.directory(to.directory);
    const fault = this.fault("rename", 0);
    if (fault) return fault;
    if (typeof source === "string") return source;
    if (typeof target === "string") return target;
    const there = target.children.get(to.name);
    if (there === source) return undefined;
    const moved = this.nodes.get(source);
    const gone = there === undefined ? undefined : this.nodes.get(there);
    if (gone?.kind === "directory") {
      if (moved?.kind !== "directory") return "is-a-directory";
      if (gone.children.size > 0) return "not-empty";
    } else if (gone && moved?.kind === "directory") return "not-a-directory";
    for (let at = target; ; at = this.nodes.get(at.parent) ?? at) {
      if (at === moved) return "not-permitted";
      if (at.fileid === ROOT) break;
    }
    await this.durable();
    this.nodes.get(from.directory)?.children.delete(from.name);
    target.children.set(to.name, source);
    if (moved?.kind === "directory") moved.parent = to.directory;
    if (gone) this.unlink(gone);
    return undefined;
  }

  async remove(place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.takeAway("remove", place, (node) =>
      node.kind === "directory" ? "is-a-directory" : undefined,
    );
  }

  async rmdir(place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.takeAway("rmdir", place, (node) => {
      if (node.kind !== "directory") return "not-a-directory";
      return node.children.size > 0 ? "not-empty" : undefined;
    });
  }

  private async takeAway(
    what: string,
    place: NodePlace,
    why: (node: MemoryNode) => TreeRefusal | undefined,
  ): Promise<TreeRefusal | undefined> {
    const fileid = this.childOf(place.directory, place.name);
    const fault = this.fault(what, 0);
    if (fault) return fault;
    if (typeof fileid === "string") return fileid;
    const node = this.nodes.get(fileid);
    const refusal = node ? why(node) : "stale";
    if (refusal) return refusal;
    await this.durable();
    this.nodes.get(place.directory)?.children.delete(place.name);
    const directory = this.nodes.get(place.directory);
    if (directory) this.touch(directory);
    if (node) this.unlink(node);
    return undefined;
  }

  private async add(
    what: string,
    kind: NodeKind,
    place: NodePlace,
    change: NodeChange,
    target = "",
  ): Promise<number | TreeRefusal> {
    const directory = this.directory(place.directory);
    const fault = this.fault(what, change.size ?? 0);
    if (fault) return fault;
    if (typeof directory === "string") return directory;
    if (directory.children.has(place.name)) return "exists";
    const node = this.make(kind, change, target);
    node.parent = place.directory;
    directory.children.set(place.name, node.fileid);
    this.touch(directory);
    await this.durable();
    return node.fileid;
  }

  private make(kind: NodeKind, change: NodeChange, target: string): MemoryNode {
    const node: MemoryNode = {
      ...{ fileid: this.nextId++, kind, mode: 0, uid: 0, gid: 0, nlink: 1, parent: 0, target },
      ...{ atimeMs: this.nowMs, mtimeMs: this.nowMs, ctimeMs: this.nowMs },
      octets: new Uint8Array(0),
      children: new Map(),
    };
    this.apply(node, change);
    this.nodes.set(node.fileid, node);
    return node;
  }

  private apply(node: MemoryNode, { size, ...rest }: NodeChange): void {
    if (size !== undefined) {
      const octets = new Uint8Array(size);
      octets.set(node.octets.subarray(0, size));
      node.octets = octets;
      this.touch(node);
    }
    Object.assign(node, rest);
  }

  private touch(node: MemoryNode): void {
    this.nowMs += 1;
    node.mtimeMs = this.nowMs;
    node.ctimeMs = this.nowMs;
  }

  private unlink(node: MemoryNode): void {
    node.nlink -= 1;
    if (node.nlink === 0 || node.kind === "directory") this.nodes.delete(node.fileid);
  }

  private directory(fileid: number): MemoryNode | TreeRefusal {
    const node = this.nodes.get(fileid);
    if (!node) return "stale";
    return node.kind === "directory" ? node : "not-a-directory";
  }

  private childOf(directory: number, name: string): number | TreeRefusal {
    const node = this.directory(directory);
    if (typeof node === "string") return node;
    return node.children.get(name) ?? "no-entry";
  }

  private fault(what: string, octets: number): TreeRefusal | undefined {
    this.done.push(what);
    if (this.refusal) return this.refusal;
    return octets > this.room.free ? "over-quota" : undefined;
  }

  private maybeLater<T>(value: T): T | Promise<T> {
    return this.slow ? Promise.resolve(value) : value;
  }
}

function attributesOf(node: MemoryNode): NodeAttributes {
  const { kind, mode, nlink, uid, gid, atimeMs, mtimeMs, ctimeMs } = node;
  const size = kind === "directory" ? 512 : node.target.length || node.octets.length;
  return { kind, mode, nlink, uid, gid, size, atimeMs, mtimeMs, ctimeMs };
}

import { cleanPath } from "../../treatment/archives/entry.ts";
import { Refusal } from "../../treatment/refusal.ts";
import type { NodeKind } from "../tree.ts";
import type { ImageEntry } from "./image-entry.ts";

/** As many links are followed as Linux does within one path. */
const MAX_LINKS = 40;
/** Octets of a name at most, as every file system has it. */
const MAX_NAME = 255;
/** Octets of a path or the text of a link at most, as Linux has it. */
const MAX_PATH = 4_096;
/** Milliseconds that 32 bits of seconds reach. */
const MAX_MS = 0xffff_ffff * 1000;

/** A node of an image. */
export interface ImageNode {
  readonly kind: NodeKind;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  /** Names that it has; of a directory 2 and one for each in it. */
  nlink: number;
  /** Where its octets begin in the image. */
  at: number;
  /** Octets; of a symlink those of its text. */
  size: number;
  readonly rdev: number;
  /** Of a symlink. */
  readonly target: string;
  /** The number of the directory above, where it was seen first. */
  parent: number;
  /** Its name there. */
  readonly name: string;
  /** Of a directory: names to numbers, in the order of the image. */
  readonly children: Map<string, number> | undefined;
}

/**
 * All names of an image and where their octets are. A node's number is its place in the image, so it is the same whenever the same
 * image is read.
 */
export class ImageIndex {
  private readonly nodes: ImageNode[] = [];
  private readonly inodes = new Map<string, number>();
  private readonly maxNodes: number;

  /** `maxNodes`: more is refused, however long the image goes on. `mtimeMs`: of directories that have no entry of their own. */
  constructor(maxNodes: number, mtimeMs: number) {
    this.maxNodes = maxNodes;
    this.nodes.push(directory(0, "", mtimeMs));
  }

  /** How many numbers were given; number 0 is the root. */
  get size(): number {
    return this.nodes.length;
  }

  node(number: number): ImageNode | undefined {
    return this.nodes[number];
  }

  /** Slash-separated, from the root, for people. */
  path(number: number): string {
    const names: string[] = [];
    for (let at = number; at !== 0; ) {
      const node = this.nodes[at];
      if (!node) break;
      names.push(node.name);
      at = node.parent;
    }
    return `/${names.reverse().join("/")}`;
  }

  /**
   * Adds what the image says next. A name that is there already is replaced, as when archives are unpacked over each other; a
   * directory keeps what is in it.
   *
   * Throws a Refusal for what cannot be unpacked into a folder either.
   */
  add(entry: ImageEntry): void {
    const names = namesOf(entry.path);
    const last = names.pop();
    if (last === undefined) {
      const root = this.nodes[0];
      if (root && entry.kind === "directory") describe(root, entry);
      return;
    }
    const name = alone(last);
    const above = this.find(names, entry.path, 0, entry.mtimeMs);
    if (entry.kind === "hardlink") {
      this.enter(above, name, this.linked(entry), entry.path);
      return;
    }
    const inode = entry.inode === undefined ? undefined : this.inodes.get(entry.inode);
    const first = inode === undefined ? undefined : this.nodes[inode];
    if (inode !== undefined && first?.kind === entry.kind) {
      // The octets are with one of the names, mostly the last.
      if (entry.size > 0) {
        first.at = entry.at;
        first.size = entry.size;
      }
      this.enter(above, name, inode, entry.path);
      return;
    }
    const number = this.replace(above, name, entry);
    if (entry.inode !== undefined) this.inodes.set(entry.inode, number);
  }

  /** No more is added: what was needed for that alone is let go. */
  finish(): void {
    this.inodes.clear();
  }

  private replace(above: number, name: string, entry: ImageEntry): number {
    const there = this.nodes[above]?.children?.get(name);
    const known = there === undefined ? undefined : this.nodes[there];
    if (there !== undefined && known && known.kind === "directory" && entry.kind === "directory") {
      describe(known, entry);
      return there;
    }
    const number = this.push(nodeOf(entry, above, name), entry.path);
    this.enter(above, name, number, entry.path);
    return number;
  }

  /** Gives a node a name. What had the name before has one less. */
  private enter(above: number, name: string, number: number, path: string): void {
    const children = this.nodes[above]?.children;
    const node = this.nodes[number];
    if (!children || !node) throw new Error(`${path}: nowhere to put it`);
    const there = children.get(name);
    if (there === number) return;
    const before = there === undefined ? undefined : this.nodes[there];
    const up = this.nodes[above];
    if (before?.kind === "directory" && up) {
      before.nlink = 0;
      up.nlink -= 1;
    } else if (before) before.nlink -= 1;
    if (node.kind !== "directory") node.nlink += 1;
    else if (up) up.nlink += 1;
    children.set(name, number);
  }

  private linked(entry: ImageEntry): number {
    const { path, target = "" } = entry;
    const names = namesOf(target);
    const name = names.pop();
    const above = this.find(names, target, 0);
    const number = name === undefined ? undefined : this.nodes[above]?.children?.get(name);
    const node = number === undefined ? undefined : this.nodes[number];
    if (number === undefined || !node || node.kind === "directory") {
      throw new Refusal(`has ${path} as a link to ${target}, and no such file before it`);
    }
    return number;
  }

  /**
   * The directory that a path leads to, links within the image followed. With `mtimeMs` those that are not there are made, since
   * many archives leave them out; without it -1 says that there is none.
   */
  private find(
    names: readonly string[],
    path: string,
    from: number,
    mtimeMs?: number,
    links: number = 0,
  ): number {
    let at = from;
    for (const [i, name] of names.entries()) {
      const node: ImageNode | undefined = this.nodes[at];
      if (name === "..") {
        at = node?.parent ?? 0;
        continue;
      }
      const next = node?.children?.get(name);
      const found = next === undefined ? undefined : this.nodes[next];
      if (next === undefined || !found) {
        if (mtimeMs === undefined) return -1;
        const own = alone(name);
        const made = this.push(directory(at, own, mtimeMs), path);
        this.enter(at, own, made, path);
        at = made;
      } else if (found.kind === "symlink") {
        if (links >= MAX_LINKS) {
          throw new Refusal(
            `has ${path} behind more than ${MAX_LINKS} links, or links in a circle`,
          );
        }
        const { target } = found;
        const rest = target.split("/").filter((part) => part !== "" && part !== ".");
        const start = target.startsWith("/") ? 0 : at;
        return this.find([...rest, ...names.slice(i + 1)], path, start, mtimeMs, links + 1);
      } else if (found.kind !== "directory") {
        throw new Refusal(`has ${path} in it, and what is above that is no directory`);
      } else at = next;
    }
    return at;
  }

  private push(node: ImageNode, path: string): number {
    if (this.nodes.length >= this.maxNodes) {
      throw new Refusal(`has more than ${this.maxNodes} files and directories (up to ${path})`);
    }
    return this.nodes.push(node) - 1;
  }
}

function namesOf(path: string): string[] {
  refuseLong(path);
  const clean = cleanPath(path);
  if (clean === "") return [];
  const names = clean.split("/");
  for (const name of names) {
    if (name === "..") throw new Refusal(`has ${path} in it, which leads out of it`);
    if (name.includes("\0")) throw new Refusal("has a name with a NUL in it");
    if (name.length * 3 > MAX_NAME && Buffer.byteLength(name) > MAX_NAME) {
      throw new Refusal(`has a name of more than ${MAX_NAME} octets: ${name.slice(0, 40)}...`);
    }
  }
  return names;
}

function refuseLong(text: string): void {
  if (text.length * 3 <= MAX_PATH || Buffer.byteLength(text) <= MAX_PATH) return;
  throw new Refusal(`has a path of more than ${MAX_PATH} octets: ${text.slice(0, 40)}...`);
}

/** The same text alone: a part of a path would keep all of the path in memory. */
function alone(text: string): string {
  return Buffer.from(text).toString();
}

function nodeOf(entry: ImageEntry, parent: number, name: string): ImageNode {
  const { kind, target = "" } = entry;
  if (kind === "hardlink") throw new Error("a link is no node");
  if (kind === "directory") {
    const node = directory(parent, name, 0);
    describe(node, entry);
    return node;
  }
  refuseLong(target);
  return {
    kind,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeMs: within32Bits(entry.mtimeMs),
    nlink: 0,
    at: entry.at,
    size: kind === "symlink" ? Buffer.byteLength(target) : entry.size,
    rdev: entry.rdev,
    target,
    parent,
    name,
    children: undefined,
  };
}

function directory(parent: number, name: string, mtimeMs: number): ImageNode {
  return {
    kind: "directory",
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtimeMs: within32Bits(mtimeMs),
    nlink: 2,
    at: 0,
    size: 0,
    rdev: 0,
    target: "",
    parent,
    name,
    children: new Map(),
  };
}

/** Gives a directory the attributes of an entry. */
function describe(node: ImageNode, { mode, uid, gid, mtimeMs }: ImageEntry): void {
  Object.assign(node, { mode, uid, gid, mtimeMs: within32Bits(mtimeMs) });
}

/** NFSv2 has nothing before 1970, and nothing after 2106. */
function within32Bits(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_MS);
}

import type { Content } from "../content.ts";

/** What a node of a tree is. */
export type NodeKind = "file" | "directory" | "symlink" | "block" | "character" | "fifo" | "socket";

/** What GETATTR tells of a node. Times are milliseconds since 1970. */
export interface NodeAttributes {
  readonly kind: NodeKind;
  /** Permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Octets; of a symlink the length of its text. */
  readonly size: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Of a device, as `deviceNumber` makes it. */
  readonly rdev?: number;
}

/** A name in a directory. */
export interface DirEntry {
  readonly name: string;
  readonly fileid: number;
}

/** Why a tree cannot do what it was asked; services turn this into their protocol's code. */
export type TreeRefusal =
  | "stale"
  | "no-entry"
  | "not-a-directory"
  | "is-a-directory"
  | "not-a-symlink"
  | "exists"
  | "not-empty"
  | "not-permitted"
  | "read-only"
  | "no-space"
  | "over-quota"
  | "too-large"
  | "name-too-long"
  | "io";

export type TreeResult<T> = T | TreeRefusal | Promise<T | TreeRefusal>;

/**
 * A tree of files that a machine may mount.
 *
 * Nodes are known by `fileid`: 32 bits, never 0, the same after a restart for the same node. What is in memory is answered
 * at once, the rest by a promise; LOOKUP of a file that is still being fetched resolves when it is there.
 */
export interface Tree {
  /** Tells trees apart; the same after a restart. */
  readonly fsid: number;
  readonly root: number;
  /**
   * What a client gets that mounts the root, where that is not `root` itself: of an image the root of the version that is served
   * now, so that whoever mounted it stays with that version.
   */
  mountPoint?(): TreeResult<number>;
  attributes(fileid: number): TreeResult<NodeAttributes>;
  lookup(directory: number, name: string): TreeResult<number>;
  readlink(fileid: number): TreeResult<{ readonly target: string }>;
  /** All names of a directory but "." and "..", in an order that only changes when the directory does. */
  list(directory: number): TreeResult<readonly DirEntry[]>;
  /** The fileid of the directory above; the root's is its own. */
  parent(fileid: number): number | undefined;
  content(fileid: number): TreeResult<Content>;
  /** Why LOOKUP of this name has to wait for an asset, in words; undefined when it has not. */
  waitsFor(directory: number, name: string): string | undefined;
  /** Octets that it takes, for STATFS of a tree that cannot be changed; absent: nobody knows. */
  size?(): TreeResult<number>;
  /** What can be changed, and how much room there is; undefined: nothing can. */
  readonly writable: WritableTree | undefined;
}

/** What is set of a node; what is absent stays as it is, or becomes what is usual for a new one. */
export interface NodeChange {
  /** Permission bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Octets: a shorter file is cut off, a longer one gets zeros. */
  readonly size?: number;
  readonly atimeMs?: number;
  readonly mtimeMs?: number;
}

/** Where a name is. */
export interface NodePlace {
  readonly directory: number;
  readonly name: string;
}

/** Room of a writable tree, octets. */
export interface TreeSpace {
  readonly total: number;
  readonly free: number;
}

/**
 * The changes that a tree takes. Each resolves when it is durable: what was answered survives a power cut.
 *
 * Nobody's permission is asked for here; that is up to the service, which knows who calls. Names are checked: no "", ".", "..",
 * "/" or NUL, and 255 octets of UTF-8 at most.
 */
export interface WritableTree {
  space(): TreeSpace;
  /** Mode, owner, times, size. */
  change(fileid: number, change: NodeChange): Promise<TreeRefusal | undefined>;
  /** Writes into a file, which grows where it must. */
  write(fileid: number, offset: number, octets: Uint8Array): Promise<TreeRefusal | undefined>;
  /** A new file, empty or of the size that `change` says. "exists" when there is something of that name. */
  create(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal>;
  mkdir(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal>;
  symlink(place: NodePlace, target: string, change: NodeChange): Promise<number | TreeRefusal>;
  /** Another name for a file. */
  link(fileid: number, place: NodePlace): Promise<TreeRefusal | undefined>;
  /** Takes the place of whatever file, or empty directory, is at `to`. */
  rename(from: NodePlace, to: NodePlace): Promise<TreeRefusal | undefined>;
  /** Of anything but a directory. */
  remove(place: NodePlace): Promise<TreeRefusal | undefined>;
  rmdir(place: NodePlace): Promise<TreeRefusal | undefined>;
}

/**
 * A device's number in 32 bits as Linux and the BSDs put it into NFSv2's `rdev`: 12 bits of major between the lower 8 bits of
 * minor and the upper 12.
 */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Whether a result is a refusal. */
export function isRefusal(value: unknown): value is TreeRefusal {
  return typeof value === "string";
}

/** A stable, positive 31-bit number for a text (FNV-1a): fileids and fsids that survive a restart without a table. */
export function stableId(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text)) hash = Math.imul(hash ^ octet, 0x01000193);
  const id = hash & 0x7fffffff;
  return id === 0 ? 1 : id;
}

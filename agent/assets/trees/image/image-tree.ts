import { AgentError } from "../../../errors.ts";
import type { Content } from "../../content.ts";
import { whenSettled } from "../../settling.ts";
import { isWait, type Slot } from "../../slot.ts";
import {
  type DirEntry,
  type NodeAttributes,
  stableId,
  type Tree,
  type TreeRefusal,
  type TreeResult,
} from "../tree.ts";
import { ImageFile } from "./image-file.ts";
import type { ImageIndex, ImageNode } from "./image-index.ts";
import { readImage } from "./read-image.ts";

/** Files and directories of an image at most: some 300 octets of memory each. */
export const MAX_IMAGE_NODES = 200_000;
/** Bits of a fileid that say which node of an image it is; those above say of which version. */
const NODE_BITS = 19;
/** Layers have the numbers with the highest bit set for what is theirs. */
const MAX_TAG = 2 ** (31 - NODE_BITS) - 1;
/** The root of whatever version is served: it is of version 0, which none is. */
const ROOT = 1;
/** Versions that are known: the one served now, and those that machines may still run from. */
const MAX_VERSIONS = 3;
/** Directories have no octets of their own; this is what most file systems say of a small one. */
const DIRECTORY_SIZE = 512;

/** An image as it was at some time. */
interface Version {
  /** Upper bits of its fileids. */
  readonly tag: number;
  readonly etag: string;
  readonly index: ImageIndex;
  content: Content;
}

interface Found {
  readonly version: Version;
  readonly node: ImageNode;
}

export interface ImageTreeOptions {
  /** Told why an image cannot be served, once a version. */
  readonly problem?: (error: AgentError) => void;
  readonly maxNodes?: number;
}

/**
 * A tar or cpio image as a read-only tree, read in its place. Its names are in memory, its octets are not.
 *
 * A new version of the asset is another tree: its nodes have other numbers, and `mountPoint` leads to it. Whoever mounted an older
 * one goes on with that for as long as it is in the cache; then all of it is stale. `root` itself always leads to the newest.
 *
 * As long as the image is being fetched or its index is being made, all that is asked of it waits.
 */
export class ImageTree implements Tree {
  readonly fsid: number;
  readonly writable: undefined;
  readonly root: number = ROOT;
  private readonly slot: Slot;
  private readonly problem: (error: AgentError) => void;
  private readonly maxNodes: number;
  /** The newest last. */
  private readonly versions: Version[] = [];
  private indexing:
    | { readonly etag: string; readonly done: Promise<Version | undefined> }
    | undefined;
  /** Of the version that cannot be served. */
  private refused: string | undefined;

  constructor(slot: Slot, { problem, maxNodes }: ImageTreeOptions = {}) {
    this.slot = slot;
    this.fsid = stableId(`image ${slot.name}`);
    this.problem = problem ?? ((): void => undefined);
    this.maxNodes = Math.min(maxNodes ?? MAX_IMAGE_NODES, 2 ** NODE_BITS);
  }

  /** Makes the index if the image is there, before a machine waits for it. */
  prepare(): void {
    if (!isWait(this.slot.current())) void this.newest();
  }

  mountPoint(): TreeResult<number> {
    return after(this.newest(), (version) => (version ? idOf(version, 0) : "io"));
  }

  attributes(fileid: number): TreeResult<NodeAttributes> {
    return this.with(fileid, ({ node }) => ({
      kind: node.kind,
      mode: node.mode,
      nlink: node.nlink,
      uid: node.uid,
      gid: node.gid,
      size: node.kind === "directory" ? DIRECTORY_SIZE : node.size,
      atimeMs: node.mtimeMs,
      mtimeMs: node.mtimeMs,
      ctimeMs: node.mtimeMs,
      rdev: node.rdev,
    }));
  }

  lookup(directory: number, name: string): TreeResult<number> {
    return this.with(directory, ({ version, node }) => {
      if (!node.children) return "not-a-directory";
      const number = node.children.get(name);
      return number === undefined ? "no-entry" : idOf(version, number);
    });
  }

  readlink(fileid: number): TreeResult<{ readonly target: string }> {
    return this.with(fileid, ({ node: { kind, target } }) =>
      kind === "symlink" ? { target } : "not-a-symlink",
    );
  }

  list(directory: number): TreeResult<readonly DirEntry[]> {
    return this.with(directory, ({ version, node }) => {
      if (!node.children) return "not-a-directory";
      const entries: DirEntry[] = [];
      for (const [name, number] of node.children) {
        entries.push({ name, fileid: idOf(version, number) });
      }
      return entries;
    });
  }

  parent(fileid: number): number | undefined {
    if (fileid === ROOT) return ROOT;
    const found = this.find(fileid);
    return found && idOf(found.version, found.node.parent);
  }

  content(fileid: number): TreeResult<Content> {
    return this.with(fileid, ({ version, node }) => {
      if (node.kind === "directory") return "is-a-directory";
      if (node.kind !== "file") return "io";
      const { at, size, mtimeMs } = node;
      const path = version.index.path(numberOf(fileid));
      return new ImageFile(version.content, { at, size, mtimeMs, path }, (error) =>
        this.unreadable(version, error),
      );
    });
  }

  waitsFor(): string | undefined {
    const state = this.slot.current();
    if (isWait(state)) return state.why;
    if (state instanceof AgentError || this.known(state) || state.etag === this.refused) {
      return undefined;
    }
    return `reading what is in ${this.slot.name}`;
  }

  /** What `then` says of a node, at once when that is possible. */
  private with<T>(fileid: number, then: (found: Found) => T | TreeRefusal): TreeResult<T> {
    const found = this.find(fileid);
    if (found) return then(found);
    return after(this.newest(), (version) => {
      if (!version) return "io";
      if (fileid === ROOT) {
        const node = version.index.node(0);
        return node ? then({ version, node }) : "io";
      }
      // A number that a client got from our predecessor is of a version whose index was not made yet.
      const later = this.find(fileid);
      return later ? then(later) : "stale";
    });
  }

  private find(fileid: number): Found | undefined {
    const tag = Math.floor(fileid / 2 ** NODE_BITS);
    const version = this.versions.find((known) => known.tag === tag);
    const node = version?.index.node(numberOf(fileid));
    // Without a name it was replaced by a later entry, and nobody was told its number.
    return version && node && node.nlink > 0 ? { version, node } : undefined;
  }

  /** The version that is served now; undefined when there is none that can be. */
  private newest(): Version | undefined | Promise<Version | undefined> {
    const state = this.slot.current();
    if (isWait(state)) {
      return whenSettled(this.slot).then((settled) => this.versionOf(settled));
    }
    return this.versionOf(state);
  }

  private versionOf(
    state: Content | AgentError,
  ): Version | undefined | Promise<Version | undefined> {
    if (state instanceof AgentError || state.etag === this.refused) return undefined;
    const known = this.known(state);
    if (known) {
      known.content = state;
      return known;
    }
    if (this.indexing?.etag === state.etag) return this.indexing.done;
    const indexing = {
      etag: state.etag,
      done: this.index(state).finally(() => {
        if (this.indexing === indexing) this.indexing = undefined;
      }),
    };
    this.indexing = indexing;
    return indexing.done;
  }

  private known({ etag }: Content): Version | undefined {
    return this.versions.find((version) => version.etag === etag);
  }

  private async index(content: Content): Promise<Version | undefined> {
    const { etag } = content;
    let index: ImageIndex;
    try {
      index = await readImage(content, this.maxNodes);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      // What cannot be read now may be read when it was fetched again; what is no image stays so.
      if (error.code === "E_TREE_IMAGE") this.refused = etag;
      this.problem(error);
      return undefined;
    }
    const version = { tag: this.freeTag(etag), etag, index, content };
    this.versions.push(version);
    if (this.versions.length > MAX_VERSIONS) this.versions.shift();
    return version;
  }

  /** An older version that the cache has no more: all of it is stale, so that its machines know that they have to mount anew. */
  private unreadable(version: Version, error: unknown): void {
    if (!(error instanceof AgentError) || error.code !== "E_ASSET_DAMAGED") return;
    const state = this.slot.current();
    if (isWait(state) || state instanceof AgentError || state.etag === version.etag) return;
    const at = this.versions.indexOf(version);
    if (at >= 0) this.versions.splice(at, 1);
  }

  /** From the version's digest, so that it is the same after a restart; two may share it: then it is the next free one. */
  private freeTag(etag: string): number {
    let tag = (stableId(etag) % MAX_TAG) + 1;
    while (this.versions.some((version) => version.tag === tag)) tag = (tag % MAX_TAG) + 1;
    return tag;
  }
}

function idOf({ tag }: Version, number: number): number {
  return tag * 2 ** NODE_BITS + number;
}

function numberOf(fileid: number): number {
  return fileid % 2 ** NODE_BITS;
}

/** Goes on at once with what is there, and later with what is not. */
function after<T, R>(
  value: T | Promise<T>,
  then: (value: T) => R | TreeRefusal,
): R | TreeRefusal | Promise<R | TreeRefusal> {
  return value instanceof Promise ? value.then(then) : then(value);
}

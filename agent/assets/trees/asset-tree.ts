import { AgentError } from "../../errors.ts";
import type { Content } from "../content.ts";
import { whenSettled } from "../settling.ts";
import { isWait, type Slot } from "../slot.ts";
import {
  type DirEntry,
  type NodeAttributes,
  stableId,
  type Tree,
  type TreeRefusal,
  type TreeResult,
} from "./tree.ts";

/** A name of the tree: a directory, or a place for a file. */
interface Place {
  readonly path: string;
  readonly parent: number;
  /** Its number: of a directory for ever, of a file that of the version which was seen last. */
  fileid: number;
  readonly children?: Map<string, Place>;
  readonly slot?: Slot;
  /** Versions that were given out, the newest last. */
  readonly versions: Version[];
}

interface Version {
  readonly fileid: number;
  readonly etag: string;
}

interface Node {
  readonly place: Place;
  /** Of a file: the version that this number stands for. */
  content: Content | undefined;
}

/** Directories have no octets of their own; this is what most file systems say of a small one. */
const DIRECTORY_SIZE = 512;
/** Versions of a file that are known by number: the one served now, and those that machines may still be reading. */
const MAX_VERSIONS = 3;

/**
 * A tree of assets by name: "etc/rc" makes the directory `etc` with `rc` in it. All of it is in memory.
 *
 * A new version of an asset is a new file under the old name, as if somebody had replaced it: it has another number, and
 * whoever reads the old one goes on reading the old one. No machine gets a mixture of two.
 *
 * A file that is being fetched has its name already, and LOOKUP is answered when it is there. One that cannot be had has no
 * name until it can: a loader then looks for the next kernel, and the rest of the tree is served.
 */
export class AssetTree implements Tree {
  readonly fsid: number;
  readonly writable: undefined;
  readonly root: number;
  private readonly nodes = new Map<number, Node>();
  private readonly top: Place;
  /** Places of files of which no version was seen yet. */
  private readonly unseen = new Set<Place>();
  /** Of the newest file that was seen: the date of the directories. */
  private newestMs = 0;

  /** `name` distinguishes the tree; `files` maps slash-separated names to what is there. */
  constructor(name: string, files: ReadonlyMap<string, Slot>) {
    this.fsid = stableId(`tree ${name}`);
    this.top = this.addDirectory("", undefined);
    this.root = this.top.fileid;
    for (const [path, slot] of files) this.insert(path.split("/"), slot);
  }

  attributes(fileid: number): NodeAttributes | TreeRefusal {
    const node = this.find(fileid);
    if (!node) return "stale";
    const { content } = node;
    const mtimeMs = content?.mtimeMs ?? this.newestMs;
    return {
      kind: content ? "file" : "directory",
      mode: content ? 0o444 : 0o555,
      nlink: content ? 1 : 2,
      uid: 0,
      gid: 0,
      size: content?.size ?? DIRECTORY_SIZE,
      atimeMs: mtimeMs,
      mtimeMs,
      ctimeMs: mtimeMs,
    };
  }

  lookup(directory: number, name: string): TreeResult<number> {
    const children = this.childrenOf(directory);
    if (typeof children === "string") return children;
    const place = children.get(name);
    if (!place) return "no-entry";
    const { slot } = place;
    if (!slot) return place.fileid;
    const state = slot.current();
    if (isWait(state)) return whenSettled(slot).then((settled) => this.numberOf(place, settled));
    return this.numberOf(place, state);
  }

  readlink(fileid: number): TreeRefusal {
    return this.find(fileid) ? "not-a-symlink" : "stale";
  }

  list(directory: number): readonly DirEntry[] | TreeRefusal {
    const children = this.childrenOf(directory);
    if (typeof children === "string") return children;
    const entries: DirEntry[] = [];
    for (const [name, place] of children) {
      const state = place.slot?.current();
      if (state instanceof AgentError) continue;
      const fileid = state && !isWait(state) ? this.numberOf(place, state) : place.fileid;
      if (typeof fileid === "number") entries.push({ name, fileid });
    }
    return entries;
  }

  parent(fileid: number): number | undefined {
    return this.find(fileid)?.place.parent;
  }

  content(fileid: number): Content | TreeRefusal {
    const node = this.find(fileid);
    if (!node) return "stale";
    return node.content ?? "is-a-directory";
  }

  waitsFor(directory: number, name: string): string | undefined {
    const state = this.nodes.get(directory)?.place.children?.get(name)?.slot?.current();
    return isWait(state) ? state.why : undefined;
  }

  /** Of the versions that were given out. */
  size(): number {
    let octets = 0;
    for (const { content } of this.nodes.values()) octets += content?.size ?? DIRECTORY_SIZE;
    return octets;
  }

  /** A number that a client got from our predecessor may be that of a file which came into the cache since we looked. */
  private find(fileid: number): Node | undefined {
    const known = this.nodes.get(fileid);
    if (known || this.unseen.size === 0) return known;
    for (const place of [...this.unseen]) {
      const state = place.slot?.current();
      if (state && !isWait(state)) this.numberOf(place, state);
    }
    return this.nodes.get(fileid);
  }

  private childrenOf(directory: number): ReadonlyMap<string, Place> | TreeRefusal {
    const node = this.nodes.get(directory);
    if (!node) return "stale";
    return node.place.children ?? "not-a-directory";
  }

  /** The number of what is in a place now; a version that was not seen before gets a new one. */
  private numberOf(place: Place, state: Content | AgentError): number | TreeRefusal {
    if (state instanceof AgentError) return "no-entry";
    const known = place.versions.find((version) => version.etag === state.etag);
    const fileid = known?.fileid ?? this.freeId(`${place.path} ${state.etag}`);
    this.newestMs = Math.max(this.newestMs, state.mtimeMs);
    place.fileid = fileid;
    const node = this.nodes.get(fileid);
    if (node) node.content = state;
    else this.nodes.set(fileid, { place, content: state });
    if (!known) {
      this.unseen.delete(place);
      place.versions.push({ fileid, etag: state.etag });
      const oldest = place.versions.length > MAX_VERSIONS ? place.versions.shift() : undefined;
      if (oldest) this.nodes.delete(oldest.fileid);
    }
    return fileid;
  }

  private insert(path: readonly string[], slot: Slot): void {
    let at = this.top;
    let walked = "";
    for (const [i, name] of path.entries()) {
      walked += `/${name}`;
      const { children, fileid: parent } = at;
      if (!children) throw new Error(`${walked}: below a file`);
      const known = children.get(name);
      const leaf = i === path.length - 1;
      if (known && leaf) throw new Error(`${walked}: twice`);
      const next =
        known ??
        (leaf
          ? { path: walked, parent, fileid: stableId(walked), slot, versions: [] }
          : this.addDirectory(walked, parent));
      children.set(name, next);
      at = next;
    }
    // Numbers are given in the order of the site, so that they are the same after a restart.
    this.unseen.add(at);
    const state = slot.current();
    if (!isWait(state)) this.numberOf(at, state);
  }

  private addDirectory(path: string, parent: number | undefined): Place {
    const fileid = this.freeId(path);
    const children = new Map<string, Place>();
    const place = { path, parent: parent ?? fileid, fileid, children, versions: [] };
    this.nodes.set(fileid, { place, content: undefined });
    return place;
  }

  /** Two texts may share a hash: then it is the next free number. */
  private freeId(text: string): number {
    let fileid = stableId(text);
    while (this.nodes.has(fileid)) fileid = (fileid % 0x7fffffff) + 1;
    return fileid;
  }
}

import type { Content } from "../content.ts";
import {
  type DirEntry,
  type NodeAttributes,
  stableId,
  type Tree,
  type TreeRefusal,
} from "./tree.ts";

interface Node {
  readonly name: string;
  readonly parent: number;
  readonly content?: Content;
  readonly children?: Map<string, number>;
}

/** Directories have no octets of their own; this is what most file systems say of a small one. */
const DIRECTORY_SIZE = 512;

/** A tree of assets by name: "etc/rc" makes the directory `etc` with `rc` in it. All of it is in memory. */
export class AssetTree implements Tree {
  readonly fsid: number;
  readonly root: number;
  private readonly nodes = new Map<number, Node>();
  private readonly mtimeMs: number;

  /** `name` distinguishes the tree; `files` maps slash-separated names to contents. */
  constructor(name: string, files: ReadonlyMap<string, Content>) {
    this.fsid = stableId(`tree ${name}`);
    this.root = this.add(0, "", "", undefined);
    let newest = 0;
    for (const [path, content] of files) {
      this.insert(path.split("/"), content);
      newest = Math.max(newest, content.mtimeMs);
    }
    this.mtimeMs = newest;
  }

  attributes(fileid: number): NodeAttributes | TreeRefusal {
    const node = this.nodes.get(fileid);
    if (!node) return "stale";
    const mtimeMs = node.content?.mtimeMs ?? this.mtimeMs;
    return {
      kind: node.content ? "file" : "directory",
      mode: node.content ? 0o444 : 0o555,
      nlink: node.content ? 1 : 2,
      uid: 0,
      gid: 0,
      size: node.content?.size ?? DIRECTORY_SIZE,
      atimeMs: mtimeMs,
      mtimeMs,
      ctimeMs: mtimeMs,
    };
  }

  lookup(directory: number, name: string): number | TreeRefusal {
    const node = this.nodes.get(directory);
    if (!node) return "stale";
    if (!node.children) return "not-a-directory";
    return node.children.get(name) ?? "no-entry";
  }

  readlink(fileid: number): TreeRefusal {
    return this.nodes.has(fileid) ? "not-a-symlink" : "stale";
  }

  list(directory: number): readonly DirEntry[] | TreeRefusal {
    const node = this.nodes.get(directory);
    if (!node) return "stale";
    if (!node.children) return "not-a-directory";
    return [...node.children].map(([name, fileid]) => ({ name, fileid }));
  }

  parent(fileid: number): number | undefined {
    return this.nodes.get(fileid)?.parent;
  }

  content(fileid: number): Content | TreeRefusal {
    const node = this.nodes.get(fileid);
    if (!node) return "stale";
    return node.content ?? "is-a-directory";
  }

  private insert(path: readonly string[], content: Content): void {
    let at = this.root;
    let walked = "";
    for (const [i, name] of path.entries()) {
      walked += `/${name}`;
      const children = this.nodes.get(at)?.children;
      if (!children) throw new Error(`${walked}: below a file`);
      const known = children.get(name);
      const leaf = i === path.length - 1;
      if (known !== undefined && leaf) throw new Error(`${walked}: twice`);
      const next = known ?? this.add(at, name, walked, leaf ? content : undefined);
      children.set(name, next);
      at = next;
    }
  }

  private add(parent: number, name: string, path: string, content: Content | undefined): number {
    // Two paths may share a hash: the next free number is as stable, since the site's order is.
    let fileid = stableId(path);
    while (this.nodes.has(fileid)) fileid = (fileid % 0x7fffffff) + 1;
    this.nodes.set(fileid, {
      name,
      parent: parent === 0 ? fileid : parent,
      ...(content ? { content } : { children: new Map<string, number>() }),
    });
    return fileid;
  }
}

import type { ChunkCache } from "../../chunk-cache.ts";
import type { Content } from "../../content.ts";
import { TextContent } from "../../text-content.ts";
import {
  type DirEntry,
  isRefusal,
  type NodeAttributes,
  stableId,
  type Tree,
  type TreeRefusal,
  type TreeResult,
  type WritableTree,
} from "../tree.ts";
import type { Layer } from "./layer.ts";
import { LayerContent } from "./layer-content.ts";
import { mergedAttributes } from "./overlay-attributes.ts";
import { OverlayChanges } from "./overlay-changes.ts";
import { type Found, OverlayNodes } from "./overlay-nodes.ts";
import { hex8, ROOT, WHITEOUT } from "./records.ts";
import { refusalOf } from "./refusal-of.ts";

/**
 * A machine's writable layer above a tree that it shares with others.
 *
 * What the machine did not change is the lower tree's, as that is now. What it changed is the layer's, whatever becomes of the
 * lower tree.
 */
export class OverlayTree implements Tree {
  readonly fsid: number;
  readonly root: number = ROOT;
  readonly writable: WritableTree;
  readonly layer: Layer;
  private readonly lower: Tree;
  private readonly nodes: OverlayNodes;
  private readonly chunks: ChunkCache;

  constructor(layer: Layer, lower: Tree, chunks: ChunkCache) {
    this.fsid = stableId(`overlay ${layer.key}`);
    this.layer = layer;
    this.lower = lower;
    this.chunks = chunks;
    this.nodes = new OverlayNodes(layer, lower);
    this.writable = new OverlayChanges(this.nodes);
  }

  /** From now on the machine is above the newest version of what is below; until then it stays above the one that it has. */
  async mountPoint(): Promise<number | TreeRefusal> {
    const below = await (this.lower.mountPoint?.() ?? this.lower.root);
    if (isRefusal(below)) return below;
    this.nodes.mount(below);
    return ROOT;
  }

  attributes(fileid: number): TreeResult<NodeAttributes> {
    return this.withNode(fileid, (node) => {
      if (!node.record) return this.nodes.lowerAttributes(node);
      return this.merged(node);
    });
  }

  lookup(directory: number, name: string): TreeResult<number> {
    return this.withNode(directory, (node) => {
      if (node.record && node.record.kind !== "directory") return "not-a-directory";
      const record = this.layer.name(directory, name);
      if (record) return record.id === WHITEOUT ? "no-entry" : record.id;
      if (node.lower === undefined) return "no-entry";
      return this.lowerEntry(node, name);
    });
  }

  readlink(fileid: number): TreeResult<{ readonly target: string }> {
    return this.withNode(fileid, (node) => {
      const target = node.record?.target;
      if (target !== undefined) return { target };
      if (node.lower === undefined) return "not-a-symlink";
      return this.nodes.ask(node, (lower) => this.lower.readlink(lower));
    });
  }

  list(directory: number): TreeResult<readonly DirEntry[]> {
    return this.withNode(directory, (node) => {
      if (node.record && node.record.kind !== "directory") return "not-a-directory";
      return this.listed(node);
    });
  }

  parent(fileid: number): number | undefined {
    return this.layer.isOpen ? this.nodes.parent(fileid) : undefined;
  }

  content(fileid: number): TreeResult<Content> {
    return this.withNode(fileid, (node) => {
      const { record } = node;
      if (record?.kind === "directory") return "is-a-directory";
      if (record?.kind === "symlink") return "io";
      if (record?.data) return this.ownContent(fileid);
      if (node.lower === undefined) {
        return new TextContent(`overlay/${hex8(fileid)}`, "", record?.mtimeMs ?? 0);
      }
      return this.nodes.ask(node, (lower) => this.lower.content(lower));
    });
  }

  waitsFor(directory: number, name: string): string | undefined {
    if (!this.layer.isOpen || this.layer.name(directory, name)) return undefined;
    const node = this.nodes.find(directory);
    if (node === "stale" || node.lower === undefined) return undefined;
    return this.lower.waitsFor(node.lower, name);
  }

  /** Answers at once what needs neither the disk nor the lower tree's. */
  private withNode<T>(id: number, then: (node: Found) => TreeResult<T>): TreeResult<T> {
    if (!this.layer.isOpen) {
      return this.layer.open().then(() => this.withNode(id, then), refusalOf);
    }
    const node = this.nodes.find(id);
    return node === "stale" ? "stale" : then(node);
  }

  private merged(node: Found): TreeResult<NodeAttributes> {
    const { record, id } = node;
    if (!record) return "stale";
    if (!record.data) {
      if (node.lower === undefined) return mergedAttributes(record, undefined, undefined);
      return this.mergedWithLower(node);
    }
    const open = this.layer.files.peek(id);
    if (open) return mergedAttributes(record, undefined, open.stat);
    return this.mergedWithFile(node);
  }

  private async mergedWithLower(node: Found): Promise<NodeAttributes | TreeRefusal> {
    const { record } = node;
    if (!record) return "stale";
    const lower = await this.nodes.lowerAttributes(node);
    if (!isRefusal(lower) && lower.kind === record.kind) {
      return mergedAttributes(record, lower, undefined);
    }
    // Its octets are gone, or its names: a directory of the layer stays for what the layer has in it.
    if (lower === "io") return lower;
    return record.kind === "file" ? "stale" : mergedAttributes(record, undefined, undefined);
  }

  private async mergedWithFile(node: Found): Promise<NodeAttributes | TreeRefusal> {
    const { record, id } = node;
    if (!record) return "stale";
    try {
      const stat = await this.layer.files.use(id, (file) => file.stat);
      return mergedAttributes(record, undefined, stat);
    } catch {
      return this.nodes.find(id) === "stale" ? "stale" : "io";
    }
  }

  private async ownContent(id: number): Promise<Content | TreeRefusal> {
    const { files } = this.layer;
    try {
      const stat = await files.use(id, ({ stat: { size, mtimeMs } }) => ({
        size,
        mtimeMs,
        version: files.version(id, 0) ?? hex8(id),
      }));
      return new LayerContent(id, stat, files, this.chunks);
    } catch {
      return this.nodes.find(id) === "stale" ? "stale" : "io";
    }
  }

  private async lowerEntry(directory: Found, name: string): Promise<number | TreeRefusal> {
    const id = await this.nodes.ask(directory, (lower) => this.lower.lookup(lower, name));
    // A lower directory that is no more has nothing in it; the layer's own one is still there.
    if ((id === "stale" || id === "not-a-directory") && directory.record) return "no-entry";
    return isRefusal(id) ? id : this.nodes.numberOf(id, { directory: directory.id, name });
  }

  private async listed(directory: Found): Promise<readonly DirEntry[] | TreeRefusal> {
    const entries: DirEntry[] = [];
    const lower = await this.nodes.ask(directory, (at) => this.lower.list(at));
    if (isRefusal(lower) && (!directory.record || lower === "io")) return lower;
    // Of the moment after the lower tree was read: what was changed meanwhile is as it is now.
    const names = await this.layer.names(directory.id);
    for (const { name, fileid } of isRefusal(lower) ? [] : lower) {
      if (names.has(name)) continue;
      const id = await this.nodes.numberOf(fileid, { directory: directory.id, name });
      if (!isRefusal(id)) entries.push({ name, fileid: id });
    }
    for (const [name, { id }] of names) if (id !== WHITEOUT) entries.push({ name, fileid: id });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

import type { NodeChange, NodePlace, TreeRefusal, TreeSpace, WritableTree } from "../tree.ts";
import { FileChanges } from "./file-changes.ts";
import { NameChanges } from "./name-changes.ts";
import type { OverlayNodes } from "./overlay-nodes.ts";

/** Changes of an overlay: those of names, and those of what a node is. */
export class OverlayChanges implements WritableTree {
  private readonly nodes: OverlayNodes;
  private readonly names: NameChanges;
  private readonly files: FileChanges;

  constructor(nodes: OverlayNodes) {
    this.nodes = nodes;
    this.names = new NameChanges(nodes);
    this.files = new FileChanges(nodes);
  }

  space(): TreeSpace {
    const { layer } = this.nodes;
    if (!layer.isOpen) return { total: layer.quota, free: layer.quota };
    layer.look();
    return layer.usage.space(layer.records);
  }

  change(fileid: number, change: NodeChange): Promise<TreeRefusal | undefined> {
    return this.files.change(fileid, change);
  }

  write(fileid: number, offset: number, octets: Uint8Array): Promise<TreeRefusal | undefined> {
    return this.files.write(fileid, offset, octets);
  }

  async create(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal> {
    const id = await this.names.make(place, { kind: "file" }, change);
    if (typeof id === "string" || change.size === undefined || change.size === 0) return id;
    return (await this.files.change(id, { size: change.size })) ?? id;
  }

  mkdir(place: NodePlace, change: NodeChange): Promise<number | TreeRefusal> {
    return this.names.make(place, { kind: "directory" }, change);
  }

  symlink(place: NodePlace, target: string, change: NodeChange): Promise<number | TreeRefusal> {
    return this.names.make(place, { kind: "symlink", target }, change);
  }

  link(fileid: number, place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.names.link(fileid, place);
  }

  rename(from: NodePlace, to: NodePlace): Promise<TreeRefusal | undefined> {
    return this.names.rename(from, to);
  }

  remove(place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.names.remove(place, false);
  }

  rmdir(place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.names.remove(place, true);
  }
}

import type { Content } from "../../content.ts";
import { isRefusal, type NodeAttributes, type NodeChange, type TreeRefusal } from "../tree.ts";
import type { ContentFile } from "./content-file.ts";
import type { Layer } from "./layer.ts";
import { mergedAttributes } from "./overlay-attributes.ts";
import { type Found, OverlayNodes, type Pin } from "./overlay-nodes.ts";
import type { NodeRecord } from "./records.ts";
import { refusalOf } from "./refusal-of.ts";

/** What files are stored in. */
const BLOCK = 4_096;

/**
 * Changes of what a node is: octets, size, mode, owner, times.
 *
 * A file's octets come into the layer at the first write; the rest is a record. Once they are there, a write is a matter of that
 * file alone: its size and times are what its own stat says.
 */
export class FileChanges {
  private readonly nodes: OverlayNodes;
  private readonly layer: Layer;

  constructor(nodes: OverlayNodes) {
    this.nodes = nodes;
    this.layer = nodes.layer;
  }

  write(id: number, offset: number, octets: Uint8Array): Promise<TreeRefusal | undefined> {
    return this.settled(id, async () => {
      const { layer } = this;
      const node = this.nodes.find(id);
      if (node === "stale") return "stale";
      if (octets.length === 0) return this.writeNothing(node);
      if (!node.record?.data) {
        const refused = await layer.locks.run(id, () => this.own(id, Number.POSITIVE_INFINITY));
        if (refused) return refused;
      }
      if (!Number.isSafeInteger(offset + octets.length)) return "too-large";
      return layer.files.use(id, (file) => this.put(file, offset, octets));
    });
  }

  change(id: number, change: NodeChange): Promise<TreeRefusal | undefined> {
    return this.settled(id, () => this.layer.locks.run(id, () => this.changeAlone(id, change)));
  }

  private async settled(
    id: number,
    work: () => Promise<TreeRefusal | undefined>,
  ): Promise<TreeRefusal | undefined> {
    try {
      return await this.layer.work(work);
    } catch (error) {
      // Its octets go with the node.
      if (this.layer.isOpen && this.nodes.find(id) === "stale") return "stale";
      return refusalOf(error);
    }
  }

  /** Not even a date changes. */
  private async writeNothing(node: Found): Promise<TreeRefusal | undefined> {
    const kind = node.record?.kind ?? (await this.kindOf(node));
    if (kind === "directory") return "is-a-directory";
    return kind === "symlink" ? "not-permitted" : undefined;
  }

  private async kindOf(node: Found): Promise<string> {
    const attributes = await this.nodes.lowerAttributes(node);
    return isRefusal(attributes) ? attributes : attributes.kind;
  }

  private async put(
    file: ContentFile,
    offset: number,
    octets: Uint8Array,
  ): Promise<TreeRefusal | undefined> {
    const { layer } = this;
    // Who writes over what is there, and has no holes, needs no room.
    const { stat, allocated } = file;
    const isThere = offset + octets.length <= stat.size && allocated >= stat.size;
    const room = isThere ? 0 : octets.length + (offset % BLOCK);
    const done = await layer.usage.promise(layer.records, room, async () => {
      await file.write(offset, octets);
      return true;
    });
    return done ? undefined : "over-quota";
  }

  private async changeAlone(id: number, change: NodeChange): Promise<TreeRefusal | undefined> {
    const { size, atimeMs, mtimeMs, mode, uid, gid } = change;
    const { files } = this.layer;
    if (size !== undefined) {
      const refused = await this.own(id, size);
      if (refused) return refused;
      await files.use(id, (file) => file.truncate(size));
    }
    const hasTimes = atimeMs !== undefined || mtimeMs !== undefined;
    if (!hasTimes && mode === undefined && uid === undefined && gid === undefined) {
      return this.nodes.find(id) === "stale" ? "stale" : undefined;
    }
    const node = this.nodes.find(id);
    if (node === "stale") return "stale";
    if (node.record?.data && hasTimes) {
      await files.use(id, async (file) => {
        await file.stamp(atimeMs ?? file.stat.atimeMs, mtimeMs ?? file.stat.mtimeMs);
        await file.sync();
      });
    }
    return this.changeRecord(id, change);
  }

  private async changeRecord(id: number, change: NodeChange): Promise<TreeRefusal | undefined> {
    const pins = await this.nodes.pins(id);
    if (isRefusal(pins)) return pins;
    const { atimeMs, mtimeMs } = change;
    const owner = await this.ownerOf(id, change);
    if (isRefusal(owner)) return owner;
    const { layer } = this;
    return layer.change((writer) => {
      if (!layer.usage.hasRecords(writer.records, 2 * pins.length)) return "over-quota";
      OverlayNodes.apply(writer, pins);
      const record = writer.node(id);
      if (!record || record.gone) return "stale";
      const times = {
        ...(atimeMs === undefined || record.data ? {} : { atimeMs }),
        ...(mtimeMs === undefined || record.data ? {} : { mtimeMs }),
      };
      writer.putNode(id, { ...record, ...owner, ...times, ctimeMs: Date.now() });
      return undefined;
    });
  }

  /**
   * Mode and owner as they will be. Once one of them is the layer's, all of them are: the layer can then be packed without
   * the lower tree.
   */
  private async ownerOf(
    id: number,
    { mode, uid, gid }: NodeChange,
  ): Promise<Pick<NodeChange, "mode" | "uid" | "gid"> | TreeRefusal> {
    if (mode === undefined && uid === undefined && gid === undefined) return {};
    const node = this.nodes.find(id);
    if (node === "stale") return "stale";
    const own = {
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    };
    if (node.record?.mode !== undefined || node.lower === undefined) return own;
    const lower = await this.nodes.lowerAttributes(node);
    if (isRefusal(lower)) return node.record?.kind === "directory" ? own : "stale";
    return { mode: lower.mode, uid: lower.uid, gid: lower.gid, ...own };
  }

  /** Gives a file octets of its own, no more than `keep` of what it has. Under the file's lock. */
  private async own(id: number, keep: number): Promise<TreeRefusal | undefined> {
    const node = this.nodes.find(id);
    if (node === "stale") return "stale";
    if (node.record?.data) return undefined;
    const pins = await this.nodes.pins(id);
    if (isRefusal(pins)) return pins;
    const base = node.record ?? pins.find((pin) => pin.id === id)?.record;
    if (!base) return "stale";
    if (base.kind === "directory") return "is-a-directory";
    if (base.kind === "symlink") return "not-permitted";
    const lower = node.lower === undefined ? undefined : await this.lowerFile(node);
    if (isRefusal(lower)) return lower;
    const attributes = mergedAttributes(base, lower?.attributes, undefined);
    const len = Math.min(keep, lower?.content.size ?? 0);
    const { layer } = this;
    const { files } = layer;
    const done = await layer.usage.promise(layer.records, len, async () => {
      await files.make(id, async (file) => {
        if (lower) await copy(lower.content, len, file);
        await file.stamp(attributes.atimeMs, attributes.mtimeMs);
      });
      const refused = await this.owned(id, pins, attributes);
      if (refused) await files.remove(id);
      return { refused };
    });
    return done ? done.refused : "over-quota";
  }

  private async lowerFile(
    node: Found,
  ): Promise<{ readonly attributes: NodeAttributes; readonly content: Content } | TreeRefusal> {
    const attributes = await this.nodes.lowerAttributes(node);
    if (isRefusal(attributes)) return "stale";
    const content = await this.nodes.ask(node, (lower) => this.nodes.lower.content(lower));
    return isRefusal(content) ? content : { attributes, content };
  }

  /** The record that the octets are there, once they are. */
  private async owned(
    id: number,
    pins: readonly Pin[],
    attributes: NodeAttributes,
  ): Promise<TreeRefusal | undefined> {
    const { layer } = this;
    const { mode, uid, gid, ctimeMs } = attributes;
    const done = await layer.change((writer): { readonly refused?: TreeRefusal } => {
      if (!layer.usage.hasRecords(writer.records, 2 * pins.length))
        return { refused: "over-quota" };
      OverlayNodes.apply(writer, pins);
      const record = writer.node(id);
      if (!record || record.gone) return { refused: "stale" };
      const { atimeMs: _, mtimeMs: __, ...rest } = record;
      const own: NodeRecord = { ...rest, mode, uid, gid, ctimeMs, data: true };
      writer.putNode(id, own);
      return {};
    });
    return done ? done.refused : "stale";
  }
}

/** Chunk by chunk; where there are zeros only, there is a hole. A file of an image may begin within its first chunk. */
async function copy(content: Content, len: number, file: ContentFile): Promise<void> {
  const { chunkLen, base = 0 } = content;
  for (let at = -base, i = 0; len > 0 && at < len; at += chunkLen, i++) {
    const chunk = content.peek(i) ?? (await content.load(i));
    const octets = chunk.subarray(Math.max(0, -at), len - at);
    if (!isZero(octets)) await file.put(Math.max(0, at), octets);
  }
  await file.resize(len);
}

function isZero(octets: Uint8Array): boolean {
  const { buffer, byteOffset, length } = octets;
  return Buffer.from(buffer, byteOffset, length).every((octet) => octet === 0);
}

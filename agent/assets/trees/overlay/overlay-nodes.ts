import { LRUCache } from "lru-cache";
import {
  isRefusal,
  type NodeAttributes,
  type Tree,
  type TreeRefusal,
  type TreeResult,
} from "../tree.ts";
import type { Layer } from "./layer.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { type LowerPlace, type NodeRecord, ROOT } from "./records.ts";

/** Nodes of the lower tree of which it is remembered where they were found. */
const MAX_HINTS = 4_096;
/** Directories of which it is remembered which they are in the lower tree, and for how long, ms: they may be replaced there. */
const MAX_PLACED = 4_096;
const PLACED_MS = 1_000;
/** Instead of a number: there is no such directory. */
const NOWHERE = -1;
/** Directories above one another, at the most. */
const MAX_DEPTH = 1_024;

/** A node, as far as it can be told without the lower tree. */
export interface Found {
  readonly id: number;
  /** What the layer says of it; absent: it is in the lower tree as it was. */
  readonly record: NodeRecord | undefined;
  /** Its number in the lower tree; absent: there is none. */
  readonly lower: number | undefined;
}

/** A node of the lower tree that the layer is to know of, with the name by which it is found. */
export interface Pin {
  readonly id: number;
  readonly record: NodeRecord;
}

/**
 * Which node of the overlay is which of the layer and of the lower tree.
 *
 * A node that the layer says nothing of has the lower tree's number. One whose number is in the layer's half, or is that of a node
 * that was removed, gets a number of its own, which is kept.
 */
export class OverlayNodes {
  readonly layer: Layer;
  readonly lower: Tree;
  /** The root of what is below: of the version that the machine has mounted, where there are several. */
  private lowerRoot: number;
  private readonly placed = new LRUCache<number, number>({ max: MAX_PLACED, ttl: PLACED_MS });
  private readonly hints = new LRUCache<number, LowerPlace>({ max: MAX_HINTS });

  constructor(layer: Layer, lower: Tree) {
    this.layer = layer;
    this.lower = lower;
    this.lowerRoot = lower.root;
  }

  /** From now on this root of the lower tree is meant. */
  mount(lowerRoot: number): void {
    if (lowerRoot === this.lowerRoot) return;
    this.lowerRoot = lowerRoot;
    this.placed.clear();
  }

  find(id: number): Found | "stale" {
    const record = this.layer.node(id);
    if (id === ROOT) return { id, record, lower: this.lowerRoot };
    if (record) return record.gone ? "stale" : { id, record, lower: record.lower };
    return id > 0 && id < ROOT ? { id, record, lower: id } : "stale";
  }

  /**
   * Asks the lower tree about a node; "no-entry" when it has none, "stale" when it has none any more.
   *
   * What was replaced there has another number under the same name: then that is meant. Of a directory the name counts, since
   * a directory's number may be given to another one; a file is the one that it was as long as that is there.
   */
  ask<T>(node: Found, question: (lower: number) => TreeResult<T>): TreeResult<T> {
    const { lower, record } = node;
    if (lower === undefined) return "no-entry";
    if (!record?.at) return question(lower);
    if (record.kind !== "directory") return this.askAgain(record.at, question(lower), question);
    return this.directoryAt(node.id, record.at).then((at) =>
      at === NOWHERE ? "stale" : question(at),
    );
  }

  /** The overlay's number of a node of the lower tree that was found at `place`. */
  numberOf(lower: number, place: LowerPlace): TreeResult<number> {
    const at = lower < ROOT ? this.layer.node(lower)?.at : undefined;
    if (at && (at.directory !== place.directory || at.name !== place.name)) {
      return this.sameOrOther(lower, at, place);
    }
    const id = this.known(lower);
    if (id === undefined) return this.renumber(lower, place);
    if (id < ROOT && !this.hints.has(id)) this.hints.set(id, place);
    return id;
  }

  /** What is at a place in the lower tree; "no-entry" when there is nothing. The layer's opinion is not asked. */
  async lowerAt(directory: Found, name: string): Promise<number | TreeRefusal> {
    const lower = await this.ask(directory, (at) => this.lower.lookup(at, name));
    if (lower === "io") return lower;
    if (isRefusal(lower)) return "no-entry";
    return this.numberOf(lower, { directory: directory.id, name });
  }

  /** The names of the lower directory; none when there is no such any more. */
  async lowerNames(directory: Found): Promise<readonly string[] | TreeRefusal> {
    const entries = await this.ask(directory, (at) => this.lower.list(at));
    if (!isRefusal(entries)) return entries.map(({ name }) => name);
    return entries === "io" ? entries : [];
  }

  /** The node's attributes in the lower tree. */
  lowerAttributes(node: Found): TreeResult<NodeAttributes> {
    return this.ask(node, (at) => this.lower.attributes(at));
  }

  /**
   * What the layer has to be told before it can change this node: the node, and the directories above it, as they are in the
   * lower tree. Their names are then kept, so that the layer is what it is even when the lower tree changes.
   */
  async pins(id: number): Promise<readonly Pin[] | TreeRefusal> {
    const pins: Pin[] = [];
    for (let at = id, depth = 0; depth < MAX_DEPTH; depth++) {
      const node = this.find(at);
      if (node === "stale") return "stale";
      if (at === ROOT) {
        if (!node.record) pins.push({ id: at, record: ROOT_RECORD });
        return pins;
      }
      const place = node.record ? node.record.at : await this.placeOf(node);
      // Made by the layer, as everything above it was then.
      if (!place && node.record) return pins;
      if (!place) return "stale";
      if (node.record && this.layer.name(place.directory, place.name)) return pins;
      const pin = await this.pinOf(node, place);
      if (isRefusal(pin)) return pin;
      pins.push(pin);
      at = place.directory;
    }
    return "io";
  }

  /** Writes pins that are still missing. */
  static apply(writer: LayerWriter, pins: readonly Pin[]): void {
    for (const { id, record } of pins) {
      if (!writer.node(id)) writer.putNode(id, record);
      const { at } = record;
      if (at && !writer.name(at.directory, at.name)) {
        writer.putName(at.directory, at.name, { id, hides: true });
      }
    }
  }

  /** The overlay's number of the directory above; undefined when it is not known. */
  parent(id: number): number | undefined {
    const node = this.find(id);
    if (node === "stale") return undefined;
    if (id === ROOT) return ROOT;
    if (node.record) return node.record.parent;
    const place = this.hints.peek(id);
    if (place) return place.directory;
    const above = node.lower === undefined ? undefined : this.lower.parent(node.lower);
    if (above === undefined) return undefined;
    return this.known(above);
  }

  /** The number of a lower node, where that needs no record. */
  private known(lower: number): number | undefined {
    // A tree of which there are versions has a root for each.
    if (this.lower.parent(lower) === lower) return ROOT;
    if (lower < ROOT && !this.layer.node(lower)?.gone) return lower;
    const id = this.layer.renumbered(lower);
    return id === undefined || this.layer.node(id)?.gone ? undefined : id;
  }

  /** What has the number of a node of the layer, but another name: a link to it, or what was given its number later. */
  private async sameOrOther(
    lower: number,
    at: LowerPlace,
    place: LowerPlace,
  ): Promise<number | TreeRefusal> {
    const above = this.find(at.directory);
    if (above !== "stale" && this.layer.node(lower)?.kind !== "directory") {
      const there = await this.ask(above, (directory) => this.lower.lookup(directory, at.name));
      if (there === lower && !this.layer.node(lower)?.gone) return lower;
    }
    const id = this.layer.renumbered(lower);
    const isKnown = id !== undefined && this.layer.node(id)?.gone !== true;
    return isKnown ? id : this.renumber(lower, place);
  }

  /** The number that a directory has in the lower tree now. */
  private async directoryAt(id: number, { directory, name }: LowerPlace): Promise<number> {
    const known = this.placed.get(id);
    if (known !== undefined) return known;
    const above = this.find(directory);
    if (above === "stale") return NOWHERE;
    const there = await this.ask(above, (at) => this.lower.lookup(at, name));
    const lower = isRefusal(there) ? NOWHERE : there;
    this.placed.set(id, lower);
    return lower;
  }

  private async renumber(lower: number, at: LowerPlace): Promise<number | TreeRefusal> {
    const attributes = await this.lower.attributes(lower);
    if (isRefusal(attributes)) return attributes;
    const { kind, nlink } = attributes;
    const links = kind === "directory" ? 0 : nlink;
    const record: NodeRecord = { kind, lower, at, nlink: links, parent: at.directory };
    const id = await this.layer.change((writer) => {
      const there = writer.renumbered(lower);
      if (there !== undefined && !writer.node(there)?.gone) return there;
      const fresh = writer.freshId();
      if (fresh === undefined) return "no-space" as const;
      writer.renumber(lower, fresh);
      writer.putNode(fresh, record);
      return fresh;
    });
    return id ?? "stale";
  }

  private async askAgain<T>(
    at: LowerPlace,
    answer: TreeResult<T>,
    question: (lower: number) => TreeResult<T>,
  ): Promise<T | TreeRefusal> {
    const first = await answer;
    if (first !== "stale") return first;
    const above = this.find(at.directory);
    if (above === "stale") return "stale";
    const lower = await this.ask(above, (directory) => this.lower.lookup(directory, at.name));
    return isRefusal(lower) ? "stale" : question(lower);
  }

  private async pinOf(node: Found, at: LowerPlace): Promise<Pin | TreeRefusal> {
    const { id, lower, record } = node;
    if (record) return { id, record };
    const attributes = await this.lowerAttributes(node);
    if (isRefusal(attributes)) return attributes === "no-entry" ? "stale" : attributes;
    const { kind, nlink } = attributes;
    const common = { kind, at, parent: at.directory, ...(lower === undefined ? {} : { lower }) };
    if (kind === "directory") return { id, record: { ...common, nlink: 0 } };
    if (kind !== "symlink") return { id, record: { ...common, nlink } };
    const link = await this.ask(node, (n) => this.lower.readlink(n));
    return isRefusal(link) ? link : { id, record: { ...common, nlink, target: link.target } };
  }

  /** Where a node is that the layer knows nothing of. */
  private async placeOf({ id, lower }: Found): Promise<LowerPlace | undefined> {
    const hint = this.hints.get(id);
    if (hint && this.find(hint.directory) !== "stale") return hint;
    if (lower === undefined) return undefined;
    // A tree learns where a node is when it looks for it.
    if (isRefusal(await this.lower.attributes(lower))) return undefined;
    const above = this.lower.parent(lower);
    if (above === undefined) return undefined;
    const entries = await this.lower.list(above);
    if (isRefusal(entries)) return undefined;
    const entry = entries.find(({ fileid }) => fileid === lower);
    const directory = this.known(above);
    if (!entry || directory === undefined) return undefined;
    return { directory, name: entry.name };
  }
}

const ROOT_RECORD: NodeRecord = { kind: "directory", nlink: 0, parent: ROOT };

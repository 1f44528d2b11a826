import type { LayerTables } from "./layer-store.ts";
import { hex8, LAST_OWN, type LayerRecord, type NameRecord, type NodeRecord } from "./records.ts";

/** A layer within a transaction: what it reads is what was written last. Not to be kept. */
export class LayerWriter {
  changed = false;
  private readonly tables: LayerTables;
  private readonly prefix: string;
  private readonly generation: number;
  private nextId: number;
  private count: number;

  constructor(tables: LayerTables, record: LayerRecord) {
    this.tables = tables;
    this.generation = record.generation;
    this.prefix = hex8(record.generation);
    this.nextId = record.nextId;
    this.count = record.records;
  }

  /** The layer's own record as it is to be kept. */
  get after(): LayerRecord {
    return { generation: this.generation, nextId: this.nextId, records: this.count };
  }

  /** Nodes, names and whiteouts. */
  get records(): number {
    return this.count;
  }

  /** A number that no node had before; undefined: there are none left. */
  freshId(): number | undefined {
    if (this.nextId > LAST_OWN) return undefined;
    this.changed = true;
    return this.nextId++;
  }

  node(id: number): NodeRecord | undefined {
    return this.tables.nodes.get(this.prefix + hex8(id));
  }

  putNode(id: number, record: NodeRecord): void {
    if (!this.node(id)) this.count += 1;
    this.tables.nodes.putSync(this.prefix + hex8(id), record);
    this.changed = true;
  }

  dropNode(id: number): void {
    if (!this.tables.nodes.removeSync(this.prefix + hex8(id))) return;
    this.count -= 1;
    this.changed = true;
  }

  name(directory: number, name: string): NameRecord | undefined {
    return this.tables.names.get(this.prefix + hex8(directory) + name);
  }

  /** What the layer says of all names of a directory. */
  *names(directory: number): Iterable<readonly [string, NameRecord]> {
    const range = { start: this.prefix + hex8(directory), end: this.prefix + hex8(directory + 1) };
    for (const { key, value } of this.tables.names.getRange(range)) yield [key.slice(16), value];
  }

  putName(directory: number, name: string, record: NameRecord): void {
    if (!this.name(directory, name)) this.count += 1;
    this.tables.names.putSync(this.prefix + hex8(directory) + name, record);
    this.changed = true;
  }

  dropName(directory: number, name: string): void {
    if (!this.tables.names.removeSync(this.prefix + hex8(directory) + name)) return;
    this.count -= 1;
    this.changed = true;
  }

  renumbered(lower: number): number | undefined {
    return this.tables.renumbered.get(this.prefix + hex8(lower));
  }

  renumber(lower: number, id: number): void {
    this.tables.renumbered.putSync(this.prefix + hex8(lower), id);
    this.changed = true;
  }
}

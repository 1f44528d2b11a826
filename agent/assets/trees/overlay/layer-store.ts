import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database, Table } from "../../../state/database.ts";
import { LayerWriter } from "./layer-writer.ts";
import { FIRST_OWN, hex8, type LayerRecord, type NameRecord, type NodeRecord } from "./records.ts";

/** Records that one transaction removes at the most: others wait for it. */
const SWEPT_AT_ONCE = 500;
/** Names that are read in one turn of the event loop. */
const NAMES_AT_ONCE = 1_000;
/** Behind every key that begins with a number in hex. */
const BEHIND = "g";

/** The tables of all layers. Keys begin with the layer's generation, so that a layer is one range. */
export interface LayerTables {
  /** By "machine/profile"; of dropped layers by their generation. */
  readonly layers: Table<LayerRecord>;
  readonly nodes: Table<NodeRecord>;
  readonly names: Table<NameRecord>;
  /** Numbers of the lower tree that are another number in the overlay. */
  readonly renumbered: Table<number>;
}

/** A name of a directory with what the layer says of it. */
export interface LayerName {
  readonly directory: number;
  readonly name: string;
  readonly record: NameRecord;
}

/**
 * The records of all layers, in one database that several processes may have open.
 *
 * Whatever is decided is decided within a transaction, of which there is one at a time among all processes; nothing of a
 * layer is kept in memory.
 */
export class LayerStore {
  private readonly database: Database;
  private readonly tables: LayerTables;

  constructor(database: Database) {
    this.database = database;
    this.tables = {
      layers: database.table("overlay.layers"),
      nodes: database.table("overlay.nodes"),
      names: database.table("overlay.names"),
      renumbered: database.table("overlay.renumbered"),
    };
  }

  layer(key: string): LayerRecord | undefined {
    return this.tables.layers.get(key);
  }

  /** All layers that are in use, by key. */
  *all(): Iterable<{ readonly key: string; readonly record: LayerRecord }> {
    for (const { key, value } of this.tables.layers.getRange()) {
      if (!value.dropped) yield { key, record: value };
    }
  }

  node(generation: number, id: number): NodeRecord | undefined {
    return this.tables.nodes.get(hex8(generation) + hex8(id));
  }

  name(generation: number, directory: number, name: string): NameRecord | undefined {
    return this.tables.names.get(hex8(generation) + hex8(directory) + name);
  }

  /**
   * What the layer says of the names of a directory; the event loop has its turn now and then, since there may be very many.
   * Names that are changed meanwhile are there as before or as after.
   */
  async names(generation: number, directory: number): Promise<ReadonlyMap<string, NameRecord>> {
    const all = new Map<string, NameRecord>();
    const prefix = hex8(generation) + hex8(directory);
    const end = hex8(generation) + hex8(directory + 1);
    for (let start = prefix; ; ) {
      const page = [...this.tables.names.getRange({ start, end, limit: NAMES_AT_ONCE })];
      for (const { key, value } of page) all.set(key.slice(prefix.length), value);
      const last = page.at(-1);
      if (page.length < NAMES_AT_ONCE || !last) return all;
      // It is there again in the next page.
      start = last.key;
      await nextTurn();
    }
  }

  /** All names of a layer. */
  *allNames(generation: number): Iterable<LayerName> {
    yield* this.namesFrom(hex8(generation), hex8(generation) + BEHIND);
  }

  renumbered(generation: number, lower: number): number | undefined {
    return this.tables.renumbered.get(hex8(generation) + hex8(lower));
  }

  /** The layer of a key; it is made when it is not there. */
  open(key: string): Promise<LayerRecord> {
    const known = this.layer(key);
    if (known) return Promise.resolve(known);
    return this.database.transaction(() => {
      const { layers } = this.tables;
      const there = layers.get(key);
      if (there) return there;
      const made = { generation: this.freeGeneration(), nextId: FIRST_OWN, records: 0 };
      layers.putSync(key, made);
      return made;
    });
  }

  /** Runs `work` alone among all processes; undefined: the layer was reset meanwhile, and nothing was done. */
  change<T>(
    key: string,
    generation: number,
    work: (writer: LayerWriter) => T,
  ): Promise<T | undefined> {
    return this.database.transaction(() => {
      const record = this.tables.layers.get(key);
      if (record?.generation !== generation) return undefined;
      const writer = new LayerWriter(this.tables, record);
      try {
        return work(writer);
      } finally {
        if (writer.changed) this.tables.layers.putSync(key, writer.after);
      }
    });
  }

  /** Begins a layer anew; what there was of it is to be swept. False: there is no such layer. */
  reset(key: string): Promise<boolean> {
    return this.database.transaction(() => {
      const { layers } = this.tables;
      const record = layers.get(key);
      if (!record) return false;
      const { generation, nextId } = record;
      const fresh = { generation: this.freeGeneration(), nextId, records: 0 };
      layers.putSync(`dropped ${generation} ${key}`, { ...record, dropped: true });
      layers.putSync(key, fresh);
      return true;
    });
  }

  /** Layers that were dropped, of which there may still be records and files. */
  *dropped(): Iterable<{ readonly of: string; readonly generation: number }> {
    for (const { key, value } of this.tables.layers.getRange()) {
      if (!value.dropped) continue;
      yield { of: key.replace(/^dropped \d+ /, ""), generation: value.generation };
    }
  }

  /** Removes the records of a dropped layer; the note that it was dropped goes when its files are gone too. */
  async sweep(of: string, generation: number, removeFiles: () => Promise<void>): Promise<void> {
    const { nodes, names, renumbered, layers } = this.tables;
    const start = hex8(generation);
    for (const table of [nodes, names, renumbered] as readonly Table<unknown>[]) {
      for (;;) {
        const range = { start, end: start + BEHIND, limit: SWEPT_AT_ONCE };
        const keys = [...table.getKeys(range)];
        if (keys.length === 0) break;
        await this.database.transaction(() => {
          for (const key of keys) table.removeSync(key);
        });
      }
    }
    await removeFiles();
    await this.database.transaction(() => layers.removeSync(`dropped ${generation} ${of}`));
  }

  private freeGeneration(): number {
    let last = 0;
    for (const { value } of this.tables.layers.getRange()) last = Math.max(last, value.generation);
    return last + 1;
  }

  private *namesFrom(start: string, end: string): Iterable<LayerName> {
    for (const { key, value } of this.tables.names.getRange({ start, end })) {
      yield {
        directory: Number.parseInt(key.slice(8, 16), 16),
        name: key.slice(16),
        record: value,
      };
    }
  }
}

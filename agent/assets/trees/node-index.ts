import type { Database, Table } from "../../state/database.ts";

/** Nodes with something to write down; then a batch is written. */
const MAX_BATCH = 512;
/** Nodes that wait to be written at most: what comes while the disk is slower than that is not remembered. */
const MAX_UNWRITTEN = 16_384;
/** What is new is written after so long, ms: once for all that a machine looks up while it boots. */
const WRITE_AFTER_MS = 30_000;
/** Nodes remembered, of all trees. */
const MAX_NODES = 200_000;

/**
 * Where the nodes of directories are, by their numbers: a handle that a machine has from before a restart is then found without
 * walking through the directory.
 *
 * It is a help and no promise. What it says is looked at before it is believed, what is not in it is searched for, and what a
 * power cut takes of it was not written yet.
 */
export class NodeIndex {
  private readonly table: Table<string> | undefined;
  private readonly database: Database | undefined;
  private readonly maxNodes: number;
  /** Paths by key; undefined: to be forgotten. */
  private readonly unwritten = new Map<string, string | undefined>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;

  /** Without a database nothing is remembered. */
  constructor(database?: Database, maxNodes: number = MAX_NODES) {
    this.database = database;
    this.table = database?.table<string>("tree.nodes");
    this.maxNodes = maxNodes;
  }

  /** Where a node was when it was seen last, as a path within its tree. */
  path(fsid: number, fileid: number): string | undefined {
    const key = keyOf(fsid, fileid);
    return this.unwritten.has(key) ? this.unwritten.get(key) : this.table?.get(key);
  }

  /** A node was seen there. */
  note(fsid: number, fileid: number, path: string): void {
    if (this.table && this.path(fsid, fileid) !== path) this.change(fsid, fileid, path);
  }

  /** It is not where it was. */
  forget(fsid: number, fileid: number): void {
    if (this.path(fsid, fileid) !== undefined) this.change(fsid, fileid, undefined);
  }

  /** Writes what was not written yet. Rejects with E_STATE. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.writing?.catch(() => undefined);
    while (this.unwritten.size > 0) await this.writeBatch();
  }

  private change(fsid: number, fileid: number, path: string | undefined): void {
    const key = keyOf(fsid, fileid);
    if (this.unwritten.size >= MAX_UNWRITTEN && !this.unwritten.has(key)) return;
    this.unwritten.set(key, path);
    if (this.unwritten.size >= MAX_BATCH) this.write();
    else this.timer ??= setTimeout(() => this.write(), WRITE_AFTER_MS).unref();
  }

  /** Writes all batches, one after the other, so that each holds up the event loop for a moment only. */
  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing) return;
    const all = async (): Promise<void> => {
      while (this.unwritten.size > 0) await this.writeBatch();
    };
    // A full disk keeps it from being remembered, not from being served.
    this.writing = all()
      .catch(() => this.unwritten.clear())
      .finally(() => {
        this.writing = undefined;
      });
  }

  private async writeBatch(): Promise<void> {
    const { table, database, unwritten } = this;
    if (!table || !database) return;
    const batch = [...unwritten].slice(0, MAX_BATCH);
    await database.transaction(() => {
      let room = this.maxNodes - table.getCount();
      for (const [key, path] of batch) {
        if (path === undefined) table.removeSync(key);
        else if (table.doesExist(key) || room-- > 0) table.putSync(key, path);
      }
    });
    for (const [key, path] of batch) if (unwritten.get(key) === path) unwritten.delete(key);
  }
}

function keyOf(fsid: number, fileid: number): string {
  return `${fsid.toString(36)}/${fileid.toString(36)}`;
}

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Database as Lmdb, open, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import { AgentError } from "../errors.ts";
import { databaseFault } from "./database-file.ts";
import { errorCode, isFull, keepOwner, makeFolder, whyNot } from "./folder.ts";
import { ownerAlive, processOwner } from "./owner.ts";

/** The layout of the records: a database of a later one is refused, not guessed at. */
const SCHEMA = 1;
/** Octets of address space to begin with; LMDB grows it when records need more. The file is as long as its records. */
const MAP_LEN = 32 * 1024 * 1024;
const MAX_TABLES = 32;
/** Damaged databases kept aside, for whoever wants to look at them. */
const KEPT_ASIDE = 2;

/** Records of one kind, by name. Reads are at once, from mapped memory; writes belong into `Database.transaction`. */
export type Table<T> = Lmdb<T, string>;

export interface DatabaseOptions {
  /** The folder that holds the database alone. */
  readonly dir: string;
  /** What to do with a damaged one: without this it is an error, with it the file is put aside and an empty one made. */
  readonly replaceDamaged?: boolean;
}

/**
 * One LMDB environment with named tables of CBOR records.
 *
 * Several processes may have it open at once. A transaction either is there as a whole or not at all, also after a power cut.
 */
export class Database {
  readonly dir: string;
  /** Where a damaged database was put when this one was opened. */
  readonly setAside: string | undefined;
  private readonly root: RootDatabase;
  private readonly tables = new Map<string, Table<unknown>>();

  constructor(dir: string, root: RootDatabase, setAside: string | undefined) {
    this.dir = dir;
    this.root = root;
    this.setAside = setAside;
  }

  /** The table of a name; it is made when it is not there. `name` has a prefix of who it belongs to: "cache.blobs". */
  table<T>(name: string): Table<T> {
    let table = this.tables.get(name) as Table<T> | undefined;
    if (!table) {
      table = this.root.openDB<T, string>(name, cbor({}));
      this.tables.set(name, table as Table<unknown>);
    }
    return table;
  }

  /**
   * Runs `change` alone among all processes, and resolves when what it wrote is durable.
   *
   * `change` must not await. LMDB commits what was written before a throw, so everything that can fail is checked
   * before the first write. Rejects with E_STATE when the disk does not take it.
   */
  async transaction<T>(change: () => T): Promise<T> {
    let failed: { readonly error: unknown } | undefined;
    let result: { readonly value: T } | undefined;
    running += 1;
    try {
      await this.root.transaction(() => {
        try {
          result = { value: change() };
        } catch (error) {
          failed = { error };
        }
      });
      await this.durable();
    } catch (cause) {
      throw new AgentError("E_STATE", `${this.dir}: ${whyNot(this.dir, cause)}`, {
        cause,
        ...(isFull(cause) ? { cure: "Free space on the disk that holds the state folder." } : {}),
      });
    } finally {
      running -= 1;
    }
    if (failed) throw failed.error;
    if (!result) throw new Error("transaction did not run");
    return result.value;
  }

  /** Resolves when all that was written so far survives a power cut. */
  async durable(): Promise<void> {
    await this.root.flushed;
  }

  /** Ends when everything is written. */
  async close(): Promise<void> {
    await this.durable();
    await this.root.close();
    closed(path.join(this.dir, "open"));
  }
}

/**
 * Opens the database of a state folder, and makes it when it is not there.
 *
 * Throws E_STATE: no permission (it says who owns what), a damaged file, or one of a later version.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { dir } = options;
  makeFolder(dir, "E_STATE");
  const file = path.join(dir, "data.mdb");
  let setAside: string | undefined;
  const mark = path.join(dir, "open");
  const fault = faultOf(file, cutOff(mark));
  if (fault !== undefined) {
    if (!options.replaceDamaged) throw damaged(file, fault);
    setAside = putAside(file);
  }
  process.off("exit", endAtOnce).on("exit", endAtOnce);
  const root = openRoot(file);
  const database = new Database(dir, root, setAside);
  checkSchema(database, file);
  return database;
}

/** Transactions that are under way, of all databases. */
let running = 0;

/**
 * A process that is told to exit waits for the threads of libuv, and the one that writes for LMDB waits for our callback, which
 * does not come any more: it would hang for ever, with its memory and its locks, and nobody would start another. What a
 * transaction has written is there as a whole or not at all.
 */
function endAtOnce(): void {
  if (running > 0) process.kill(process.pid, "SIGKILL");
}

function openRoot(file: string): RootDatabase {
  try {
    const root = open(
      file,
      cbor({
        noSubdir: true,
        mapSize: MAP_LEN,
        maxDbs: MAX_TABLES,
        // A commit is then durable before anyone is told of it, on every kernel and file system.
        overlappingSync: false,
      }),
    );
    keepOwner(file);
    keepOwner(`${file}-lock`);
    return root;
  } catch (cause) {
    throw new AgentError("E_STATE", `cannot open ${file}: ${whyNot(file, cause)}`, { cause });
  }
}

interface Schema {
  readonly version: number;
}

function checkSchema(database: Database, file: string): void {
  let schema: Schema | undefined;
  const table = database.table<Schema>("state");
  try {
    schema = table.get("schema");
    if (!schema) table.putSync("schema", { version: SCHEMA });
  } catch (cause) {
    throw damaged(file, cause instanceof Error ? cause.message : String(cause));
  }
  if (schema && schema.version !== SCHEMA) {
    throw new AgentError(
      "E_STATE",
      `${file} has records of version ${schema.version}, this program knows version ${SCHEMA}`,
      {
        cure: "Run the version of pilotlight that made it, or move the folder away to begin anew.",
      },
    );
  }
}

/**
 * Whether the process that opened the database last did not close it: it may have died of what is in there. Notes that
 * this process has it open now, unless another one does.
 */
function cutOff(mark: string): boolean {
  let owner: string | undefined;
  try {
    owner = readFileSync(mark, "utf8");
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") {
      throw new AgentError("E_STATE", `cannot read ${mark}: ${whyNot(mark, cause)}`, { cause });
    }
  }
  if (owner !== undefined && ownerAlive(owner)) return false;
  try {
    writeFileSync(mark, processOwner());
    keepOwner(mark);
  } catch (cause) {
    throw new AgentError("E_STATE", `cannot write ${mark}: ${whyNot(mark, cause)}`, { cause });
  }
  return owner !== undefined;
}

/** Takes the note away when it is of this process. */
function closed(mark: string): void {
  try {
    if (readFileSync(mark, "utf8") === processOwner()) rmSync(mark);
  } catch {
    // Without it the next start looks closer, which is all.
  }
}

function faultOf(file: string, deep: boolean): string | undefined {
  try {
    return databaseFault(file, deep);
  } catch (cause) {
    throw new AgentError("E_STATE", `cannot read ${file}: ${whyNot(file, cause)}`, { cause });
  }
}

function damaged(file: string, fault: string): AgentError {
  return new AgentError("E_STATE", `${file} is damaged: ${fault}`, {
    cure: "Move it away: the cache is rebuilt from its blobs, each verified. If it happens again, the disk is failing.",
  });
}

/** Renames a damaged file to the first free of a few names; the last of them is taken over. */
function putAside(file: string): string {
  let aside = "";
  for (let n = 1; n <= KEPT_ASIDE; n++) {
    aside = `${file}.damaged-${n}`;
    if (!existsSync(aside)) break;
  }
  renameSync(file, aside);
  rmSync(`${file}-lock`, { force: true });
  return aside;
}

/** LMDB's typings do not know this encoding; its documentation and code do. */
function cbor(options: RootDatabaseOptions): RootDatabaseOptions {
  return { ...options, encoding: "cbor" } as unknown as RootDatabaseOptions;
}

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { OpenedBundle } from "../bundle/bundle.ts";
import type { BundleRecord } from "../control/messages.ts";
import type { Database, Table } from "../state/database.ts";
import { errorCode, keepOwner, syncFolder } from "../state/folder.ts";

/** Bundles remembered: what an operator can go back to. */
export const MAX_HISTORY = 16;
const HEAD = "head";
const DIGEST_DIGITS = 8;
/** Digits of the largest serial number, 2^53 - 1, so that keys are in its order. */
const SERIAL_DIGITS = 16;

/** A bundle as it is kept. */
export interface StoredBundle extends BundleRecord {
  /** Counts what was applied: the history's order, which serial numbers are not after a rollback. */
  readonly turn: number;
  /** The site file in its unpacked files; absolute path. */
  readonly file: string;
}

/** A bundle is being tried. */
export interface StoredProbation {
  readonly serial: number;
  /** `push`: unless an operator confirms it, it goes; `fetched`: it stays unless something fails. */
  readonly kind: "push" | "fetched";
  readonly lengthMs: number;
  /** How often the agent has begun it; a start of the agent begins it anew. */
  readonly tries: number;
}

/** What an agent has to know at its next start. */
export interface ConfigHead {
  /** The serial number that is served; 0: none. */
  readonly current: number;
  /** What is gone back to; 0: none. Only of use while there is a probation. */
  readonly previous: number;
  /** The highest serial number that was ever accepted. */
  readonly highest: number;
  readonly turn: number;
  readonly probation?: StoredProbation;
}

const NOTHING: ConfigHead = { current: 0, previous: 0, highest: 0, turn: 0 };

/**
 * Bundles on disk: their octets and unpacked files in a folder, what is known of them in the database.
 *
 * Files come first and go last, each change of records is one transaction: whatever a power cut leaves, the records that are
 * there have their files, and files without a record are swept away at the next start.
 */
export class BundleStore {
  private readonly dir: string;
  private readonly database: Database;
  private readonly bundles: Table<StoredBundle>;
  private readonly heads: Table<ConfigHead>;

  /** `dir`: STATE/config. */
  constructor(dir: string, database: Database) {
    this.dir = dir;
    this.database = database;
    this.bundles = database.table<StoredBundle>("config.bundles");
    this.heads = database.table<ConfigHead>("config.state");
  }

  get head(): ConfigHead {
    return this.heads.get(HEAD) ?? NOTHING;
  }

  get(serial: number): StoredBundle | undefined {
    return this.bundles.get(keyOf(serial));
  }

  /** The one applied last first. */
  list(): readonly StoredBundle[] {
    const all = [...this.bundles.getRange()].map(({ value }) => value);
    return all.sort((a, b) => b.turn - a.turn);
  }

  /** The folder that a bundle is unpacked to. */
  folderOf({ bundle: { serial }, digest }: OpenedBundle): string {
    return path.join(this.dir, nameOf(serial, digest));
  }

  /** Writes the octets of a bundle; they are durable when it resolves. */
  async keepOctets({ bundle: { serial }, digest, octets }: OpenedBundle): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o750 });
    keepOwner(this.dir);
    const file = this.octetsFile(serial, digest);
    const handle = await open(`${file}.new`, "w", 0o640);
    try {
      await handle.writeFile(octets);
      await handle.sync();
    } finally {
      await handle.close();
    }
    keepOwner(`${file}.new`);
    await rename(`${file}.new`, file);
    await syncFolder(this.dir);
  }

  /** The octets of a bundle; undefined when the disk does not give them. */
  async octets({ serial, digest }: BundleRecord): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.octetsFile(serial, digest)));
    } catch (error) {
      if (errorCode(error) !== undefined) return undefined;
      throw error;
    }
  }

  octetsFile(serial: number, digest: string): string {
    return path.join(this.dir, `${nameOf(serial, digest)}.bundle`);
  }

  /** Takes away what `keepOctets` and unpacking made of a bundle that is not kept. */
  async discard({ bundle: { serial }, digest }: OpenedBundle): Promise<void> {
    if (this.get(serial)?.digest === digest) return;
    await this.remove(serial, digest);
  }

  /**
   * Writes records and the head together; durable when it resolves. What becomes too old is forgotten, with its files.
   * Rejects with E_STATE, and then nothing has changed.
   */
  async commit(head: ConfigHead, ...records: readonly StoredBundle[]): Promise<void> {
    const gone = await this.database.transaction(() => {
      for (const record of records) this.bundles.putSync(keyOf(record.serial), record);
      this.heads.putSync(HEAD, head);
      const needed = new Set([head.current, head.previous]);
      const old = this.list().filter(({ serial }, i) => i >= MAX_HISTORY && !needed.has(serial));
      for (const { serial } of old) this.bundles.removeSync(keyOf(serial));
      return old;
    });
    for (const { serial, digest } of gone) await this.remove(serial, digest);
  }

  /** Removes files that no record speaks of: what a power cut left. */
  async sweep(): Promise<void> {
    const known = new Set(
      this.list().flatMap(({ serial, digest }) => {
        const name = nameOf(serial, digest);
        return [name, `${name}.bundle`];
      }),
    );
    let names: readonly string[];
    try {
      names = await readdir(this.dir);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    for (const name of names) {
      if (!known.has(name)) await rm(path.join(this.dir, name), { recursive: true, force: true });
    }
  }

  async removeFolder(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
  }

  private async remove(serial: number, digest: string): Promise<void> {
    const name = path.join(this.dir, nameOf(serial, digest));
    await rm(`${name}.bundle`, { force: true });
    await rm(name, { recursive: true, force: true });
  }
}

function nameOf(serial: number, digest: string): string {
  return `${serial}-${digest.slice(0, DIGEST_DIGITS)}`;
}

function keyOf(serial: number): string {
  return String(serial).padStart(SERIAL_DIGITS, "0");
}

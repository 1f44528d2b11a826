import path from "node:path";
import { AgentError } from "../../../errors.ts";
import type { FilePool } from "./file-pool.ts";
import { KeyLocks } from "./key-locks.ts";
import { LayerFiles } from "./layer-files.ts";
import type { LayerStore } from "./layer-store.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { hex8, type LayerRecord, type NameRecord, type NodeRecord } from "./records.ts";
import { Usage } from "./usage.ts";

/** The disk is asked how much is free when the last answer is older, ms. */
const FREE_AGE_MS = 1_000;

/** What a layer is made of. */
export interface LayerParts {
  /** "machine/profile". */
  readonly key: string;
  /** The folder of the layer's generations. */
  readonly dir: string;
  readonly store: LayerStore;
  readonly pool: FilePool;
  /** Octets. */
  readonly quota: number;
}

/** A layer of one generation. */
interface Opened {
  readonly generation: number;
  readonly files: LayerFiles;
  readonly usage: Usage;
  /** Resolves when all is counted. */
  readonly counted: Promise<void>;
}

/**
 * What one machine changed of one root: records in the database, octets in files of its own.
 *
 * A layer that somebody resets, even from another process, begins anew with the next request.
 */
export class Layer {
  readonly key: string;
  /** Changes of one file's octets or attributes take turns. */
  readonly locks: KeyLocks = new KeyLocks();
  private readonly parts: LayerParts;
  private quotaOctets: number;
  private opened: Opened | undefined;
  private readonly working = new Set<Promise<unknown>>();
  private closing = false;
  private freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LayerParts) {
    this.parts = parts;
    this.key = parts.key;
    this.quotaOctets = parts.quota;
  }

  /** Octets. The site may change it while the agent runs. */
  set quota(octets: number) {
    this.quotaOctets = octets;
    if (this.opened) this.opened.usage.quota = octets;
  }

  get quota(): number {
    return this.quotaOctets;
  }

  get isOpen(): boolean {
    return this.current() !== undefined;
  }

  /** Makes the layer where there is none. Rejects with E_STATE. */
  async open(): Promise<void> {
    const { store, key } = this.parts;
    if (this.closing) throw new AgentError("E_STATE", `the overlay ${key} is closed`);
    this.begin(await store.open(key));
  }

  /** Resolves when it is known how much the layer uses. */
  async ready(): Promise<void> {
    if (!this.isOpen) await this.open();
    await this.now.counted;
  }

  /** Does a change once it is known how much the layer uses; `close` waits for it. Rejects with E_STATE. */
  async work<T>(change: () => Promise<T>): Promise<T> {
    if (this.closing) throw new AgentError("E_STATE", `the overlay ${this.key} is closed`);
    const work = this.ready().then(change);
    this.working.add(work);
    try {
      return await work;
    } finally {
      this.working.delete(work);
    }
  }

  get generation(): number {
    return this.now.generation;
  }

  get files(): LayerFiles {
    return this.now.files;
  }

  get usage(): Usage {
    return this.now.usage;
  }

  /** Nodes, names and whiteouts. */
  get records(): number {
    return this.parts.store.layer(this.key)?.records ?? 0;
  }

  node(id: number): NodeRecord | undefined {
    return this.parts.store.node(this.generation, id);
  }

  name(directory: number, name: string): NameRecord | undefined {
    return this.parts.store.name(this.generation, directory, name);
  }

  /** What the layer says of the names of a directory. */
  names(directory: number): Promise<ReadonlyMap<string, NameRecord>> {
    return this.parts.store.names(this.generation, directory);
  }

  renumbered(lower: number): number | undefined {
    return this.parts.store.renumbered(this.generation, lower);
  }

  /** Runs `work` alone; undefined: the layer was reset meanwhile. Rejects with E_STATE. */
  change<T>(work: (writer: LayerWriter) => T): Promise<T | undefined> {
    return this.parts.store.change(this.key, this.generation, work);
  }

  /** Asks the disk how much is free, now and then. */
  look(): void {
    const nowMs = performance.now();
    if (nowMs - this.freeAtMs < FREE_AGE_MS) return;
    this.freeAtMs = nowMs;
    const { files, usage } = this.now;
    files.hostFree().then(
      (octets) => {
        usage.hostFree = octets;
      },
      () => {
        usage.hostFree = 0;
      },
    );
  }

  async close(): Promise<void> {
    this.closing = true;
    await Promise.allSettled(this.working);
    const opened = this.opened;
    this.opened = undefined;
    if (!opened) return;
    await opened.counted.catch(() => undefined);
    await opened.files.close();
  }

  private get now(): Opened {
    const opened = this.current();
    if (!opened) throw new Error(`${this.key}: the layer is not open`);
    return opened;
  }

  /** What is open, unless it was never opened. */
  private current(): Opened | undefined {
    const { opened, parts } = this;
    const record = opened && parts.store.layer(this.key);
    if (!record) return undefined;
    return record.generation === opened.generation ? opened : this.begin(record);
  }

  private begin({ generation }: LayerRecord): Opened {
    if (this.opened?.generation === generation) return this.opened;
    const { store, pool, dir } = this.parts;
    const usage = new Usage(this.quotaOctets);
    const files = new LayerFiles(path.join(dir, hex8(generation)), pool, (n) => usage.grown(n));
    const counted = files.scan((id) => store.node(generation, id)?.data === true);
    // Whoever waits for it is told.
    counted.catch(() => undefined);
    const opened = { generation, files, usage, counted };
    this.opened = opened;
    this.look();
    return opened;
  }
}

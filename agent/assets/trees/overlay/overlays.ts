import { rm } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../../../errors.ts";
import { type Database, openDatabase } from "../../../state/database.ts";
import type { ChunkCache } from "../../chunk-cache.ts";
import type { Tree } from "../tree.ts";
import { FilePool } from "./file-pool.ts";
import { Layer } from "./layer.ts";
import { LayerStore } from "./layer-store.ts";
import { OverlayTree } from "./overlay-tree.ts";
import { hex8 } from "./records.ts";

/** Whose layer is meant. */
export interface LayerOwner {
  readonly machine: string;
  readonly profile: string;
}

/**
 * All layers below a state folder: `overlays/db` has the records, `overlays/<machine>/<profile>` the octets.
 *
 * The database is one of its own: a damaged cache is fetched again, what machines wrote is not to be had anywhere else.
 */
export class Overlays {
  readonly store: LayerStore;
  private readonly dir: string;
  private readonly database: Database;
  private readonly pool = new FilePool();
  private readonly layers = new Map<string, Layer>();
  private sweeping: Promise<void> | undefined;

  private constructor(dir: string, database: Database) {
    this.dir = dir;
    this.database = database;
    this.store = new LayerStore(database);
  }

  /** Throws E_STATE. */
  static open(stateDir: string): Overlays {
    const dir = path.join(stateDir, "overlays");
    try {
      return new Overlays(dir, openDatabase({ dir: path.join(dir, "db") }));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const { code, message, cause } = error;
      const cure = `Put ${dir} back from a backup, or move it away: machines then have the roots as they are shared.`;
      throw new AgentError(code, message, { cause, cure });
    }
  }

  /** A machine's layer above `lower`. The same layer is above another lower tree once the site has changed. */
  tree(owner: LayerOwner, quota: number, lower: Tree, chunks: ChunkCache): OverlayTree {
    return new OverlayTree(this.layer(owner, quota), lower, chunks);
  }

  layer(owner: LayerOwner, quota: number): Layer {
    const key = keyOf(owner);
    const known = this.layers.get(key);
    if (known) {
      known.quota = quota;
      return known;
    }
    const { store, pool } = this;
    const layer = new Layer({ key, dir: this.folderOf(key), store, pool, quota });
    this.layers.set(key, layer);
    return layer;
  }

  /** The folder of the octets of a layer's generation. */
  filesOf(key: string, generation: number): string {
    return path.join(this.folderOf(key), hex8(generation));
  }

  /** Removes what is left of layers that were dropped. Several at once do the same work. */
  sweep(): Promise<void> {
    this.sweeping ??= this.sweepAll().finally(() => {
      this.sweeping = undefined;
    });
    return this.sweeping;
  }

  async close(): Promise<void> {
    await this.sweeping?.catch(() => undefined);
    for (const layer of this.layers.values()) await layer.close();
    await this.pool.close();
    await this.database.close();
  }

  private async sweepAll(): Promise<void> {
    for (const { of, generation } of [...this.store.dropped()]) {
      await this.store.sweep(of, generation, () =>
        rm(this.filesOf(of, generation), { recursive: true, force: true }),
      );
    }
  }

  private folderOf(key: string): string {
    return path.join(this.dir, ...key.split("/"));
  }
}

/** Names of machines and profiles may have any character: what a path would take for something else is escaped. */
export function keyOf({ machine, profile }: LayerOwner): string {
  return `${escaped(machine)}/${escaped(profile)}`;
}

/** What `keyOf` made a key of. */
export function ownerOf(key: string): LayerOwner {
  const [machine = "", profile = ""] = key.split("/").map(decodeURIComponent);
  return { machine, profile };
}

function escaped(name: string): string {
  const text = encodeURIComponent(name).replaceAll(".", "%2E");
  // A machine called "db" would lie where the database is.
  return text === "db" ? "%64b" : text;
}

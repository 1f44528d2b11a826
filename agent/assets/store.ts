import { AgentError } from "../errors.ts";
import type { AssetSpec } from "../site/site.ts";
import { Asset } from "./asset.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import { FixedSlot } from "./fixed-slot.ts";
import type { Assets, Slot } from "./slot.ts";

/** Verified content, or why there is none. */
export type AssetState = Asset | AgentError;

/**
 * The site's assets where they are files of this host, each verified in its place from end to end before it can be served.
 *
 * Nothing is fetched and nothing changes: what `check`, `replay` and tests work with.
 */
export class AssetStore implements Assets {
  private readonly states: ReadonlyMap<string, AssetState>;
  private readonly slots: ReadonlyMap<string, Slot>;
  readonly chunks: ChunkCache;

  private constructor(states: ReadonlyMap<string, AssetState>, chunks: ChunkCache) {
    this.states = states;
    this.slots = new Map([...states].map(([name, state]) => [name, new FixedSlot(name, state)]));
    this.chunks = chunks;
  }

  /**
   * Verifies all assets, one after the other (the disk of a small board gains nothing from more).
   *
   * An asset that cannot be had does not keep the others from being served: `problems` tells which and why.
   */
  static async open(specs: Iterable<AssetSpec>, cache: ChunkCache): Promise<AssetStore> {
    const states = new Map<string, AssetState>();
    for (const spec of specs) {
      try {
        states.set(spec.name, await Asset.verify(spec, cache));
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        states.set(spec.name, error);
      }
    }
    return new AssetStore(states, cache);
  }

  /** The state of an asset that the site names. */
  get(spec: AssetSpec): AssetState {
    const state = this.states.get(spec.name);
    if (!state) throw new Error(`asset "${spec.name}" is not of this site`);
    return state;
  }

  /** The place of an asset that the site names. */
  slot(spec: AssetSpec): Slot {
    const slot = this.slots.get(spec.name);
    if (!slot) throw new Error(`asset "${spec.name}" is not of this site`);
    return slot;
  }

  /** What could not be had. */
  problems(): readonly AgentError[] {
    return [...this.states.values()].filter((s) => s instanceof AgentError);
  }
}

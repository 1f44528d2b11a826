import type { AssetSpec } from "../../site/site.ts";
import type { ChunkCache } from "../chunk-cache.ts";
import type { Assets, Slot } from "../slot.ts";
import type { KeptAsset } from "./kept-asset.ts";

/** The assets of a site that is about to be served: those that the one before has too, and new ones. */
export class AssetDraft implements Assets {
  readonly chunks: ChunkCache;
  /** By name; what was asked for so far. */
  readonly assets: Map<string, KeptAsset> = new Map();
  private readonly make: (spec: AssetSpec) => KeptAsset;

  /** `make`: the asset of this description, which the site before may have already. */
  constructor(chunks: ChunkCache, make: (spec: AssetSpec) => KeptAsset) {
    this.chunks = chunks;
    this.make = make;
  }

  slot(spec: AssetSpec): Slot {
    const known = this.assets.get(spec.name);
    if (known) return known;
    const asset = this.make(spec);
    this.assets.set(spec.name, asset);
    return asset;
  }
}

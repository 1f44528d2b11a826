import { Names } from "./names.ts";
import type { Path } from "./problems.ts";
import { type ChecksumsContext, resolveChecksums } from "./resolve-checksums.ts";
import { resolveSources } from "./resolve-sources.ts";
import type { RawChain } from "./schema.ts";
import type { RawAsset } from "./schema-assets.ts";
import type { AssetSpec, Chain } from "./site.ts";

/** What assets are resolved against. */
export interface AssetContext extends ChecksumsContext {
  /** The section as it stands in the file, wrong entries included. */
  readonly declared: unknown;
  /** How often stores are asked unless an asset says otherwise, ms; 0: never. */
  readonly refreshMs: number;
}

/** Asset names of a chain, replaced by the assets. */
export function resolveChain(raw: RawChain, assets: Names<AssetSpec>, at: Path): Chain {
  const chain = new Map<keyof RawChain, AssetSpec>();
  for (const [family, name] of Object.entries(raw) as [keyof RawChain, string][]) {
    const asset = assets.find(name, [...at, family]);
    if (asset !== undefined) chain.set(family, asset);
  }
  return chain;
}

/** The assets that are right. Whether a store has them is for the asset store to say. */
export function resolveAssets(
  raw: Readonly<Record<string, RawAsset>>,
  context: AssetContext,
): Names<AssetSpec> {
  const assets = new Names<AssetSpec>("asset", "assets", context.declared, context.problems);
  for (const [name, asset] of Object.entries(raw)) {
    const spec = resolveAsset(name, asset, context);
    if (spec !== undefined) assets.add(name, spec);
  }
  return assets;
}

function resolveAsset(name: string, raw: RawAsset, context: AssetContext): AssetSpec | undefined {
  const { problems } = context;
  const at = ["assets", name];
  const { sha256, extract, decompress } = raw;
  if (sha256 !== undefined && raw.checksums !== undefined) {
    const message = `asset "${name}" has both sha256 and checksums`;
    const cure = "keep sha256 for these very octets, or checksums for whatever the list names";
    problems.add([...at, "checksums"], message, cure, "key");
  }
  if (sha256 !== undefined && raw.pin !== undefined) {
    const message = `"pin" in asset "${name}" is of no use beside "sha256"`;
    const cure = "remove one: sha256 pins the octets already, and pin says what to do without it";
    problems.add([...at, "pin"], message, cure, "key");
  }
  const sources = resolveSources(name, raw, context);
  const checksums = raw.checksums && resolveChecksums(name, raw.checksums, sources[0], context);
  if (sources.length === 0) return undefined;
  const local = sources.every(({ kind }) => kind === "file" || kind === "folder");
  return Object.freeze({
    name,
    sources: Object.freeze(sources),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(checksums === undefined ? {} : { checksums }),
    pin: raw.pin ?? "first",
    treatment: Object.freeze({
      ...(extract === undefined ? {} : { extract }),
      ...(decompress === undefined ? {} : { decompress }),
    }),
    // What lies on this host is watched and needs no asking.
    refreshMs: raw.refresh ?? (local ? 0 : context.refreshMs),
  });
}

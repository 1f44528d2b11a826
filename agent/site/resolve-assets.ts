import path from "node:path";
import { Names } from "./names.ts";
import type { Path, Problems } from "./problems.ts";
import type { RawAsset, RawChain } from "./schema.ts";
import type { AssetSpec, Chain } from "./site.ts";

/** Asset names of a chain, replaced by the assets. */
export function resolveChain(raw: RawChain, assets: Names<AssetSpec>, at: Path): Chain {
  const chain = new Map<keyof RawChain, AssetSpec>();
  for (const [family, name] of Object.entries(raw) as [keyof RawChain, string][]) {
    const asset = assets.find(name, [...at, family]);
    if (asset !== undefined) chain.set(family, asset);
  }
  return chain;
}

/** The assets with their paths made absolute. Whether a file is there is for the asset store to say. */
export function resolveAssets(
  raw: Readonly<Record<string, RawAsset>>,
  dir: string,
  declared: unknown,
  problems: Problems,
): Names<AssetSpec> {
  const assets = new Names<AssetSpec>("asset", "assets", declared, problems);
  for (const [name, { file, sha256 }] of Object.entries(raw)) {
    if (file === undefined) {
      const cure = "say where it is: file: PATH, relative to the site file";
      problems.addMissing(["assets", name], "file", `asset "${name}" has no file`, cure);
      continue;
    }
    const spec: AssetSpec = {
      name,
      sources: [{ kind: "file", file: path.resolve(dir, file) }],
      ...(sha256 ? { sha256 } : {}),
      pin: "first",
      treatment: {},
      refreshMs: 0,
    };
    assets.add(name, Object.freeze(spec));
  }
  return assets;
}

import type { AssetSpec } from "../../agent/site/site.ts";

/** An asset as the site gives it in its simplest form: a file of this host. */
export function fileAsset(name: string, file: string, sha256?: string): AssetSpec {
  return {
    name,
    sources: [{ kind: "file", file }],
    ...(sha256 ? { sha256 } : {}),
    pin: "first",
    treatment: {},
    refreshMs: 0,
  };
}

import type { ObjectVersion, Source } from "../stores/source.ts";
import type { KeptAsset } from "./kept-asset.ts";
import { sameObject } from "./same-object.ts";
import type { Got } from "./version-record.ts";

/** What a store has. `same`: as far as can be told, what was asked about. */
export interface Answer {
  readonly source: Source;
  readonly version: ObjectVersion;
  readonly same: boolean;
}

/** What that means for an asset: its newest version, one that it was refused, or something else. */
export type Verdict = "same" | "refused" | "changed";

/** What a store's answer means for one asset. */
export function judge(asset: KeptAsset, { source, version, same }: Answer, known: Got): Verdict {
  const { newest } = asset;
  if (same && newest?.sourceDigest === known.sourceDigest) return "same";
  if (newest?.sourceId === source.id && sameObject(version, newest.object)) return "same";
  const refused = asset.record?.refused;
  if (!refused?.object || refused.sourceId !== source.id) return "changed";
  // What is refused no longer, because the site or the list has changed, is fetched after all.
  const still = asset.refusal(refused.sourceDigest) !== undefined;
  return still && sameObject(version, refused.object) ? "refused" : "changed";
}

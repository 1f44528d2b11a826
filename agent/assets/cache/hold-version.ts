import { AgentError } from "../../errors.ts";
import type { Cache } from "./cache.ts";
import { recordOf, servedVersion, shortDigest, versionBy } from "./named-version.ts";
import type { AssetRecord, VersionRecord } from "./records.ts";

/** Which version of an asset is meant. */
export type ChooseVersion = (record: AssetRecord) => VersionRecord;

/** A version that is held now, and how the record was before. */
export interface HeldVersion {
  readonly version: VersionRecord;
  readonly before: AssetRecord;
}

/** What `cache pin` holds: the version whose digest begins so; the one that is served where none is named. */
export function toPin(cache: Pick<Cache, "blob">, digest: string | undefined): ChooseVersion {
  return (record) => {
    if (digest !== undefined) return versionBy(record, digest);
    const served = servedVersion(record);
    if (served && cache.blob(served.digest)) return served;
    throw new AgentError("E_ASSET_PENDING", `no version of "${record.name}" is in the cache`);
  };
}

/** What `cache rollback` goes back to: the version whose digest begins so; the good one before where none is named. */
export function toGoBackTo(cache: Pick<Cache, "blob">, digest: string | undefined): ChooseVersion {
  return (record) => {
    if (digest !== undefined) return versionBy(record, digest);
    const before = versionBefore(cache, record);
    if (before) return before;
    const { name } = record;
    throw new AgentError("E_USAGE", `"${name}" has no version before the one that is served`, {
      cure: `\`pilotlight cache ls ${name}\` shows the versions that are kept; \`cache.versions\` in the site says how many.`,
    });
  };
}

/** The newest version older than the one that is served, made in the same way, whose octets are there. */
function versionBefore(cache: Pick<Cache, "blob">, record: AssetRecord): VersionRecord | undefined {
  const served = servedVersion(record);
  const from = record.versions.findIndex(({ digest }) => digest === served?.digest);
  return record.versions
    .slice(from + 1)
    .find((v) => v.treatment === served?.treatment && cache.blob(v.digest) !== undefined);
}

/** Holds a version: it is served until it is released, whatever the store has. Rejects with what `choose` throws. */
export async function holdVersion(
  cache: Pick<Cache, "asset" | "assets" | "blob" | "update">,
  name: string,
  choose: ChooseVersion,
): Promise<HeldVersion> {
  const before = recordOf(cache, name);
  const version = choose(before);
  const { digest } = version;
  if (cache.blob(digest) === undefined) {
    throw new AgentError(
      "E_ASSET_DAMAGED",
      `the octets of ${shortDigest(digest)} are not in the cache any more`,
      { cure: `\`pilotlight cache ls ${name}\` shows which versions have theirs.` },
    );
  }
  await cache.update(name, (was) => was && { ...was, held: digest, current: digest });
  return { version, before };
}

/** The record with the pin, and what is served, as they were in another one. */
export function withPinOf(
  record: AssetRecord,
  as: { readonly held?: string | undefined; readonly current?: string | undefined },
): AssetRecord {
  const { held: _, current: __, ...rest } = record;
  return {
    ...rest,
    ...(as.held === undefined ? {} : { held: as.held }),
    ...(as.current === undefined ? {} : { current: as.current }),
  };
}

/** Why an agent does not serve a version that is held. */
export function siteIsAbovePin(name: string, { digest }: VersionRecord): AgentError {
  return new AgentError(
    "E_USAGE",
    `the agent does not serve ${shortDigest(digest)} as "${name}": the site itself says which digest it has, or how it is unpacked, and that is above a pin`,
    { cure: "Change `sha256` of the asset in the site; nothing was changed here." },
  );
}

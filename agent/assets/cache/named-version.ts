import { AgentError } from "../../errors.ts";
import { suggest } from "../../site/suggest.ts";
import type { Cache } from "./cache.ts";
import type { AssetRecord, VersionRecord } from "./records.ts";

/** Digits by which people name a digest, at least. */
const LEAST_DIGITS = 4;

/** The record of an asset. Throws E_USAGE, which says which name may be meant. */
export function recordOf(cache: Pick<Cache, "asset" | "assets">, name: string): AssetRecord {
  const record = cache.asset(name);
  if (record) return record;
  throw unknownAsset(
    name,
    [...cache.assets()].map((a) => a.name),
  );
}

/** The error about an asset that is not there. */
export function unknownAsset(name: string, names: readonly string[]): AgentError {
  const near = suggest(name, names);
  return new AgentError("E_USAGE", `the cache has no asset "${name}"`, {
    cure:
      near === undefined
        ? "`pilotlight cache ls` shows their names."
        : `Did you mean "${near}"? \`pilotlight cache ls\` shows their names.`,
  });
}

/** The records of these names; of all assets where none is named. */
export function recordsOf(cache: Cache, names: readonly string[]): readonly AssetRecord[] {
  if (names.length === 0) return [...cache.assets()];
  return [...new Set(names)].map((name) => recordOf(cache, name));
}

/** The one version whose digest begins so. Throws E_USAGE when there is none, or more than one. */
export function versionBy(record: AssetRecord, prefix: string): VersionRecord {
  const wanted = prefix.toLowerCase().replace(/^sha256[:-]/, "");
  if (!/^[0-9a-f]+$/.test(wanted) || wanted.length < LEAST_DIGITS) {
    throw new AgentError("E_USAGE", `"${prefix}" is not the beginning of a digest`, {
      cure: `Give at least ${LEAST_DIGITS} hex digits, as \`pilotlight cache ls ${record.name}\` shows them.`,
    });
  }
  const { versions } = record;
  const found = versions.filter(({ digest }) => digest.startsWith(wanted));
  const [first] = found;
  if (first && found.every(({ digest }) => digest === first.digest)) return first;
  // People also have the digest of what the store gave at hand.
  const bySource = versions.filter((v) => v.sourceDigest.startsWith(wanted));
  const [only] = bySource;
  if (only && bySource.length === 1 && found.length === 0) return only;
  const have = versions.map(({ digest }) => shortDigest(digest)).join(", ");
  const message =
    found.length > 1
      ? `several versions of "${record.name}" begin with ${wanted}`
      : `"${record.name}" has no version that begins with ${wanted}`;
  throw new AgentError("E_USAGE", message, { cure: `There are: ${have || "none"}.` });
}

/** The first twelve digits. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}

/** The version that is served as far as the records tell: the held one, the current one, else the newest. */
export function servedVersion(record: AssetRecord): VersionRecord | undefined {
  const { versions, held, current } = record;
  return (
    versions.find(({ digest }) => digest === held) ??
    versions.find(({ digest }) => digest === current) ??
    versions[0]
  );
}

import { posix } from "node:path";
import type { AssetSpec } from "../../site/site.ts";
import type { AssetRecord, VersionRecord } from "../cache/records.ts";
import type { ObjectVersion } from "../stores/source.ts";
import { type Treatment, treatmentKey } from "../treatment/treatment.ts";
import type { Unpacked } from "./unpack.ts";

/** What a store gave, as a blob of the cache. */
export interface Got {
  readonly sourceDigest: string;
  readonly size: number;
  /** `Source.id` of where it came from. */
  readonly sourceId: string;
  readonly object: ObjectVersion;
}

/** The record of a version that was just made. `wallMs`: milliseconds since 1970. */
export function versionOf(
  spec: AssetSpec,
  got: Got,
  made: Unpacked,
  wallMs: number,
  before: AssetRecord | undefined,
): VersionRecord {
  const { object } = got;
  const fileName = servedName(object.fileName, spec.treatment);
  // The same octets keep their date: clients take another one for another file.
  const same = before?.versions.find((v) => v.digest === made.digest);
  return {
    digest: made.digest,
    size: made.size,
    sourceDigest: got.sourceDigest,
    sourceId: got.sourceId,
    treatment: treatmentKey(spec.treatment),
    object,
    ...(fileName === undefined ? {} : { fileName }),
    mtimeMs: same?.mtimeMs ?? Math.floor(dateOf(object, wallMs) / 1000) * 1000,
    fetchedMs: wallMs,
  };
}

function dateOf({ lastModified, mtimeMs }: ObjectVersion, wallMs: number): number {
  const said = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
  if (said >= 0) return said;
  return mtimeMs !== undefined && mtimeMs >= 0 ? mtimeMs : wallMs;
}

const SUFFIXES: Readonly<Record<NonNullable<Treatment["decompress"]>, RegExp>> = {
  gzip: /\.gz$/i,
  xz: /\.xz$/i,
  zstd: /\.zst$/i,
  bzip2: /\.bz2$/i,
};

/** The name of what is served: "vmlinuz" of "boot/vmlinuz.gz" in an archive. */
function servedName(fileName: string | undefined, t: Treatment): string | undefined {
  const name = t.extract === undefined ? fileName : posix.basename(t.extract);
  return t.decompress === undefined ? name : name?.replace(SUFFIXES[t.decompress], "");
}

/**
 * A record with one more version, newest first.
 *
 * `limit` versions are kept; the one that is served, the one that the operator pinned and the one that `pin: first`
 * demands are never among those that go.
 */
export function withVersion(
  spec: AssetSpec,
  before: AssetRecord | undefined,
  version: VersionRecord,
  limit: number,
): AssetRecord {
  const old: AssetRecord = before ?? { name: spec.name, versions: [] };
  const { refused, ...rest } = old;
  const first =
    spec.pin === "first" && spec.sha256 === undefined && !spec.checksums
      ? (old.firstSourceDigest ?? version.sourceDigest)
      : version.sourceDigest;
  const others = old.versions.filter(
    (v) => v.digest !== version.digest || v.treatment !== version.treatment,
  );
  const bound = (v: VersionRecord): boolean =>
    v.digest === old.current || v.digest === old.held || v.sourceDigest === first;
  let free = Math.max(0, limit - 1 - others.filter(bound).length);
  const kept = others.filter((v) => {
    if (bound(v)) return true;
    free -= 1;
    return free >= 0;
  });
  // What was refused is forgotten when its store has something good again.
  const overcome =
    refused?.sourceId === version.sourceId || refused?.sourceDigest === version.sourceDigest;
  return {
    ...rest,
    ...(refused && !overcome ? { refused } : {}),
    versions: [version, ...kept],
    firstSourceDigest: first,
    checkedMs: version.fetchedMs,
  };
}

import type { AssetSpec } from "../../site/site.ts";
import type { AssetRecord, VersionRecord } from "../cache/records.ts";
import { treatmentKey } from "../treatment/treatment.ts";

/** What the choice depends on. */
export interface Choice {
  readonly spec: AssetSpec;
  readonly record: AssetRecord;
  /** What the published list says now; undefined while that is not known. */
  readonly published: string | undefined;
  /** Whether the octets of a version are there. */
  readonly usable: (version: VersionRecord) => boolean;
}

/**
 * The version that is to be served, undefined when none may be.
 *
 * The site's own `sha256` is above everything, the operator's pin above what stores and lists say. With a published
 * list the version that it names is served; as long as that one is not here, the one that was served before, which the
 * list named in its time.
 */
export function chooseVersion(c: Choice): VersionRecord | undefined {
  const { spec, record } = c;
  const key = treatmentKey(spec.treatment);
  const versions = record.versions.filter((v) => v.treatment === key && c.usable(v));
  if (spec.sha256 !== undefined) return versions.find((v) => v.sourceDigest === spec.sha256);
  const held = versions.find((v) => v.digest === record.held);
  if (held) return held;
  if (spec.checksums) {
    return (
      versions.find((v) => v.sourceDigest === c.published) ??
      versions.find((v) => v.digest === record.current) ??
      versions[0]
    );
  }
  if (spec.pin === "first" && record.firstSourceDigest !== undefined) {
    return versions.find((v) => v.sourceDigest === record.firstSourceDigest);
  }
  return versions[0];
}

/** Why octets with this digest may not be served as this asset; undefined when they may. */
export function refusal(
  spec: AssetSpec,
  record: AssetRecord | undefined,
  published: string | undefined,
  sourceDigest: string,
): string | undefined {
  if (spec.sha256 !== undefined) {
    return sourceDigest === spec.sha256 ? undefined : `the site pins ${spec.sha256}`;
  }
  if (spec.checksums) {
    if (sourceDigest === published) return undefined;
    if (published !== undefined) return `the published list says ${published}`;
    // Without the list, only what the list named in its time comes back.
    const known = record?.versions.some((v) => v.sourceDigest === sourceDigest);
    return known ? undefined : "the published list could not be had";
  }
  const first = record?.firstSourceDigest;
  if (spec.pin === "first" && first !== undefined && first !== sourceDigest) {
    return `it was ${first} when it was first fetched, and the site lets no other take its place (pin: first)`;
  }
  return undefined;
}

/** The digest that octets from a store must have for this asset, where one is known beforehand. */
export function demandedDigest(
  spec: AssetSpec,
  record: AssetRecord | undefined,
  published: string | undefined,
): string | undefined {
  if (spec.sha256 !== undefined) return spec.sha256;
  if (spec.checksums) return published;
  return spec.pin === "first" ? record?.firstSourceDigest : undefined;
}

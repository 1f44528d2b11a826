import type { ObjectVersion } from "../stores/source.ts";

/**
 * Whether two answers of one store speak of the same octets, as far as they tell; undefined when they do not.
 *
 * A digest tells most, then the ETag, then date and length together; a length alone tells only that they differ.
 */
export function sameObject(a: ObjectVersion, b: ObjectVersion): boolean | undefined {
  if (a.sha256 !== undefined && b.sha256 !== undefined) return a.sha256 === b.sha256;
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) return false;
  if (a.etag !== undefined && b.etag !== undefined) return a.etag === b.etag;
  if (a.lastModified !== undefined && b.lastModified !== undefined) {
    if (a.lastModified !== b.lastModified) return false;
    return a.size !== undefined && b.size !== undefined ? true : undefined;
  }
  if (a.mtimeMs !== undefined && b.mtimeMs !== undefined) {
    if (a.mtimeMs !== b.mtimeMs) return false;
    return a.size !== undefined && b.size !== undefined ? true : undefined;
  }
  return undefined;
}

/** Whether a store said anything of a version that tells it from others. */
export function hasValidators(v: ObjectVersion): boolean {
  return (v.sha256 ?? v.etag ?? v.lastModified ?? v.mtimeMs) !== undefined;
}

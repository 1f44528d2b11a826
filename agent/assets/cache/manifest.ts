import { createHash } from "node:crypto";
import { EMPTY, EMPTY_DIGEST } from "./layout.ts";
import type { VersionRecord } from "./records.ts";

/** OCI image specification: the media type of a manifest. */
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
const FILE_TYPE = "application/octet-stream";
const TITLE = "org.opencontainers.image.title";
/** On the layer: the version's record, so that the records can be made again from the layout. */
const VERSION = "io.pilotlight.version";
/** Digits of a digest in the reference of an older version. */
const SHORT = 12;

/** The reference of the version that is served: the asset's name. Of others: `NAME@sha256-` and twelve digits. */
export function reference(name: string, digest: string, current: boolean): string {
  return current ? name : `${name}@sha256-${digest.slice(0, SHORT)}`;
}

/**
 * The OCI manifest of a version: an artifact of one layer with the file's title.
 *
 * The same octets for the same version.
 */
export function emitManifest(name: string, version: VersionRecord): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: EMPTY_TYPE, digest: `sha256:${EMPTY_DIGEST}`, size: EMPTY.length },
    layers: [
      {
        mediaType: FILE_TYPE,
        digest: `sha256:${version.digest}`,
        size: version.size,
        annotations: {
          [TITLE]: version.fileName ?? name,
          [VERSION]: JSON.stringify(version),
        },
      },
    ],
  });
}

/** The version that one of our manifests is of; undefined when it is not one of ours. */
export function parseManifest(text: string): VersionRecord | undefined {
  const layer = items(member(json(text), "layers"))[0];
  const record = json(textOf(member(member(layer, "annotations"), VERSION)));
  if (typeof record !== "object" || record === null) return undefined;
  const version = record as Partial<VersionRecord>;
  const whole =
    isDigest(version.digest) &&
    isDigest(version.sourceDigest) &&
    typeof version.size === "number" &&
    typeof version.sourceId === "string" &&
    typeof version.treatment === "string" &&
    typeof version.object === "object" &&
    typeof version.mtimeMs === "number" &&
    typeof version.fetchedMs === "number";
  return whole && digestOf(member(layer, "digest")) === version.digest
    ? (version as VersionRecord)
    : undefined;
}

/** What a manifest or an index refers to, whoever made it, by digest. */
export function referred(text: string): { readonly files: string[]; readonly manifests: string[] } {
  const manifest = json(text);
  const files = [member(manifest, "config"), ...items(member(manifest, "layers"))];
  const manifests = [member(manifest, "subject"), ...items(member(manifest, "manifests"))];
  return { files: digestsOf(files), manifests: digestsOf(manifests) };
}

/** The hex digits of a `sha256:` digest as OCI writes it; undefined for anything else. */
export function digestOf(value: unknown): string | undefined {
  if (typeof value !== "string" || !value.startsWith("sha256:")) return undefined;
  const hex = value.slice("sha256:".length);
  return isDigest(hex) ? hex : undefined;
}

/** Whether this is a SHA-256 in hex, and so a safe file name. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** The member of an object of unknown make. */
export function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** The items of a list of unknown make; none when it is not one. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What a JSON text says; undefined when it is not one. */
export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The SHA-256 in hex of a text. */
export function sha256Of(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function digestsOf(descriptors: readonly unknown[]): string[] {
  return descriptors.map((one) => digestOf(member(one, "digest"))).filter((d) => d !== undefined);
}

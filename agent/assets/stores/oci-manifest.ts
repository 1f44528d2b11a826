import { createHash } from "node:crypto";
import * as v from "valibot";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";

/** Largest manifest or index that is read, octets: what registries themselves accept (OCI distribution-spec 1.1, "Pushing Manifests"). */
export const MANIFEST_LIMIT: number = 4 * 1024 * 1024;

/** The media types of manifests that are understood; an `Accept` header names them all. */
export const MANIFEST_TYPES = {
  image: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  dockerImage: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** Annotations of the OCI image-spec 1.1 that are read or written here. */
export const ANNOTATION = {
  /** The file name of a layer. */
  title: "org.opencontainers.image.title",
  /** The tag of a manifest in an image layout's `index.json`. */
  refName: "org.opencontainers.image.ref.name",
} as const;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Something with a digest: a layer, or a manifest in an index. */
export interface Descriptor {
  readonly mediaType: string;
  /** "sha256:" and 64 hex digits. */
  readonly digest: string;
  /** Octets. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | null | undefined;
  readonly platform?: Platform | null | undefined;
}

/** What an image of an index runs on, as Go names it: "linux", "arm64", "v8". */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** A manifest as far as it matters here. */
export type Manifest =
  /** An image or artifact. Layers from the lowest to the uppermost. */
  | { readonly kind: "image"; readonly layers: readonly Descriptor[] }
  /** Several of them, mostly one a platform. */
  | { readonly kind: "index"; readonly manifests: readonly Descriptor[] };

/** Whether a reference is a digest that can be checked here; else it is a tag, or a digest of another algorithm. */
export function isDigest(reference: string): boolean {
  return DIGEST.test(reference);
}

/** The digest of octets, as OCI writes it. */
export function digestOf(octets: Uint8Array): string {
  return `sha256:${createHash("sha256").update(octets).digest("hex")}`;
}

/**
 * Reads the octets of a manifest or index; `label` is its name in errors.
 *
 * What it is follows from its fields, not from what a server calls it. One that has both layers and manifests is refused: two
 * readers could take it for two things (CVE-2021-41190).
 *
 * Throws E_STORE_BROKEN.
 */
export function parseManifest(octets: Uint8Array, label: string): Manifest {
  const json = parseJson(octets, label);
  const isImage = Object.hasOwn(json, "layers");
  const isIndex = Object.hasOwn(json, "manifests");
  if (isImage && isIndex) throw broken(label, "it has both layers and manifests");
  if (isIndex) return { kind: "index", manifests: check(IndexSchema, json, label).manifests };
  if (isImage) return { kind: "image", layers: check(ImageSchema, json, label).layers };
  if (Object.hasOwn(json, "fsLayers")) {
    throw new AgentError("E_STORE_BROKEN", `${label} is a Docker image of schema 1`, {
      cure: "Push the image again with a tool of this decade: schema 1 has no digests that could be verified.",
    });
  }
  throw broken(label, "it has neither layers nor manifests");
}

function parseJson(octets: Uint8Array, label: string): object {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets));
  } catch (cause) {
    throw broken(label, "it is not JSON", cause);
  }
  if (typeof json !== "object" || json === null) throw broken(label, "it is not a JSON object");
  return json;
}

function check<T>(schema: v.GenericSchema<unknown, T>, json: object, label: string): T {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? "";
  throw broken(label, printableCut(`${where}: ${issue.message}`, 200));
}

function broken(label: string, why: string, cause?: unknown): AgentError {
  const message = `${label} is not a manifest: ${why}`;
  return new AgentError("E_STORE_BROKEN", message, cause === undefined ? {} : { cause });
}

const DescriptorSchema = v.object({
  mediaType: v.optional(v.string(), ""),
  digest: v.pipe(v.string(), v.regex(DIGEST, "this is no SHA-256 digest")),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.optional(v.nullable(v.record(v.string(), v.string()))),
  platform: v.optional(
    v.nullable(
      v.object({
        os: v.optional(v.string(), ""),
        architecture: v.optional(v.string(), ""),
        variant: v.optional(v.string()),
      }),
    ),
  ),
});
const ImageSchema = v.object({ layers: v.array(DescriptorSchema) });
const IndexSchema = v.object({ manifests: v.array(DescriptorSchema) });

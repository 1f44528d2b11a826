import type { SourceSpec } from "../../site/site.ts";
import { FileSource } from "./file-source.ts";
import { FolderSource } from "./folder-source.ts";
import { HttpSource } from "./http-source.ts";
import { ociSource } from "./oci-source.ts";
import { S3Source } from "./s3-source.ts";
import type { Source } from "./source.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** The kinds of stores that a site can name. */
export type SourceKind = SourceSpec["kind"];

/** Makes the source of one kind; asks nothing of the store yet. */
export type Opener<K extends SourceKind> = (
  spec: Extract<SourceSpec, { readonly kind: K }>,
  env: StoreEnvironment,
) => Source;

const OPENERS: { readonly [K in SourceKind]: Opener<K> } = {
  file: ({ file }) => new FileSource(file),
  folder: ({ folder, match }) => new FolderSource(folder, match),
  http: (spec, env) => new HttpSource(spec, env),
  s3: (spec, env) => new S3Source(spec, env),
  oci: ociSource,
};

/** The source that a site's entry means. Asks nothing of the store yet. */
export function openSource(spec: SourceSpec, env: StoreEnvironment): Source {
  // Each opener takes its own kind, which is the one it is found by.
  const open = OPENERS[spec.kind] as (spec: SourceSpec, env: StoreEnvironment) => Source;
  return open(spec, env);
}

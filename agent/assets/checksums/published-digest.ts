import { AgentError } from "../../errors.ts";
import type { ChecksumsSpec, SourceSpec } from "../../site/site.ts";
import { verifyMinisign } from "./minisign.ts";
import { digestOf, MAX_LIST_LEN, parseChecksums } from "./parse-checksums.ts";
import { verifySignify } from "./signify.ts";

/** Fetches a small text whole; it is the caller who bounds it and who says what failed. */
export type FetchText = (source: SourceSpec) => Promise<Uint8Array>;

/**
 * The SHA-256 that a published list has for an asset, 64 lower-case hex digits. Where the site says who must have signed the
 * list, nothing of it is believed before that was checked.
 *
 * Rejects with E_CHECKSUMS, or with whatever `fetchText` rejects with.
 */
export async function publishedDigest(spec: ChecksumsSpec, fetchText: FetchText): Promise<string> {
  const label = labelOf(spec.source);
  const list = await verifiedList(spec, await fetchText(spec.source), fetchText, label);
  return digestOf(parseChecksums(list, label), spec.entry, label);
}

async function verifiedList(
  spec: ChecksumsSpec,
  fetched: Uint8Array,
  fetchText: FetchText,
  label: string,
): Promise<Uint8Array> {
  const { signature } = spec;
  if (signature === undefined) return fetched;
  if (fetched.length > 2 * MAX_LIST_LEN) {
    throw new AgentError("E_CHECKSUMS", `${label}: a list of ${fetched.length} octets is too long`);
  }
  if (signature.source === undefined) {
    return verifySignify(signature.key, fetched, undefined, label);
  }
  const detached = await fetchText(signature.source);
  const signatureLabel = labelOf(signature.source);
  if (signature.by === "signify") {
    return verifySignify(signature.key, detached, fetched, signatureLabel);
  }
  verifyMinisign(signature.key, detached, fetched, signatureLabel);
  return fetched;
}

/** Where a text is from, for errors. No source has credentials in it. */
function labelOf(source: SourceSpec): string {
  switch (source.kind) {
    case "file":
      return source.file;
    case "folder":
      return `${source.folder}/${source.match}`;
    case "http":
      return source.url;
    case "s3":
      return `s3://${source.bucket}/${source.key}`;
    case "oci":
      return `oci://${source.registry}/${source.repository}:${source.reference}`;
  }
}

import { AgentError } from "../../errors.ts";
import type { ChecksumsSpec, SourceSpec } from "../../site/site.ts";

/** Fetches a small text whole; it is the caller who bounds it and who says what failed. */
export type FetchText = (source: SourceSpec) => Promise<Uint8Array>;

/**
 * The SHA-256 that a published list has for an asset, 64 lower-case hex digits.
 *
 * Rejects with E_CHECKSUMS, or with whatever `fetchText` rejects with.
 */
export async function publishedDigest(spec: ChecksumsSpec, fetchText: FetchText): Promise<string> {
  await fetchText(spec.source);
  throw new AgentError("E_CHECKSUMS", `${spec.entry}: lists cannot be read yet`);
}

import { AgentError } from "../../errors.ts";
import type { Descriptor } from "./oci-manifest.ts";

/** A blob that is being read. */
export interface OciBlob {
  /** Where `octets` begin: the `from` asked for, or 0. */
  readonly from: number;
  /** Ends at the blob's end: what ends before or goes on beyond it throws E_STORE_BROKEN. Not verified yet. */
  readonly octets: AsyncIterable<Uint8Array>;
}

/**
 * One repository: where manifests and blobs come from, whether that is a registry or an image layout on disk.
 *
 * Every method rejects with AgentError or the signal's reason.
 */
export interface OciRepository {
  /** In words, with the reference: "registry.example.com/talos:v1.11.6". */
  readonly label: string;
  readonly local: boolean;
  /** The octets of what the reference or digest names, at most `MANIFEST_LIMIT`. Not verified yet. */
  manifest(reference: string, signal: AbortSignal): Promise<Uint8Array>;
  /** What the repository says that the digest of a tag is, cheaply; undefined when it does not say. A hint, nothing more. */
  hint(reference: string, signal: AbortSignal): Promise<string | undefined>;
  blob(blob: Descriptor, from: number, signal: AbortSignal): Promise<OciBlob>;
}

/** The octets of a blob from `from` on, held to the size that its manifest says. Throws E_STORE_BROKEN. */
export async function* exactly(
  octets: AsyncIterable<Uint8Array>,
  blob: Descriptor,
  from: number,
  label: string,
): AsyncGenerator<Uint8Array> {
  let at = from;
  for await (const piece of octets) {
    at += piece.length;
    if (at > blob.size) {
      const message = `${label}: blob ${blob.digest} goes on beyond its ${blob.size} octets`;
      throw new AgentError("E_STORE_BROKEN", message);
    }
    yield piece;
  }
  if (at === blob.size) return;
  const message = `${label}: blob ${blob.digest} ends after ${at} of ${blob.size} octets`;
  throw new AgentError("E_STORE_BROKEN", message);
}

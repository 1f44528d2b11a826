/** Compressions that a `decompress` can name. */
export const COMPRESSIONS = ["gzip", "xz", "zstd", "bzip2"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/**
 * What is done to the octets of a store before they are served: first `extract`, then `decompress`.
 *
 * The archive that `extract` reads may be compressed itself, which is found out and needs no word.
 */
export interface Treatment {
  /** Path of one file in an archive: tar, zip, deb (its data), cpio, ISO 9660. No leading slash. */
  readonly extract?: string;
  readonly decompress?: Compression;
}

/** The same text for the same treatment; "" for none. */
export function treatmentKey(t: Treatment): string {
  const parts: string[] = [];
  if (t.extract !== undefined) parts.push(`extract ${t.extract}`);
  if (t.decompress !== undefined) parts.push(`decompress ${t.decompress}`);
  return parts.join(", ");
}

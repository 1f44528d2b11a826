import type { Compression } from "../treatment.ts";

/** Octets that {@link recogniseCompression} wants to see. */
export const MAGIC_LEN = 6;

/** What a compressed stream begins with, as hex. RFC 1952, the .xz format 1.2.0, RFC 8878 and bzip2's own source. */
const MAGICS: readonly (readonly [Compression | "lz4" | "lzo" | "lzma" | "lzip", RegExp])[] = [
  ["gzip", /^1f8b08/],
  ["xz", /^fd377a585a00/],
  ["zstd", /^(28b52ffd|5[0-9a-f]2a4d18)/],
  ["bzip2", /^425a683[1-9]/],
  ["lz4", /^(04224d18|02214c18)/],
  ["lzo", /^894c5a4f00/],
  ["lzma", /^5d0000/],
  ["lzip", /^4c5a4950/],
];

/** What octets are compressed with, as far as their beginning tells; also of compressions that we cannot read. */
export function recogniseCompression(
  head: Uint8Array,
): Compression | "lz4" | "lzo" | "lzma" | "lzip" | undefined {
  const hex = Buffer.from(head.subarray(0, MAGIC_LEN)).toString("hex");
  return MAGICS.find(([, magic]) => magic.test(hex))?.[0];
}

import { OctetReader } from "../octet-reader.ts";
import { Refusal } from "../refusal.ts";
import type { Compression } from "../treatment.ts";
import { bunzip2 } from "./bzip2.ts";
import { gunzip } from "./gzip.ts";
import { MAGIC_LEN, recogniseCompression } from "./recognise.ts";
import { unxz } from "./xz.ts";
import { unzstd } from "./zstd.ts";

/**
 * What compressed octets stand for. Takes in only as it is read, holds no other work up for long, and lets its input go when
 * its reader leaves.
 *
 * Throws a {@link Refusal} that begins with a verb: "is cut short", "is damaged", "has something else behind its end".
 */
export async function* decompress(
  compression: Compression,
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new OctetReader(input);
  try {
    const found = recogniseCompression(await reader.peek(MAGIC_LEN));
    if (found !== compression) {
      const but = found === undefined ? "" : ` but ${found}`;
      throw new Refusal(`is not ${compression}${but}`);
    }
    if (compression === "gzip") yield* gunzip(reader.rest());
    else if (compression === "xz") yield* unxz(reader);
    else if (compression === "zstd") yield* unzstd(reader);
    else yield* bunzip2(reader);
  } finally {
    await reader.close();
  }
}

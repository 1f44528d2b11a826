import { decompress } from "../treatment/compression/decompress.ts";
import { MAGIC_LEN, recogniseCompression } from "../treatment/compression/recognise.ts";
import { OctetReader } from "../treatment/octet-reader.ts";
import { COMPRESSIONS } from "../treatment/treatment.ts";

/**
 * The octets of a layer without their compression, which is told from the first octets and not from the media type: pushers get
 * that wrong.
 *
 * Throws a `Refusal` where the compressed octets are damaged, cut short, or followed by something else.
 */
export async function* unpack(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new OctetReader(input);
  try {
    const found = recogniseCompression(await reader.peek(MAGIC_LEN));
    const compression = COMPRESSIONS.find((c) => c === found);
    if (compression === undefined) yield* reader.rest();
    else yield* decompress(compression, reader.rest());
  } finally {
    await reader.close();
  }
}

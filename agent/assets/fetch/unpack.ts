import type { Cache } from "../cache/cache.ts";
import { type Treatment, treatmentKey } from "../treatment/treatment.ts";
import type { Treat } from "./keeper-options.ts";
import type { Room } from "./room.ts";

/** A blob of the cache and what is to be made of it. */
export interface UnpackInput {
  readonly cache: Cache;
  readonly room: Room;
  readonly treat: Treat;
  readonly sourceDigest: string;
  readonly size: number;
  readonly treatment: Treatment;
  readonly label: string;
  readonly signal: AbortSignal;
  readonly got: (octets: number) => void;
}

/** What came of it: a blob of the cache too. */
export interface Unpacked {
  readonly digest: string;
  readonly size: number;
}

/**
 * Makes what is served of what the store gave, into a blob of its own.
 *
 * Rejects with E_TREATMENT, E_CACHE_FULL or the signal's reason; nothing is left of it then.
 */
export async function unpack(u: UnpackInput): Promise<Unpacked> {
  const { cache, signal, label, treatment, size } = u;
  const ingest = await cache.ingest(`${u.sourceDigest} ${treatmentKey(treatment)}`);
  const reservation = u.room.open();
  let finished = false;
  try {
    // What an earlier attempt left is of no use: an archive is read from its beginning.
    await ingest.restart({});
    const { limit } = await cache.usage();
    const file = cache.blobPath(u.sourceDigest);
    const octets = u.treat({ file, size, treatment, label, signal, maxOctets: limit });
    for await (const piece of octets) {
      await reservation.grow(piece.length);
      await ingest.write(piece);
      u.got(piece.length);
    }
    signal.throwIfAborted();
    const received = await ingest.finish();
    finished = true;
    const { digest, size: made } = await received.keep();
    return { digest, size: made };
  } finally {
    reservation.release();
    if (!finished) await ingest.discard();
  }
}

/** What unpacking may need, as far as that can be known before: it makes its own room as it goes. */
export function unpackEstimate(treatment: Treatment, sourceSize: number): number {
  if (treatment.decompress !== undefined && treatment.extract === undefined) return 3 * sourceSize;
  return treatment.extract === undefined ? 0 : Math.min(sourceSize, 128 * 1024 * 1024);
}

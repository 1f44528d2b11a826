/** Places and bundles that are remembered; servers could make these tables grow. */
const MAX_REMEMBERED = 32;
/** How long a refusal holds, ms: a bundle that may not be applied yet may be later. */
const REFUSAL_MS = 10 * 60_000;

interface Place {
  readonly etag: string;
  readonly digest: string;
}

interface Refusal {
  readonly why: string;
  readonly sinceMs: number;
}

/** What is known of bundles that were fetched, so that none is carried or tried twice for nothing. Times are monotonic, ms. */
export class KnownBundles {
  private readonly places = new Map<string, Place>();
  private readonly refusals = new Map<string, Refusal>();

  /** What a place had last, unless it was refused so long ago that it shall be had again. */
  at(place: string, nowMs: number): Place | undefined {
    const known = this.places.get(place);
    const refusal = known && this.refusals.get(known.digest);
    return refusal && nowMs - refusal.sinceMs >= REFUSAL_MS ? undefined : known;
  }

  had(place: string, etag: string | undefined, digest: string): void {
    this.places.delete(place);
    if (etag !== undefined) put(this.places, place, { etag, digest });
  }

  /** Why a bundle was refused lately. */
  refusal(digest: string, nowMs: number): string | undefined {
    const refusal = this.refusals.get(digest);
    return refusal && nowMs - refusal.sinceMs < REFUSAL_MS ? refusal.why : undefined;
  }

  refuse(digest: string, why: string, nowMs: number): void {
    this.refusals.delete(digest);
    put(this.refusals, digest, { why, sinceMs: nowMs });
  }

  clear(): void {
    this.places.clear();
    this.refusals.clear();
  }
}

/** The oldest goes when there is no room. */
function put<T>(map: Map<string, T>, key: string, value: T): void {
  const [oldest] = map.keys();
  if (map.size >= MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}

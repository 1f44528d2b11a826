import type { ErrorCode } from "../../errors.ts";
import type { Source } from "./source.ts";

/** How long a success speaks for a mirror, milliseconds. */
const SUCCESS_MS = 3_600_000;
/** How long a mirror is put last after its first failure; each further one doubles it. */
const FAILURE_MS = 60_000;
const MAX_FAILURE_MS = 3_600_000;
/** The weight of an older rate beside a new one. */
const SMOOTHING = 0.5;
/** Smaller transfers measure the way there and back, and not the rate. Octets. */
const MEASURABLE_LEN = 262_144;
/** Hosts and objects that are remembered; who was heard of longest ago is forgotten. */
const MAX_KNOWN = 1_024;

/** Failures that are of one object; any other is of the host that it is on. */
const OF_OBJECT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "E_STORE_MISSING",
  "E_STORE_BROKEN",
  "E_ASSET_DIGEST",
  "E_ASSET_MISSING",
  "E_ASSET_READ",
]);

interface Standing {
  succeededMs?: number;
  /** Octets a millisecond. */
  rate?: number;
  failures: number;
  /** Until then it is put last. */
  shunnedMs: number;
}

type Mirror = Pick<Source, "id">;

/** A transfer that came to its end. */
export interface Transfer {
  readonly octets: number;
  readonly ms: number;
}

/**
 * What is known of mirrors, and the order in which they are to be tried. Forgets at restart; time is passed in, monotonic
 * milliseconds.
 *
 * First come those that gave something within the last hour, those that are twice as fast before the others; then those of which
 * nothing is known; then those that failed, whose turn comes soonest first. Otherwise the site's order holds.
 */
export class Mirrors {
  private readonly known = new Map<string, Standing>();

  /** `transfer`: absent for an answer without octets. */
  succeeded(mirror: Mirror, nowMs: number, transfer?: Transfer): void {
    this.known.delete(mirror.id);
    const standing = this.standing(hostOf(mirror));
    standing.succeededMs = nowMs;
    standing.failures = 0;
    standing.shunnedMs = 0;
    if (transfer === undefined || transfer.octets < MEASURABLE_LEN) return;
    const rate = transfer.octets / Math.max(transfer.ms, 1);
    standing.rate = standing.rate === undefined ? rate : mean(standing.rate, rate);
  }

  /** `retryAfterMs`: what the store asked for. */
  failed(mirror: Mirror, code: ErrorCode, nowMs: number, retryAfterMs = 0): void {
    const standing = this.standing(OF_OBJECT.has(code) ? mirror.id : hostOf(mirror));
    const backOff = Math.min(FAILURE_MS * 2 ** Math.min(standing.failures, 10), MAX_FAILURE_MS);
    standing.failures++;
    standing.shunnedMs = nowMs + Math.max(backOff, retryAfterMs);
  }

  /** All of them, the best first. */
  order<T extends Mirror>(mirrors: readonly T[], nowMs: number): T[] {
    const ranked = mirrors.map((mirror) => ({ mirror, ...this.rank(mirror, nowMs) }));
    // Of a mirror that was never measured the best is assumed, or it never would be.
    const best = Math.max(0, ...ranked.map((r) => r.speed ?? 0));
    ranked.sort(
      (a, b) =>
        a.group - b.group || a.shunnedMs - b.shunnedMs || (b.speed ?? best) - (a.speed ?? best),
    );
    return ranked.map((r) => r.mirror);
  }

  private rank(mirror: Mirror, nowMs: number): Rank {
    const host = this.known.get(hostOf(mirror));
    const object = this.known.get(mirror.id);
    const shunnedMs = Math.max(host?.shunnedMs ?? 0, object?.shunnedMs ?? 0);
    if (shunnedMs > nowMs) return { group: 2, shunnedMs, speed: undefined };
    const heardMs = host?.succeededMs;
    if (host === undefined || heardMs === undefined || nowMs - heardMs > SUCCESS_MS) {
      return { group: 1, shunnedMs: 0, speed: undefined };
    }
    // Powers of two: small differences must not throw the site's order about.
    const speed = host.rate === undefined ? undefined : Math.round(Math.log2(1 + host.rate));
    return { group: 0, shunnedMs: 0, speed };
  }

  private standing(key: string): Standing {
    const standing = this.known.get(key) ?? { failures: 0, shunnedMs: 0 };
    this.known.delete(key);
    this.known.set(key, standing);
    if (this.known.size > MAX_KNOWN) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    return standing;
  }
}

interface Rank {
  /** 0: has proved itself; 1: not known; 2: failed. */
  readonly group: number;
  readonly shunnedMs: number;
  readonly speed: number | undefined;
}

function mean(old: number, rate: number): number {
  return old * SMOOTHING + rate * (1 - SMOOTHING);
}

/** The origin in an id ("http https://HOST/PATH"); the id itself where there is none. */
function hostOf({ id }: Mirror): string {
  return /^\S+ (https?:\/\/[^/?#]+)/.exec(id)?.[1] ?? id;
}

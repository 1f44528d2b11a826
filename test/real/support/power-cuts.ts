import type { Prng } from "../../support/prng.ts";
import type { Cut } from "./power-guest.ts";
import type { Instant } from "./volatile-disk.ts";

/** A cut at a request falls between the steps of one change; one at once falls into whatever else is done too. */
const INSTANTS: readonly Instant[] = ["before flush", "now", "after flush", "before write"];
/** Parts of what was not flushed that are there afterwards. */
const SURVIVING = [0, 0.5, 0.9, 1];

/** Work before a cut, ms. */
export interface WorkTime {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** The cut of a number: at another instant than the one before; every fourth loses another part of what was not flushed. */
export function nthCut(n: number, next: Prng, { leastMs, mostMs }: WorkTime): Cut {
  const share = SURVIVING[Math.floor(n / INSTANTS.length) % SURVIVING.length] ?? 0;
  return {
    afterMs: leastMs + next() * (mostMs - leastMs),
    instant: INSTANTS[n % INSTANTS.length] ?? "now",
    survives: () => next() < share,
  };
}

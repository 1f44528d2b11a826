import { setTimeout as later } from "node:timers/promises";
import { shortDigest } from "../../assets/cache/named-version.ts";
import type { AssetStatus } from "../../assets/fetch/status.ts";
import type { ErrorCode } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import { type Cell, wantsColour } from "../lab/paint.ts";
import { LiveLines } from "../progress-bar.ts";
import type { CacheContext } from "./context.ts";
import { progressCells } from "./status-text.ts";

const EVERY_MS = 200;
/** Failures of the way to a store are given so long to pass before they count, ms: the keeper tries again meanwhile. */
const GRACE_MS = 10_000;
const PASSING: ReadonlySet<ErrorCode | string> = new Set(["E_STORE_UNREACHABLE", "E_STORE_BROKEN"]);
/** Bars at once. */
const MOST_BARS = 8;

/** What became of one asset. */
export interface Outcome {
  readonly name: string;
  readonly done: boolean;
  readonly asset: AssetStatus | undefined;
}

/** How things are followed. */
export interface Following {
  readonly context: CacheContext;
  readonly names: readonly string[];
  /** The status now; undefined: whoever fetches is gone. */
  readonly status: () => Promise<readonly AssetStatus[] | undefined>;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** Told of each as soon as it is settled. */
  readonly settled: (outcome: Outcome) => void;
}

/**
 * Follows these assets until each is there or cannot be had, with bars where there is a terminal.
 *
 * Resolves with all outcomes; with those so far when whoever fetches is gone, or the signal ends it.
 */
export async function follow(f: Following): Promise<readonly Outcome[]> {
  const { stderr, env } = f.context.host;
  const live = new LiveLines(stderr, wantsColour(stderr.isTTY === true, env));
  const open = new Set(f.names);
  const outcomes: Outcome[] = [];
  try {
    while (open.size > 0 && !f.signal.aborted) {
      const assets = await f.status();
      if (!assets) return outcomes;
      const bars: Cell[] = [];
      for (const asset of assets) {
        if (!open.has(asset.name)) continue;
        const done = outcomeOf(asset, f.nowMs());
        if (done === undefined) {
          if (bars.length < 2 * MOST_BARS) bars.push(...progressCells(asset, live.width));
          continue;
        }
        open.delete(asset.name);
        live.close(true);
        const outcome = { name: asset.name, done, asset };
        outcomes.push(outcome);
        f.settled(outcome);
      }
      if (bars.length > 0) live.draw(bars);
      if (open.size > 0) {
        await later(EVERY_MS, undefined, { signal: f.signal }).catch(() => undefined);
      }
    }
  } finally {
    live.close(true);
  }
  return outcomes;
}

/** Whether it is there (true), cannot be had (false), or is on its way. */
export function outcomeOf(asset: AssetStatus, nowMs: number): boolean | undefined {
  const { state, error } = asset;
  if (state === "served" || state === "held") return true;
  if (state === "refused") return false;
  if (!error || (state === "waiting" && asset.progress)) return undefined;
  if (PASSING.has(error.code)) return nowMs - error.sinceMs < GRACE_MS ? undefined : false;
  return state === "failed" ? false : undefined;
}

/** "netbsd: 6.00 MB, sha256 9f86d081884c". */
export function outcomeLines({ name, done, asset }: Outcome): readonly string[] {
  if (done && asset?.digest !== undefined) {
    return [`${name}: ${octetsText(asset.size ?? 0)}, ${shortDigest(asset.digest)}`];
  }
  const { error, refused } = asset ?? {};
  if (error) return [`${name}: ${error.code}: ${error.message}`, `    ${error.cure}`];
  return [`${name}: ${refused === undefined ? "it could not be had" : `refused: ${refused.why}`}`];
}

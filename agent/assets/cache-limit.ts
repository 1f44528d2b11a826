import type { Budgets } from "../../boards/board.ts";
import type { Site } from "../site/site.ts";

const MIB = 1024 * 1024;

/** Most octets that the cache on disk may have: what the site says, else the board's budget. */
export function cacheLimit(budgets: Budgets, site?: Site): number {
  return site?.cache.size ?? budgets.diskCacheMiB * MIB;
}

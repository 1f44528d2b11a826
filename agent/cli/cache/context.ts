import { existsSync } from "node:fs";
import path from "node:path";
import { BOARDS } from "../../../boards/all.ts";
import type { Budgets } from "../../../boards/board.ts";
import { type DiskCache, openDiskCache } from "../../assets/cache/disk-cache.ts";
import { cacheLimit } from "../../assets/cache-limit.ts";
import { nodeHost } from "../../boards/node-host.ts";
import { recogniseBoard } from "../../boards/recognise.ts";
import { AssetsClient } from "../../control/assets-client.ts";
import { AgentError } from "../../errors.ts";
import { stateFolderOfAgent } from "../../state/state-folder.ts";
import type { CommandHost } from "../host.ts";

/** Exit statuses of `pilotlight cache`. */
export const FAILED = 1;

/** What all commands of `cache` take. */
export interface CacheOptions {
  readonly state?: string;
  readonly json?: true;
}

/** Whose cache a command is about. */
export interface CacheContext {
  readonly host: CommandHost;
  readonly stateDir: string;
  /** The agent that has this folder, should one run. */
  readonly agent: AssetsClient;
}

/** Finds the state folder. Throws E_USAGE when it is not clear which one is meant. */
export function cacheContext(host: CommandHost, { state }: CacheOptions): CacheContext {
  const { STATE_DIRECTORY } = host.env;
  const stateDir = stateFolderOfAgent({ option: state, fromSystemd: STATE_DIRECTORY });
  return { host, stateDir, agent: new AssetsClient(stateDir) };
}

/** What this board is good for. */
export function budgetsHere(): Budgets {
  return recogniseBoard(BOARDS, nodeHost()).budgets;
}

/**
 * Opens the cache for `use` and closes it afterwards, when all changes of it are durable and `index.json` shows them.
 *
 * `make`: whether a folder without a cache gets one; otherwise that is E_CACHE.
 */
export async function withCache<T>(
  { stateDir, agent }: CacheContext,
  use: (cache: DiskCache) => Promise<T>,
  { make = false, limit }: { readonly make?: boolean; readonly limit?: number } = {},
): Promise<T> {
  if (!make && !existsSync(path.join(stateDir, "db"))) {
    throw new AgentError("E_CACHE", `there is no cache in ${stateDir}`, {
      cure: "Name the folder that `pilotlight serve` was given with --state.",
    });
  }
  const known = limit ?? (await agent.status())?.cache.limit ?? cacheLimit(budgetsHere());
  const cache = await openDiskCache({ stateDir, limit: known });
  try {
    return await use(cache);
  } finally {
    await cache.close();
  }
}

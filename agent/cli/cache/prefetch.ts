import { cacheLimit } from "../../assets/cache-limit.ts";
import { specOf } from "../../control/asset-control.ts";
import { AgentError } from "../../errors.ts";
import { loadSite } from "../../site/load.ts";
import type { Site } from "../../site/site.ts";
import { print, printJson } from "../print.ts";
import { packageVersion } from "../version.ts";
import { budgetsHere, type CacheContext, type CacheOptions, FAILED, withCache } from "./context.ts";
import { type Following, follow, type Outcome, outcomeLines } from "./follow.ts";
import { ownKeeper } from "./own-keeper.ts";

export interface PrefetchOptions extends CacheOptions {
  readonly site?: string;
}

/** `pilotlight cache prefetch`: fetches what is missing, and waits until it is there or cannot be had. */
export async function prefetch(
  context: CacheContext,
  named: readonly string[],
  options: PrefetchOptions,
): Promise<void> {
  const names = [...new Set(named)];
  const stop = new AbortController();
  context.host.onStopSignal(() => stop.abort());
  const settled = (outcome: Outcome): void => tell(context, outcome, options);
  const common = { context, signal: stop.signal, settled };
  const agent = await context.agent.status();
  let outcomes: readonly Outcome[];
  let wanted: readonly string[];
  if (agent) {
    wanted = await context.agent.prefetch(names);
    outcomes = await follow({
      ...common,
      names: wanted,
      status: async () => (await context.agent.status())?.assets,
      nowMs: Date.now,
    });
  } else {
    if (options.site === undefined) {
      throw new AgentError("E_USAGE", `no agent runs with ${context.stateDir}`, {
        cure: "Say what is to be fetched with --site FILE, or start the agent.",
      });
    }
    const site = await loadSite(options.site);
    wanted = names.length === 0 ? [...site.assets.keys()] : names;
    outcomes = await here(site, wanted, common);
  }
  const missing = wanted.length - outcomes.length;
  if (missing > 0) {
    throw new AgentError("E_ASSET_PENDING", `${missing} of ${wanted.length} are not there yet`, {
      cure: agent
        ? "The agent goes on; `pilotlight cache status` shows how far it is."
        : "Type the command again: what was half fetched is gone on with.",
    });
  }
  if (outcomes.some(({ done }) => !done)) context.host.setExitStatus(FAILED);
}

/** Without an agent: the same keeper, in this process. */
async function here(
  site: Site,
  names: readonly string[],
  common: Pick<Following, "context" | "signal" | "settled">,
): Promise<readonly Outcome[]> {
  const { context } = common;
  const specs = names.map((name) => specOf(site, name));
  const budgets = budgetsHere();
  const limit = cacheLimit(budgets, site);
  const run = async (cache: Parameters<typeof ownKeeper>[0]["cache"]) => {
    const bugs: unknown[] = [];
    const own = ownKeeper({
      site,
      cache,
      budgets,
      variables: context.host.env,
      version: packageVersion(),
      warn: (text) => context.host.stderr.write(`${text}\n`),
      crash: (bug) => bugs.push(bug),
    });
    try {
      await own.keeper.prefetch(specs);
      return await follow({
        ...common,
        names,
        status: async () => {
          if (bugs.length > 0) throw bugs[0];
          return (await own.keeper.status()).assets;
        },
        nowMs: Date.now,
      });
    } finally {
      await own.close();
    }
  };
  return await withCache(context, run, { make: true, limit });
}

function tell(context: CacheContext, outcome: Outcome, options: CacheOptions): void {
  const { name, done, asset } = outcome;
  if (options.json) {
    const { state, digest, sourceDigest, size, error, refused } = asset ?? {};
    printJson(context, { name, done, state, digest, sourceDigest, size, error, refused });
  } else if (done) {
    print(context, outcomeLines(outcome));
  } else {
    context.host.stderr.write(`${outcomeLines(outcome).join("\n")}\n`);
  }
}

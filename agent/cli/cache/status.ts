import { setTimeout as later } from "node:timers/promises";
import { AgentError } from "../../errors.ts";
import { paint, wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { LiveLines } from "../progress-bar.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";
import { type StatusView, statusCells } from "./status-text.ts";

const COLUMNS = 80;
const EVERY_MS = 500;

export interface StatusOptions extends CacheOptions {
  readonly watch?: true;
}

/** `pilotlight cache status`: how full it is, what is being fetched, and what cannot be had or refreshed. */
export async function showStatus(context: CacheContext, options: StatusOptions): Promise<void> {
  if (options.watch) {
    await watch(context, options);
    return;
  }
  const view = await statusView(context);
  if (options.json) {
    printJson(context, jsonOf(view));
    return;
  }
  const { stdout, env } = context.host;
  const colour = wantsColour(stdout.isTTY === true, env);
  const cells = statusCells(view, COLUMNS - 1);
  print(
    context,
    cells.map(({ text, style }) => paint(text, style, colour)),
  );
}

async function statusView(context: CacheContext): Promise<StatusView> {
  const { stateDir } = context;
  const agent = await context.agent.status();
  if (agent) return { stateDir, cache: agent.cache, assets: agent.assets.length, agent };
  return await withCache(context, async (cache) => ({
    stateDir,
    cache: await cache.usage(),
    assets: [...cache.assets()].length,
  }));
}

function jsonOf({ stateDir, cache, assets, agent }: StatusView): unknown {
  return { stateDir, ...(agent ?? { cache, assets }), running: agent !== undefined };
}

/** Until Ctrl-C, or the agent ends. */
async function watch(context: CacheContext, options: StatusOptions): Promise<void> {
  const { stdout, env } = context.host;
  const live = new LiveLines(stdout, wantsColour(stdout.isTTY === true, env));
  if (!live.live && !options.json) {
    throw new AgentError("E_USAGE", "--watch draws on a terminal, and this is none", {
      cure: "Leave --watch out, or add --json for one line each half second.",
    });
  }
  const stop = new AbortController();
  context.host.onStopSignal(() => stop.abort());
  try {
    while (!stop.signal.aborted) {
      const agent = await context.agent.status();
      if (!agent) {
        throw new AgentError("E_CACHE", `no agent runs with ${context.stateDir}`, {
          cure: "Start it with `pilotlight serve`, or leave --watch out.",
        });
      }
      const { stateDir } = context;
      const view = { stateDir, cache: agent.cache, assets: agent.assets.length, agent };
      if (options.json) printJson(context, jsonOf(view));
      else live.draw(statusCells(view, live.width));
      await later(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    live.close(false);
  }
}

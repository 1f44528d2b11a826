import { octetsText } from "../../log/timeline.ts";
import { print, printJson } from "../print.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";

/**
 * `pilotlight cache gc`: removes what no record refers to.
 *
 * Where an agent runs, it does it itself: it alone knows what is being read and unpacked.
 */
export async function collectGarbage(context: CacheContext, options: CacheOptions): Promise<void> {
  const freed =
    (await context.agent.collect()) ?? (await withCache(context, (cache) => cache.collect()));
  if (options.json) printJson(context, { freed });
  else print(context, [freed === 0 ? "Nothing to free." : `Freed ${octetsText(freed)}.`]);
}

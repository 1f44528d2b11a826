import { loadSite } from "../../site/load.ts";
import { siteChanges } from "../../site/site-changes.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { changesLines } from "./changes-text.ts";
import type { SteerOptions } from "./context.ts";
import { readVerb } from "./read-verb.ts";
import { fetchSite, withSite } from "./running-site.ts";
import type { Steering } from "./steering.ts";

/** `pilotlight diff`: what a push of this site file would change, found out here; the agent is only asked what it runs. */
export async function showDiff(
  steering: Steering,
  file: string,
  asked: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const next = await loadSite(file);
  const agent = await steering.connect(asked);
  try {
    const status = await readVerb(agent, "status.get", {});
    const serial = status.site?.bundle?.serial ?? 0;
    const changes = status.site
      ? await withSite(await fetchSite(agent), (old) => siteChanges(old, next))
      : siteChanges(undefined, next);
    if (options.json) {
      const { name, fingerprint } = agent;
      printJson(steering, { agent: name, fingerprint, serial, changes });
      return;
    }
    const { stdout, env } = steering.host;
    const colour = wantsColour(stdout.isTTY === true, env);
    print(steering, changesLines([{ agent: agent.name, changes }], colour));
  } finally {
    agent.close();
  }
}

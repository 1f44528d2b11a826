import { AgentError } from "../../errors.ts";
import { printable } from "../../log/printable.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { loadSite } from "../../site/load.ts";
import type { Site } from "../../site/site.ts";
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
    const changes = status.site ? await changesFrom(agent, next) : siteChanges(undefined, next);
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

async function changesFrom(agent: AgentConnection, next: Site): Promise<readonly string[]> {
  try {
    return await withSite(await fetchSite(agent), (old) => siteChanges(old, next));
  } catch (cause) {
    if (!(cause instanceof AgentError) || cause.code !== "E_SITE_INVALID") throw cause;
    // A site file of the agent's host may name files beside it that nobody has sent.
    const message = `what ${printable(agent.name)} runs cannot be read here`;
    throw new AgentError("E_SITE_INVALID", `${message}\n\n${cause.message}`, {
      cause,
      cure: "Fetch it with `pilotlight pull`, and compare the files.",
    });
  }
}

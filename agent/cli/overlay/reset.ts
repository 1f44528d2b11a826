import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
import { askYes } from "../steer/ask-yes.ts";
import { type OverlayContext, type OverlayOptions, withOverlay } from "./context.ts";

export interface ResetOptions extends OverlayOptions {
  readonly yes?: true;
}

/**
 * `pilotlight overlay reset`: the machine has the shared root again.
 *
 * An agent that runs sees it with the next request: what the machine had made is then stale to it.
 */
export async function resetOverlay(
  context: OverlayContext,
  machine: string,
  options: ResetOptions,
): Promise<void> {
  await withOverlay(context, machine, options, async (overlays, { key, owner, record }) => {
    if (!options.yes && !(await agreed(context, machine, record.records))) return;
    await overlays.store.reset(key);
    await overlays.sweep();
    if (options.json) printJson(context, { ...owner, reset: true });
    else print(context, [`${machine} has the root of ${owner.profile} as it is shared.`]);
  });
}

async function agreed(
  { host }: OverlayContext,
  machine: string,
  records: number,
): Promise<boolean> {
  const question = `All that ${machine} changed is lost (${records} records). Shut it down first. Go on?`;
  const answer = await askYes(process.stdin, host.stderr, question);
  if (answer !== undefined) return answer;
  throw new AgentError("E_USAGE", `this drops what ${machine} changed, and nobody can be asked`, {
    cure: "Say --yes if that is meant.",
  });
}

import { print, printJson } from "../print.ts";
import { type SteerContext, type SteerOptions, withAgent } from "./context.ts";

/** `pilotlight restart`. */
export async function restartAgent(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    await agent.call("agent.restart", {});
    if (options.json) printJson(context, { agent: agent.name, restarting: true });
    else print(context, [`${agent.name} starts again.`]);
  });
}

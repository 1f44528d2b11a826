import { AgentError } from "../../errors.ts";
import { LOG_LEVELS, type LogLevel } from "../../log/logger.ts";
import { print, printJson } from "../print.ts";
import { agentAnd } from "./arguments-of.ts";
import { type SteerContext, type SteerOptions, withAgent } from "./context.ts";

/** `pilotlight loglevel`. */
export async function setLogLevel(
  context: SteerContext,
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const { agent: target, rest } = agentAnd("level", first, second, options);
  const level = LOG_LEVELS.find((known): known is LogLevel => known === rest);
  if (level === undefined) {
    throw new AgentError("E_USAGE", `"${rest}" is no level`, {
      cure: `The levels are ${LOG_LEVELS.join(", ")}.`,
    });
  }
  await withAgent(context, target, options, async (agent) => {
    const said = await agent.call("log.level", { level });
    if (options.json) printJson(context, { agent: agent.name, ...said });
    else print(context, [`${agent.name} logs at level ${said.level}.`]);
  });
}

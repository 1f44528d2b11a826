import { AgentError } from "../../errors.ts";
import { LOG_LEVELS } from "../../log/logger.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName } from "./parts.ts";

/** The agent's own process. */
export function agentHandlers(parts: AgentParts): Pick<Handlers, "log.level" | "agent.restart"> {
  const { log, journal } = parts;
  const note = (event: string, by: string): void =>
    journal.note({ protocol: "agent", event, decision: `asked for by ${by}`, outcome: "noted" });
  return {
    "log.level": async ({ level }, { caller }) => {
      if (!LOG_LEVELS.includes(level)) {
        const all = LOG_LEVELS.join(", ");
        throw new AgentError("E_USAGE", `"${level}" is no log level: there are ${all}`);
      }
      log.level = level;
      note(`the log's level is ${level}`, callerName(caller));
      return { level };
    },
    "agent.restart": async (_, { caller }) => {
      note("the agent restarts", callerName(caller));
      parts.restart();
      return {};
    },
  };
}

import { AgentError } from "../../errors.ts";
import type { SteerOptions } from "./context.ts";

/** An agent, and what a command wants of it. */
export interface AgentAnd {
  /** Undefined: the one on this host. */
  readonly agent: string | undefined;
  readonly rest: string;
}

/** "AGENT WHAT", or WHAT alone, of the agent on this host. Throws E_USAGE when there is neither. */
export function agentAnd(
  what: string,
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): AgentAnd {
  if (first !== undefined && second !== undefined && options.state === undefined) {
    return { agent: first, rest: second };
  }
  if (first !== undefined && second === undefined) return { agent: undefined, rest: first };
  throw new AgentError(
    "E_USAGE",
    first === undefined
      ? `the ${what} is missing`
      : `${first} or --state: one of them says which agent`,
  );
}

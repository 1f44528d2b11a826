import type { AgentStatus } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import { failedOutcome, type Outcome } from "./outcome.ts";
import { readVerb } from "./read-verb.ts";
import type { Steering } from "./steering.ts";
import { AT_ONCE, together } from "./together.ts";
import { Reconnecting } from "./trial.ts";

const MAX_NAME = 64;

/** An agent that answered. */
export interface Met {
  readonly name: string;
  readonly fingerprint: string;
  readonly connection: Reconnecting;
  readonly status: AgentStatus;
  /** The highest serial number that it is known to have accepted; 0: none. */
  readonly highestSerial: number;
}

/** Agents that answered, each once though it may have been named in several ways, and what came of the others. */
export interface Meetings {
  readonly met: readonly Met[];
  readonly failed: readonly Outcome[];
}

/** Connects to all of these agents and asks each how it is. Rejects with E_KEY when the operator has no key to ask with. */
export async function meetAll(
  steering: Steering,
  agents: readonly (string | undefined)[],
): Promise<Meetings> {
  const tried = await together([...new Set(agents)], AT_ONCE, async (agent) => {
    try {
      return await meet(steering, agent);
    } catch (error) {
      // Not the agent's failure, and the same at all of them.
      if (error instanceof AgentError && error.code === "E_KEY") throw error;
      const known = steering.met().find(({ fingerprint }) => fingerprint === agent);
      return failedOutcome(error, { agent: known?.name ?? agent ?? "this host" });
    }
  });
  const met = new Map<string, Met>();
  const failed: Outcome[] = [];
  for (const one of tried) {
    if ("result" in one) failed.push(one);
    else if (met.has(one.fingerprint)) one.connection.close();
    else met.set(one.fingerprint, one);
  }
  return { met: [...met.values()], failed };
}

async function meet(steering: Steering, agent: string | undefined): Promise<Met> {
  const first = await steering.connect(agent);
  const { fingerprint } = first;
  const name = printableCut(first.name, MAX_NAME);
  const connection = new Reconnecting(async () => {
    const again = await steering.connect(agent);
    if (again.fingerprint === fingerprint) return again;
    // An address may have passed to another agent, which has nothing to do with this.
    again.close();
    throw new AgentError("E_UNREACHABLE", `another agent answers now: ${again.name}`);
  }, first);
  try {
    const [status, history] = await Promise.all([
      connection.use((a) => readVerb(a, "status.get", {})),
      connection.use((a) => readVerb(a, "site.history", {})),
    ]);
    const highestSerial = Math.max(0, ...history.bundles.map(({ serial }) => serial));
    return { name, fingerprint, connection, status, highestSerial };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Which agents are meant: those named, or with `all` every one that was ever met. Throws E_USAGE. */
export function meantAgents(
  steering: Steering,
  named: readonly string[],
  all: boolean,
): readonly string[] {
  if (all && named.length > 0) {
    throw new AgentError("E_USAGE", "both agents and --all are given", {
      cure: "Name the agents, or give --all.",
    });
  }
  if (!all) return named;
  const agents = steering.met().map(({ fingerprint }) => fingerprint);
  if (agents.length > 0) return agents;
  throw new AgentError("E_USAGE", "--all: no agent was ever met from here", {
    cure: "Find some with `pilotlight discover`, and name them: each is known from then on.",
  });
}

import type { MachineStatus } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { suggest } from "../../site/suggest.ts";
import { openAgent, type SteerContext, type SteerOptions } from "./context.ts";
import { eachAgent, type Target } from "./many.ts";

/** Which agent is meant. */
export interface AgentChoice extends SteerOptions {
  readonly agent?: string;
}

/**
 * The agent that has a machine: the one that is named; the one on this host; else the only one of the known agents that has it.
 *
 * Agents that were never met are not asked: whoever announces itself could claim to have a machine. Rejects with E_NOT_FOUND, or
 * E_USAGE when several have it.
 */
export async function agentOfMachine(
  context: SteerContext,
  machine: string,
  options: AgentChoice,
): Promise<AgentConnection> {
  if (options.agent !== undefined || options.state !== undefined) {
    return await openAgent(context, options.agent, options);
  }
  const here = await context.local();
  if (here) return here;
  const known = context.known.list();
  if (known.length === 0) return await openAgent(context, undefined, options);
  const targets: readonly Target[] = known.map(({ name }) => ({
    name,
    stranger: false,
    open: () => context.finder.open(name),
  }));
  const outcomes = await eachAgent(targets, async (agent) => {
    const { machines } = await agent.get("machines.list", {});
    await context.names.remember(agent.fingerprint, machines);
    return machines;
  });
  const answers = outcomes.flatMap((o) =>
    "value" in o ? [{ name: o.name, machines: o.value }] : [],
  );
  const silent = outcomes.flatMap((o) => ("error" in o ? [o] : []));
  for (const { error } of silent) if (error.code === "E_IDENTITY") throw error;
  const having = answers.filter(({ machines }) => machines.some(({ name }) => name === machine));
  const [one, ...more] = having;
  if (!one)
    throw nowhere(
      machine,
      answers,
      silent.map(({ name }) => name),
    );
  if (more.length > 0) {
    const names = having.map(({ name }) => name).join(", ");
    throw new AgentError("E_USAGE", `several agents have a machine ${machine}: ${names}`, {
      cure: `Say which one: --agent ${one.name}.`,
    });
  }
  return await context.finder.open(one.name);
}

function nowhere(
  machine: string,
  answers: readonly { readonly name: string; readonly machines: readonly MachineStatus[] }[],
  silent: readonly string[],
): AgentError {
  const asked = answers.map(({ name }) => name).join(", ");
  const near = suggest(
    machine,
    answers.flatMap(({ machines }) => machines.map(({ name }) => name)),
  );
  const words = [
    asked === "" ? "" : `${asked}: no machine ${machine}`,
    silent.length === 0 ? "" : `not reached: ${silent.join(", ")}`,
  ];
  return new AgentError("E_NOT_FOUND", words.filter((text) => text !== "").join("; "), {
    cure:
      near === undefined
        ? "Name the agent with --agent; `pilotlight machines AGENT` lists its machines."
        : `Did you mean ${near}?`,
  });
}

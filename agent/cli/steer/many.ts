import { AgentError, formatAgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { printJson } from "../print.ts";
import { FAILED, openAgent, type SteerContext, type SteerOptions } from "./context.ts";

/** Agents that are asked at the same time. */
const AT_ONCE = 8;

/** An agent that a command is about, and how it is reached. */
export interface Target {
  /** As the operator calls it, or as it was found. */
  readonly name: string;
  /** It was found, and never met before. */
  readonly stranger: boolean;
  open(): Promise<AgentConnection>;
}

/** What became of one of them. */
export type Outcome<T> =
  | { readonly name: string; readonly value: T }
  | { readonly name: string; readonly error: AgentError };

/** Those that are named; without names the agent on this host, and where none runs all that are found. Rejects with E_UNREACHABLE for none. */
export async function targetsOf(
  context: SteerContext,
  names: readonly string[],
  options: SteerOptions,
): Promise<readonly Target[]> {
  if (names.length > 0) {
    return [...new Set(names)].map((name) => ({
      name,
      stranger: false,
      open: () => openAgent(context, name, options),
    }));
  }
  const local = await context.local();
  if (local) return [{ name: local.name, stranger: false, open: () => Promise.resolve(local) }];
  if (options.state !== undefined) {
    throw new AgentError("E_UNREACHABLE", `no agent runs with ${options.state}`);
  }
  context.notice("looking for agents …");
  const found = await context.finder.found();
  const targets = new Map<string, Target>();
  for (const agent of found) {
    if (targets.has(agent.fingerprint)) continue;
    targets.set(agent.fingerprint, {
      name: printableCut(agent.instance, 100),
      stranger: context.known.byFingerprint(agent.fingerprint) === undefined,
      open: async () => (await context.finder.visit(agent)).agent,
    });
  }
  const missing = context.known
    .list()
    .filter(({ fingerprint }) => !targets.has(fingerprint))
    .map(({ name }) => ({
      name,
      stranger: false,
      open: () => context.finder.open(name),
    }));
  const all = [...targets.values(), ...missing];
  if (all.length > 0) return all;
  throw new AgentError("E_UNREACHABLE", "no agent answers on this network, and none is known", {
    cure: "`pilotlight discover` says where it looked and what usually is wrong; an agent can be named by its address.",
  });
}

/** Asks all of them, a few at a time. One that fails does not stop the others. The outcomes stand in the order of the targets. */
export async function eachAgent<T>(
  targets: readonly Target[],
  ask: (agent: AgentConnection, target: Target) => Promise<T>,
): Promise<readonly Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  const waiting = [...targets.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [i, target] = next;
      outcomes[i] = await one(target, ask);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, targets.length) }, work));
  return outcomes;
}

/** Tells of those that failed, and sets the exit status. Of the only one there is, the error itself is thrown. */
export function tellFailures(
  context: SteerContext,
  outcomes: readonly Outcome<unknown>[],
  { json }: SteerOptions,
): void {
  for (const outcome of outcomes) {
    if (!("error" in outcome)) continue;
    const { name, error } = outcome;
    if (outcomes.length === 1 && !json) throw error;
    const { code, message, cure } = error;
    if (json) printJson(context, { agent: name, error: { code, message, cure } });
    context.host.stderr.write(`${formatAgentError(error)}\n`);
    context.host.setExitStatus(FAILED);
  }
}

async function one<T>(
  target: Target,
  ask: (agent: AgentConnection, target: Target) => Promise<T>,
): Promise<Outcome<T>> {
  const { name } = target;
  try {
    const agent = await target.open();
    try {
      return { name, value: await ask(agent, target) };
    } finally {
      agent.close();
    }
  } catch (error) {
    if (error instanceof AgentError) return { name, error };
    throw error;
  }
}

import { setTimeout as later } from "node:timers/promises";
import { AgentError } from "../../errors.ts";
import { AgentClient } from "../../operator/agent-client.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { AgentFinder, type BrowseAgents } from "../../operator/find-agents.ts";
import { type OperatorHome, operatorHome } from "../../operator/home.ts";
import { type AskPassphrase, Keyring } from "../../operator/keyring.ts";
import { KnownAgents } from "../../operator/known-agents.ts";
import { LocalAgent } from "../../operator/local-agent.ts";
import { NameCache } from "../../operator/name-cache.ts";
import { stateFolderOfAgent } from "../../state/state-folder.ts";
import type { CommandHost } from "../host.ts";
import { wrapped } from "../words.ts";
import { askSecret } from "./terminal.ts";

/** Columns that output for people has at the most. */
export const COLUMNS = 80;
/** Exit status of a command that failed for some agent. */
export const FAILED = 1;

/** What all commands that steer agents take. */
export interface SteerOptions {
  /** The agent on this host, by its state folder. */
  readonly state?: string;
  /** The operator's key. */
  readonly key?: string;
  readonly json?: true;
}

/** What the commands need that is not in the operator's home. */
export interface SteerParts {
  readonly browse: BrowseAgents;
  /** Absent: at the terminal. */
  readonly ask?: AskPassphrase;
  /** Absent: the one below /var/lib/pilotlight. */
  readonly systemFolder?: string;
  /** Waits; absent: by the host's clock. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/** Who steers, and how agents are reached. */
export interface SteerContext {
  readonly host: CommandHost;
  readonly home: OperatorHome;
  readonly known: KnownAgents;
  readonly keyring: Keyring;
  readonly finder: AgentFinder;
  readonly names: NameCache;
  /** Tells the operator something that is not the result. */
  notice(text: string): void;
  pause(ms: number): Promise<unknown>;
  /** The agent on this host; undefined where none runs. Rejects with E_UNREACHABLE when it may not be asked. */
  local(): Promise<AgentConnection | undefined>;
}

/** Nothing is read or asked before it is needed. */
export function steerContext(
  host: CommandHost,
  options: SteerOptions,
  parts: SteerParts,
): SteerContext {
  const { env, stderr } = host;
  const home = operatorHome(env);
  const known = new KnownAgents(home);
  const ask = parts.ask ?? ((prompt) => askSecret(process.stdin, stderr, prompt));
  const keyring = new Keyring({ home, file: options.key, env, ask });
  const notice = (text: string): void => {
    stderr.write(`${wrapped(text, COLUMNS, 2).join("\n")}\n`);
  };
  const finder = new AgentFinder({
    known,
    browse: parts.browse,
    connect: ({ host: name, port }, expect) =>
      AgentClient.connect({ host: name, port, expect, key: () => keyring.key(), notice }),
    notice,
  });
  return {
    host,
    home,
    known,
    keyring,
    finder,
    names: new NameCache(home),
    notice,
    pause: parts.pause ?? later,
    local: () => localAgent(host, options, parts),
  };
}

/**
 * Connects to an agent: the one that is named; the one on this host where none is, or where `--state` says so.
 *
 * Rejects with E_USAGE when none is named and none runs here.
 */
export async function openAgent(
  context: SteerContext,
  target: string | undefined,
  { state }: SteerOptions,
): Promise<AgentConnection> {
  if (target !== undefined) {
    if (state === undefined) return await context.finder.open(target);
    throw new AgentError("E_USAGE", `${target} or --state: one of them says which agent`, {
      cure: "Leave one of them out.",
    });
  }
  const agent = await context.local();
  if (agent) return agent;
  if (state !== undefined) throw new AgentError("E_UNREACHABLE", `no agent runs with ${state}`);
  const names = context.known.list().map(({ name }) => name);
  throw new AgentError("E_USAGE", "which agent? None runs on this host", {
    cure:
      names.length === 0
        ? "Name one: `pilotlight discover` shows those of this network."
        : `Name one: ${names.slice(0, 12).join(", ")}${names.length > 12 ? " …" : ""}.`,
  });
}

/** Opens an agent for `use`, and lets it go afterwards. */
export async function withAgent<T>(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
  use: (agent: AgentConnection) => Promise<T>,
): Promise<T> {
  const agent = await openAgent(context, target, options);
  try {
    return await use(agent);
  } finally {
    agent.close();
  }
}

async function localAgent(
  { env }: CommandHost,
  { state }: SteerOptions,
  { systemFolder }: SteerParts,
): Promise<AgentConnection | undefined> {
  let folder: string;
  try {
    const { STATE_DIRECTORY } = env;
    folder = stateFolderOfAgent({ option: state, fromSystemd: STATE_DIRECTORY }, systemFolder);
  } catch (error) {
    // None has ever run here, or several do, of which none is meant more than the others.
    if (state === undefined && error instanceof AgentError) return undefined;
    throw error;
  }
  return await LocalAgent.connect(folder);
}

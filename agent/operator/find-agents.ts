import type { FoundAgent } from "../discovery/services.ts";
import { AgentError } from "../errors.ts";
import { fingerprintPrefix, matchFingerprint, shortFingerprint } from "../identity/fingerprint.ts";
import { endpoint } from "../link/endpoint.ts";
import { printableCut } from "../log/printable.ts";
import { suggest } from "../site/suggest.ts";
import { type HostPort, parseAddress } from "./address.ts";
import type { AgentClient } from "./agent-client.ts";
import { isNamed, type KnownAgent, type KnownAgents, shellWord } from "./known-agents.ts";
import { OtherKey } from "./secure-link.ts";

/** How long agents may take to answer a question by mDNS, ms. */
const BROWSE_MS = 3_000;
const MAX_NAME = 100;

/** Asks for agents by mDNS for `patienceMs`, or until there are enough. */
export type BrowseAgents = (
  patienceMs: number,
  enough: (found: readonly FoundAgent[]) => boolean,
) => Promise<readonly FoundAgent[]>;

/** What a finder is made with. */
export interface FinderInput {
  readonly known: KnownAgents;
  readonly browse: BrowseAgents;
  /** Connects; `expect` is the fingerprint that the agent has to have. */
  readonly connect: (at: HostPort, expect: string | undefined) => Promise<AgentClient>;
  /** What the operator is told while it goes on. */
  readonly notice: (text: string) => void;
}

/** An agent that answers, and the name that it was asked for by; "" when it was none. */
export interface Reached {
  readonly agent: AgentClient;
  readonly asked: string;
}

/** Finds what an operator calls an agent: its name, its address, or the beginning of its fingerprint. */
export class AgentFinder {
  private readonly input: FinderInput;

  constructor(input: FinderInput) {
    this.input = input;
  }

  /**
   * Connects to an agent, whose key is the pinned one, or is believed from now on.
   *
   * Rejects with E_UNREACHABLE, E_IDENTITY, or E_USAGE when several agents may be meant.
   */
  async open(target: string): Promise<AgentClient> {
    return await this.remember(await this.reach(target));
  }

  /** Connects to an agent without believing in it yet: for a claim, which proves more than a first meeting does. */
  async reach(target: string): Promise<Reached> {
    const known = knownAs(target, this.input.known.list());
    const address = parseAddress(target);
    const reached = known
      ? await this.openKnown(known)
      : address
        ? { agent: await this.input.connect(address, undefined), asked: "" }
        : await this.openFound(await this.browsed(target), target);
    try {
      this.input.known.look({ ...proven(reached.agent), asked: reached.asked });
    } catch (error) {
      reached.agent.close();
      throw error;
    }
    return reached;
  }

  /** Believes in an agent that was reached from now on, and says so where it was not met before. */
  async remember({ agent, asked }: Reached, how?: string): Promise<AgentClient> {
    const { first, namesake } = await this.input.known.meet({ ...proven(agent), asked });
    if (!first) return agent;
    const key = shortFingerprint(agent.fingerprint);
    this.input.notice(
      how === undefined
        ? `${agent.where} is met for the first time. Its key ${key} is believed from now on: compare it with what its console shows.`
        : `${agent.where} has the key ${key}, ${how}.`,
    );
    if (namesake) {
      this.input.notice(
        `WARNING: ${namesake.name}, met on ${namesake.firstMet.slice(0, 10)}, calls itself so too, and has another key: ${shortFingerprint(namesake.fingerprint)}. One of them may pretend to be the other.`,
      );
    }
    return agent;
  }

  /** All that answer by mDNS. */
  found(): Promise<readonly FoundAgent[]> {
    return this.input.browse(BROWSE_MS, () => false);
  }

  /** Connects to one that was found. It is not remembered, but must not have another key than the one that is pinned for its name. */
  async visit(found: FoundAgent): Promise<{ readonly agent: AgentClient; readonly new: boolean }> {
    const agent = await this.connectAny(found, undefined);
    try {
      const { first } = this.input.known.look({ ...proven(agent), asked: found.instance });
      return { agent, new: first };
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  private async openKnown(known: KnownAgent): Promise<Reached> {
    const last = parseAddress(known.lastAddress);
    let failure: unknown;
    if (last) {
      try {
        return { agent: await this.input.connect(last, known.fingerprint), asked: known.name };
      } catch (error) {
        if (!mayBeElsewhere(error)) throw error;
        failure = error;
      }
    }
    this.input.notice(`${known.name} is not at ${known.lastAddress}; looking for it …`);
    const isIt = ({ fingerprint }: FoundAgent): boolean => fingerprint === known.fingerprint;
    const found = await this.input.browse(BROWSE_MS, (all) => all.some(isIt));
    const there = found.find(isIt);
    if (there) return { agent: await this.connectAny(there, known.fingerprint), asked: known.name };
    // Whoever uses its name now, or answers where it was: that shows whether its key was changed.
    const namesake = found.find(({ instance }) => isNamed(known, instance));
    if (namesake) return { agent: await this.connectAny(namesake, undefined), asked: known.name };
    if (last && failure instanceof AgentError && failure.cause instanceof OtherKey) {
      const other = await this.input.connect(last, undefined);
      if (isNamed(known, other.name)) return { agent: other, asked: known.name };
      other.close();
      throw new AgentError(
        "E_UNREACHABLE",
        `${known.name} is not at ${known.lastAddress} any more: that is ${other.name} now`,
        { cause: failure, cure: "Check that it is on, and give its address." },
      );
    }
    throw failure ?? notFound(known.name, found, []);
  }

  private async openFound(found: readonly FoundAgent[], target: string): Promise<Reached> {
    const byName = found.filter(({ instance }) => same(instance, target));
    const matching = matchFingerprint(
      target,
      found.map(({ fingerprint }) => fingerprint),
    );
    const fits = byName.length > 0 ? byName : found.filter((f) => matching.includes(f.fingerprint));
    const [first, ...others] = fits.filter(
      (f, i) => fits.findIndex((g) => g.fingerprint === f.fingerprint) === i,
    );
    if (!first) throw notFound(target, found, this.input.known.list());
    if (others.length > 0) throw ambiguous(target, [first, ...others]);
    // Asked for by its fingerprint it has to have that; by its name, what it announces is only a claim.
    const expect = byName.length > 0 ? undefined : first.fingerprint;
    return { agent: await this.connectAny(first, expect), asked: byName.length > 0 ? target : "" };
  }

  private browsed(target: string): Promise<readonly FoundAgent[]> {
    this.input.notice(`looking for ${printableCut(target, MAX_NAME)} …`);
    const prefix = fingerprintPrefix(target);
    // Two of one name have to be noticed, so that a name is waited for to the end.
    return this.input.browse(
      BROWSE_MS,
      (all) => prefix?.length === 52 && all.some(({ fingerprint }) => fingerprint === prefix),
    );
  }

  /** By any of the addresses at which it was found. */
  private async connectAny(found: FoundAgent, expect: string | undefined): Promise<AgentClient> {
    let failure: unknown;
    for (const host of found.addresses) {
      try {
        return await this.input.connect({ host, port: found.port }, expect);
      } catch (error) {
        failure ??= error;
        if (!(error instanceof AgentError && error.code === "E_UNREACHABLE")) throw error;
      }
    }
    throw failure ?? new AgentError("E_UNREACHABLE", `${found.instance} announces no address`);
  }
}

/** The pinned agent that is meant: by name, or by 16 or more characters of its fingerprint. Throws E_USAGE when that fits several. */
export function knownAs(target: string, known: readonly KnownAgent[]): KnownAgent | undefined {
  const named = known.find((agent) => isNamed(agent, target));
  if (named) return named;
  const [one, ...more] = matchFingerprint(
    target,
    known.map(({ fingerprint }) => fingerprint),
  );
  if (more.length > 0) {
    throw new AgentError(
      "E_USAGE",
      `several known agents have a fingerprint that begins so: ${target}`,
    );
  }
  return known.find(({ fingerprint }) => fingerprint === one);
}

function proven(agent: AgentClient): {
  readonly name: string;
  readonly fingerprint: string;
  readonly address: string;
} {
  return { name: agent.name, fingerprint: agent.fingerprint, address: agent.address };
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether an agent may be found at another address than this failure speaks of. */
function mayBeElsewhere(error: unknown): boolean {
  if (!(error instanceof AgentError)) return false;
  return (
    error.code === "E_UNREACHABLE" || error.code === "E_PROTOCOL" || error.cause instanceof OtherKey
  );
}

function notFound(
  target: string,
  found: readonly FoundAgent[],
  known: readonly KnownAgent[],
): AgentError {
  const names = [...found.map(({ instance }) => instance), ...known.map(({ name }) => name)];
  const near = suggest(target, names);
  const there = found.map(({ instance }) => shellWord(instance)).join(", ");
  return new AgentError(
    "E_UNREACHABLE",
    `no agent called ${printableCut(target, MAX_NAME)} answers on this network${there === "" ? "" : `; there are: ${printableCut(there, 400)}`}`,
    {
      cure:
        near === undefined
          ? "Give its address, or look with `pilotlight discover`: mDNS does not pass routers."
          : `Did you mean ${shellWord(near)}?`,
    },
  );
}

function ambiguous(target: string, fits: readonly FoundAgent[]): AgentError {
  const lines = fits.map(
    ({ addresses: [host = "?"], port, fingerprint }) =>
      `  ${endpoint(host, port)}  ${shortFingerprint(fingerprint)}`,
  );
  return new AgentError(
    "E_USAGE",
    [`several agents are called ${printableCut(target, MAX_NAME)}:`, ...lines].join("\n"),
    { cure: "Give the address of the one that you mean, or the beginning of its fingerprint." },
  );
}

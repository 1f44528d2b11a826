import { parse, stringify } from "yaml";
import { AgentError } from "../errors.ts";
import { printableCut } from "../log/printable.ts";
import type { OperatorHome } from "./home.ts";
import { NameCache, PINS } from "./name-cache.ts";

const HEAD =
  "# Agents that were met, and the identity key that each of them had then. `pilotlight trust forget` takes one out.\n";
/** More agents than this are not remembered: the ones met longest ago make room. */
const MOST = 1_000;
const MAX_NAME = 100;
/** So long the time of the last meeting is not written anew, ms. */
const FRESH_MS: number = 60 * 60_000;
const FINGERPRINT = /^[a-z2-7]{52}$/;

/** An agent that was met. */
export interface KnownAgent {
  /** As it called itself when it was last met. */
  readonly name: string;
  /** Of its identity key: 52 characters. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly firstMet: string;
  readonly lastMet: string;
  /** "10.0.0.7:7458", "[fe80::1%eth0]:7458". */
  readonly lastAddress: string;
}

/** What an agent proved of itself, and how it was reached. */
export interface Met {
  readonly name: string;
  readonly fingerprint: string;
  readonly address: string;
  /** What the operator called it: a name, an address, the beginning of a fingerprint. */
  readonly asked: string;
}

/** How it was to meet an agent. */
export interface Meeting {
  readonly agent: KnownAgent;
  /** It was not known before: its key is believed from now on. */
  readonly first: boolean;
  /** Another agent, with another key, that is known by the name that this one claims. */
  readonly namesake?: KnownAgent;
}

/** The agents that an operator has met: what ties a name to a key, since nothing else does. */
export class KnownAgents {
  private readonly home: OperatorHome;
  private readonly now: () => number;

  /** `now`: ms since 1970. */
  constructor(home: OperatorHome, now: () => number = Date.now) {
    this.home = home;
    this.now = now;
  }

  /** In the order in which they were first met. Throws E_KEY when the file was made unreadable. */
  list(): readonly KnownAgent[] {
    return parsed(this.home.read(PINS), this.home.file(PINS));
  }

  byFingerprint(fingerprint: string): KnownAgent | undefined {
    return this.list().find((agent) => agent.fingerprint === fingerprint);
  }

  /**
   * Remembers that an agent was met.
   *
   * Rejects with E_IDENTITY when another key was pinned for what the operator asked for, or a stranger answers where a known agent
   * was. Who is met for the first time under the name of another is known as "name (2)" from then on.
   */
  async meet(met: Met): Promise<Meeting> {
    const { before, others } = this.compared(met);
    const nowMs = this.now();
    const claimed = printableCut(met.name, MAX_NAME);
    const namesake = others.find((agent) => isNamed(agent, claimed));
    const name = namesake === undefined ? claimed : (before?.name ?? distinct(claimed, others));
    if (before?.name === name && before.lastAddress === met.address) {
      if (nowMs - Date.parse(before.lastMet) < FRESH_MS) return { agent: before, first: false };
    }
    const time = new Date(nowMs).toISOString();
    const agent: KnownAgent = {
      name,
      fingerprint: met.fingerprint,
      firstMet: before?.firstMet ?? time,
      lastMet: time,
      lastAddress: met.address,
    };
    await this.change((all) => [...all.filter((a) => a.fingerprint !== met.fingerprint), agent]);
    const first = before === undefined;
    return { agent, first, ...(first && namesake ? { namesake } : {}) };
  }

  /** The same, without remembering it. Throws. */
  look(met: Met): { readonly first: boolean } {
    return { first: this.compared(met).before === undefined };
  }

  /** Takes an agent out: the next key that its name has is believed anew. */
  async forget(agent: KnownAgent): Promise<void> {
    await this.change((all) => all.filter((a) => a.fingerprint !== agent.fingerprint));
  }

  private async change(next: (all: readonly KnownAgent[]) => readonly KnownAgent[]): Promise<void> {
    let agents: readonly KnownAgent[] = [];
    await this.home.update(PINS, (text) => {
      agents = bounded(next(parsed(text, this.home.file(PINS))));
      return HEAD + stringify({ agents });
    });
    await new NameCache(this.home).know(agents);
  }

  private compared(met: Met): {
    readonly before: KnownAgent | undefined;
    readonly others: readonly KnownAgent[];
  } {
    const known = this.list();
    const before = known.find(({ fingerprint }) => fingerprint === met.fingerprint);
    const others = known.filter(({ fingerprint }) => fingerprint !== met.fingerprint);
    const other = others.find(
      (agent) =>
        isNamed(agent, met.asked) ||
        // An address passes from one agent to another; from a known one to a stranger it does not do so silently.
        (before === undefined && agent.lastAddress === met.address),
    );
    if (other) throw changed(other, met);
    return { before, others };
  }
}

/** Whether an agent has this name: case does not count, as in DNS. */
export function isNamed(agent: KnownAgent, name: string): boolean {
  return agent.name.toLowerCase() === name.toLowerCase();
}

function changed(before: KnownAgent, met: Met): AgentError {
  const text = [
    "THE IDENTITY OF AN AGENT HAS CHANGED.",
    `  ${before.name} had the key  ${before.fingerprint}`,
    `    when it was first met on ${before.firstMet.slice(0, 10)}, and last at ${before.lastAddress}.`,
    `  ${printableCut(met.name, MAX_NAME)} at ${met.address} has the key`,
    `                ${met.fingerprint}.`,
    "  Either it was flashed or installed anew, or somebody pretends to be it. Nothing was sent to it.",
  ].join("\n");
  return new AgentError("E_IDENTITY", text, {
    cure: `Ask whoever looks after it. If the new key is right: pilotlight trust forget ${shellWord(before.name)}`,
  });
}

/** A name as it is typed. */
export function shellWord(text: string): string {
  return /^[\w.@%+:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function parsed(text: string | undefined, file: string): readonly KnownAgent[] {
  if (text === undefined || text.trim() === "") return [];
  let data: unknown;
  try {
    data = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw broken(file, "it is not YAML", cause);
  }
  const agents = (data as { agents?: unknown } | null)?.agents ?? [];
  if (!Array.isArray(agents)) throw broken(file, "`agents` is no list");
  return agents.map((entry: Partial<Record<keyof KnownAgent, unknown>> | null, i) => {
    const { name, fingerprint, firstMet, lastMet, lastAddress } = entry ?? {};
    if (typeof name !== "string" || typeof fingerprint !== "string") {
      throw broken(file, `entry ${i + 1} has no name or no fingerprint`);
    }
    if (!FINGERPRINT.test(fingerprint)) {
      throw broken(file, `the fingerprint of ${printableCut(name, MAX_NAME)} is none`);
    }
    return {
      name,
      fingerprint,
      firstMet: String(firstMet ?? ""),
      lastMet: String(lastMet ?? ""),
      lastAddress: String(lastAddress ?? ""),
    };
  });
}

function bounded(agents: readonly KnownAgent[]): readonly KnownAgent[] {
  const kept = [...agents].sort((a, b) => compare(a.lastMet, b.lastMet)).slice(-MOST);
  return kept.sort((a, b) => compare(a.firstMet, b.firstMet));
}

/** "rack7 (2)", as conflicts of mDNS are resolved. */
function distinct(name: string, others: readonly KnownAgent[]): string {
  for (let i = 2; ; i++) {
    const next = `${name} (${i})`;
    if (!others.some((agent) => isNamed(agent, next))) return next;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Never mended silently: whoever can damage the file could make the operator believe any key. */
function broken(file: string, why: string, cause?: unknown): AgentError {
  return new AgentError("E_KEY", `${file} cannot be used: ${why}`, {
    cause,
    cure: "Mend it, or take it away: then all agents are met for the first time again.",
  });
}

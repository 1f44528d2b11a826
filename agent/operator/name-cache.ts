import { statSync } from "node:fs";
import type { MachineStatus } from "../control/messages.ts";
import type { OperatorHome } from "./home.ts";

const FILE = "names.json";
/** What it is made of. */
export const PINS = "known-agents.yaml";
const MOST_NAMES = 5_000;

/** Names of a known agent, and of what it had when it was last asked. */
export interface AgentNames {
  readonly name: string;
  readonly machines: readonly string[];
  readonly profiles: readonly string[];
}

/**
 * The names of known agents, their machines and profiles, as the completion of shells needs them: read in a moment, where the
 * pins take YAML. Nothing else depends on it being right.
 */
export class NameCache {
  private readonly home: OperatorHome;

  constructor(home: OperatorHome) {
    this.home = home;
  }

  /** By fingerprint; undefined when it is older than the pins, or cannot be used. */
  all(): ReadonlyMap<string, AgentNames> | undefined {
    try {
      const madeMs = statSync(this.home.file(FILE)).mtimeMs;
      const pinnedMs = statSync(this.home.file(PINS)).mtimeMs;
      return madeMs < pinnedMs ? undefined : parsed(this.home.read(FILE));
    } catch {
      return undefined;
    }
  }

  /** These are the known agents now. Never fails: what cannot be remembered is not. */
  async know(
    agents: readonly { readonly name: string; readonly fingerprint: string }[],
  ): Promise<void> {
    await this.change((before) =>
      agents.map(({ name, fingerprint }) => {
        const { machines = [], profiles = [] } = before.get(fingerprint) ?? {};
        return [fingerprint, { name, machines, profiles }];
      }),
    );
  }

  /** A known agent has these machines now. Never fails. */
  async remember(fingerprint: string, machines: readonly MachineStatus[]): Promise<void> {
    const profiles = machines.flatMap(({ profile }) => (profile === null ? [] : [profile]));
    const names = {
      machines: machines.map((machine) => machine.name).slice(0, MOST_NAMES),
      profiles: [...new Set(profiles)].slice(0, MOST_NAMES),
    };
    const before = this.all()?.get(fingerprint);
    if (!before || JSON.stringify({ ...before, ...names }) === JSON.stringify(before)) return;
    await this.change((all) =>
      [...all].map(([key, agent]) => [key, key === fingerprint ? { ...agent, ...names } : agent]),
    );
  }

  private async change(
    next: (
      before: ReadonlyMap<string, AgentNames>,
    ) => readonly (readonly [fingerprint: string, names: AgentNames])[],
  ): Promise<void> {
    try {
      await this.home.update(
        FILE,
        (text) => `${JSON.stringify(Object.fromEntries(next(parsed(text))))}\n`,
      );
    } catch {
      // The folder is somebody else's, or the disk is full: whoever needs it says so.
    }
  }
}

function parsed(text: string | undefined): ReadonlyMap<string, AgentNames> {
  let data: unknown;
  try {
    data = JSON.parse(text ?? "{}");
  } catch {
    return new Map();
  }
  if (typeof data !== "object" || data === null) return new Map();
  return new Map(
    Object.entries(data).map(([fingerprint, names]: [string, Partial<AgentNames> | null]) => [
      fingerprint,
      {
        name: String(names?.name ?? ""),
        machines: texts(names?.machines),
        profiles: texts(names?.profiles),
      },
    ]),
  );
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

import type { MachineStatus } from "../control/messages.ts";
import type { OperatorHome } from "./home.ts";

const FILE = "names.json";
const MOST_AGENTS = 1_000;
const MOST_NAMES = 5_000;

/** Names that an agent had when it was last asked. */
export interface AgentNames {
  readonly machines: readonly string[];
  readonly profiles: readonly string[];
}

/** What machines and profiles agents have, remembered for the shell's completion. Nothing depends on it being right. */
export class NameCache {
  private readonly home: OperatorHome;

  constructor(home: OperatorHome) {
    this.home = home;
  }

  /** By fingerprint; empty when there is nothing that can be used. */
  all(): ReadonlyMap<string, AgentNames> {
    try {
      return parsed(this.home.read(FILE));
    } catch {
      return new Map();
    }
  }

  /** Never fails: what cannot be remembered is not. */
  async remember(fingerprint: string, machines: readonly MachineStatus[]): Promise<void> {
    const names: AgentNames = {
      machines: machines.map(({ name }) => name).slice(0, MOST_NAMES),
      profiles: [
        ...new Set(machines.flatMap(({ profile }) => (profile === null ? [] : [profile]))),
      ].slice(0, MOST_NAMES),
    };
    try {
      if (same(this.all().get(fingerprint), names)) return;
      await this.home.update(FILE, (text) => {
        const all = new Map(parsed(text));
        all.delete(fingerprint);
        all.set(fingerprint, names);
        return `${JSON.stringify(Object.fromEntries([...all].slice(-MOST_AGENTS)))}\n`;
      });
    } catch {
      // The home folder is somebody else's, or the disk is full: whoever needs it says so.
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
      { machines: texts(names?.machines), profiles: texts(names?.profiles) },
    ]),
  );
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function same(a: AgentNames | undefined, b: AgentNames): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

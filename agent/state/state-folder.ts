import { accessSync, constants, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { AgentError } from "../errors.ts";

/** Where a system-wide agent keeps what must survive it. */
const SYSTEM_FOLDER = "/var/lib/pilotlight";
/** The folder within a state folder that every agent makes first. */
const DATABASE = "db";

/** What tells where the state is: an option, or the service manager. */
export interface StateChoice {
  /** `--state`. */
  readonly option?: string | undefined;
  /** `$STATE_DIRECTORY`: what systemd made for `StateDirectory=`, several joined by colons. */
  readonly fromSystemd?: string | undefined;
}

/**
 * The state folder of an agent that is about to serve, made if it is not there.
 *
 * @throws AgentError E_CACHE when it cannot be made or written to
 */
export function stateFolderForAgent(choice: StateChoice): string {
  const folder = named(choice) ?? SYSTEM_FOLDER;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new AgentError("E_CACHE", `cannot keep state in ${folder}`, {
      cause,
      cure: "Name a folder that the agent's user may write to with --state.",
    });
  }
  return folder;
}

/**
 * The state folder that a command is about: the one named, or the one that an agent of this host uses.
 *
 * Each agent of a host with several has a folder of its own below the system's ("/var/lib/pilotlight/eth0").
 *
 * @throws AgentError E_USAGE when there is none, or more than one to choose from
 */
export function stateFolderOfAgent(choice: StateChoice, system: string = SYSTEM_FOLDER): string {
  const folder = named(choice);
  if (folder !== undefined) return folder;
  if (holdsState(system)) return system;
  const below = foldersIn(system).filter(holdsState);
  if (below.length === 1 && below[0] !== undefined) return below[0];
  const found = below.length === 0 ? "no agent has kept state there" : "several agents have";
  throw new AgentError("E_USAGE", `which agent's cache? ${system}: ${found}`, {
    cure:
      below.length === 0
        ? "Name the folder that `pilotlight serve` was given with --state."
        : `Choose one with --state: ${below.join(", ")}`,
  });
}

function named({ option, fromSystemd }: StateChoice): string | undefined {
  const folder = option ?? fromSystemd?.split(":")[0];
  return folder === undefined || folder === "" ? undefined : path.resolve(folder);
}

function holdsState(folder: string): boolean {
  return foldersIn(folder).includes(path.join(folder, DATABASE));
}

/** A folder that is not there, or not ours to read, has none. */
function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(folder, entry.name))
      .sort();
  } catch {
    return [];
  }
}

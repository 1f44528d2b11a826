import { mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { errorCode, keepOwner, syncFolder, whyNot } from "../state/folder.ts";

/** DNS-SD instance names have at most 63 octets (RFC 6763 section 4.1.1). */
const MAX_OCTETS = 63;

/** The name of an agent, by which people tell agents apart. */
export interface AgentName {
  readonly current: string;
  /** Durable when it resolves. Rejects with E_CONFIG for what cannot be a name, E_STATE when the disk does not take it. */
  rename(name: string): Promise<void>;
}

/** Whether a text can be an agent's name: 1 to 63 octets, printable, no spaces at its ends. */
export function isAgentName(text: string): boolean {
  const octets = Buffer.byteLength(text);
  return octets > 0 && octets <= MAX_OCTETS && text.trim() === text && !/\p{C}/u.test(text);
}

/**
 * The name that an agent keeps in its state folder.
 *
 * `wanted`: what the command line says, which counts from now on. `first`: the names that an agent without one takes, of which
 * the first that can be one counts. Rejects as `rename` does.
 */
export async function openAgentName(
  stateDir: string,
  wanted: string | undefined,
  first: readonly string[],
): Promise<AgentName> {
  const file = path.join(stateDir, "identity", "name");
  let current = readName(file);
  const rename = async (name: string): Promise<void> => {
    if (!isAgentName(name)) {
      const cure = `A name has 1 to ${MAX_OCTETS} octets, all of them printable.`;
      throw new AgentError("E_CONFIG", `"${name}" cannot be the name of an agent`, { cure });
    }
    if (name !== current) await writeName(file, name);
    current = name;
  };
  const name = wanted ?? current ?? [...first, "pilotlight"].find(isAgentName);
  if (name !== undefined && name !== current) await rename(name);
  return {
    get current() {
      return current ?? "pilotlight";
    },
    rename,
  };
}

function readName(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return isAgentName(text) ? text : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new AgentError("E_STATE", `cannot read ${file}: ${whyNot(file, error)}`, {
      cause: error,
    });
  }
}

async function writeName(file: string, name: string): Promise<void> {
  const folder = path.dirname(file);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    keepOwner(folder);
    const handle = await open(`${file}.new`, "w", 0o600);
    try {
      await handle.writeFile(`${name}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    keepOwner(`${file}.new`);
    await rename(`${file}.new`, file);
    await syncFolder(folder);
  } catch (cause) {
    throw new AgentError("E_STATE", `cannot write ${file}: ${whyNot(file, cause)}`, { cause });
  }
}

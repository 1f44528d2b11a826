import { readFileSync } from "node:fs";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { isAgentName } from "../identity/agent-name.ts";
import { readDocument } from "../site/document.ts";
import { formatProblems, type Problems } from "../site/problems.ts";
import { didYouMean, quote } from "../site/wording.ts";
import { errorCode, whyNot } from "../state/folder.ts";

/** Where a file of this kind is looked for: the first partition of a Raspberry Pi's card, which every computer can write. */
export const MEDIUM_FILES: readonly string[] = [
  "/boot/firmware/pilotlight.yaml",
  "/boot/pilotlight.yaml",
];
const KEYS = ["name", "trust", "config", "management"];

/** What was written on the boot medium before the agent first ran. */
export interface BootMedium {
  /** The file that was read. */
  readonly file: string;
  readonly name?: string;
  /** Public keys of operators as text, a line each. */
  readonly trust: readonly string[];
  /** A URL, or the absolute path of a bundle. */
  readonly config?: string;
  readonly management?: readonly string[];
}

/** A medium, and what is wrong with it: what is right in it counts all the same, since nobody sits before this machine. */
export interface MediumResult {
  readonly medium: BootMedium | undefined;
  readonly problem?: AgentError;
}

/**
 * Reads the file of the boot medium: the one that is named, or the first that is there.
 *
 * Throws E_CONFIG for one that was named and cannot be read.
 */
export function readBootMedium(
  named: string | undefined,
  places: readonly string[] = MEDIUM_FILES,
): MediumResult {
  for (const file of named === undefined ? places : [named]) {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      const problem = unreadable(file, cause);
      if (named !== undefined) throw problem;
      if (errorCode(cause) === "ENOENT" || errorCode(cause) === "ENOTDIR") continue;
      return { medium: undefined, problem };
    }
    return parseBootMedium(text, file);
  }
  return { medium: undefined };
}

/** The same of its text. Relative paths are relative to `file`. */
export function parseBootMedium(text: string, file: string): MediumResult {
  const nothing: BootMedium = { file, trust: [] };
  if (/^(?:\s*(?:#.*)?\n?)*$/.test(text)) return { medium: nothing };
  const { data, problems } = readDocument(text, file);
  const medium = data === undefined ? nothing : mediumOf(data, file, problems);
  if (problems.count === 0) return { medium };
  const count = problems.count === 1 ? "1 mistake" : `${problems.count} mistakes`;
  const cure = "Mend each place that is listed, and start the agent again.";
  const message = `${file} has ${count}\n\n${formatProblems(problems.list())}\n`;
  return { medium, problem: new AgentError("E_CONFIG", message, { cure }) };
}

function mediumOf(
  data: Readonly<Record<string, unknown>>,
  file: string,
  problems: Problems,
): BootMedium {
  for (const key of Object.keys(data)) {
    if (KEYS.includes(key)) continue;
    problems.add([key], `unknown key ${quote(key)}`, didYouMean(key, KEYS, "remove it"), "key");
  }
  const name = textOf(data, "name", problems);
  if (name !== undefined && !isAgentName(name)) {
    const cure = "write a short text: name: rack7";
    problems.add(["name"], `${quote(name)} cannot be the name of an agent`, cure);
  }
  const config = textOf(data, "config", problems);
  const management = "management" in data ? list(data, "management", problems) : undefined;
  const none = management?.length === 1 && management[0] === "none";
  return {
    file,
    trust: list(data, "trust", problems),
    ...(name !== undefined && isAgentName(name) ? { name } : {}),
    ...(config === undefined ? {} : { config: place(config, file) }),
    ...(management === undefined ? {} : { management: none ? [] : management }),
  };
}

function textOf(
  data: Readonly<Record<string, unknown>>,
  key: string,
  problems: Problems,
): string | undefined {
  const value = data[key];
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "") return value;
  problems.add([key], `"${key}" must be text`, `write one text in quotes: ${key}: "…"`);
  return undefined;
}

/** A list of texts; one text stands for a list of one. */
function list(
  data: Readonly<Record<string, unknown>>,
  key: string,
  problems: Problems,
): readonly string[] {
  const value = data[key];
  if (value === undefined) return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (const [i, item] of items.entries()) {
      if (typeof item === "string") continue;
      problems.add([key, String(i)], `an item of "${key}" is not text`, "put it in quotes");
    }
    return items.filter((item) => typeof item === "string");
  }
  problems.add(
    [key],
    `"${key}" must be a list`,
    `write ${key}: and below it a line "- …" for each`,
  );
  return [];
}

function place(config: string, file: string): string {
  return /^https?:\/\//i.test(config) ? config : path.resolve(path.dirname(file), config);
}

function unreadable(file: string, cause: unknown): AgentError {
  return new AgentError("E_CONFIG", `cannot read ${file}: ${whyNot(file, cause)}`, {
    cause,
    cure: "Put the file in place, or leave --medium out.",
  });
}

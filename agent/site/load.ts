import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { readDocument } from "./document.ts";
import { formatProblems, type SiteProblem } from "./problems.ts";
import { resolveSite } from "./resolve.ts";
import { checkShape } from "./shape.ts";
import type { Site } from "./site.ts";

/** A site, or everything that keeps the text from being one, in the order of the file. */
export type SiteResult =
  | { readonly site: Site; readonly problems?: undefined }
  | { readonly site?: undefined; readonly problems: readonly SiteProblem[] };

/**
 * Reads the text of a site file.
 *
 * @param file the file's path: shown in problems as it is, and made absolute for what is relative to it
 * @param exists whether a regular file is there, asked for templates only
 * @param readKey the text of a file with a public key, undefined when there is none
 */
export function parseSite(
  text: string,
  file: string,
  exists: (file: string) => boolean = isFile,
  readKey: (file: string) => string | undefined = readSmallFile,
): SiteResult {
  const { data, problems } = readDocument(text, file);
  if (data !== undefined) {
    const raw = checkShape(data, problems);
    const context = { path: path.resolve(file), exists, readKey, declared: data, problems };
    const site = resolveSite(raw, context);
    if (site !== undefined) return { site };
  }
  return { problems: problems.list() };
}

/**
 * Reads a site file.
 *
 * @throws AgentError E_SITE_READ; E_SITE_INVALID, whose message lists every problem and whose cause is the
 *   array of {@link SiteProblem}
 */
export async function loadSite(file: string): Promise<Site> {
  const { site, problems } = parseSite(await readSiteText(file), file);
  if (site !== undefined) return site;
  throw invalidSite(file, problems);
}

/** The error about a site file with mistakes. */
export function invalidSite(file: string, problems: readonly SiteProblem[]): AgentError {
  const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
  const message = `${file} has ${count}\n\n${formatProblems(problems)}\n`;
  return new AgentError("E_SITE_INVALID", message, { cause: problems });
}

/** The text of a site file. Rejects with E_SITE_READ. */
export async function readSiteText(file: string): Promise<string> {
  let octets: Uint8Array;
  try {
    octets = await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const cure = READ_CURES[code ?? ""];
    const what = READ_FAILURES[code ?? ""] ?? message;
    throw new AgentError("E_SITE_READ", `${file}: ${what}`, { cause, ...(cure ? { cure } : {}) });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    const cure = "Save it as UTF-8.";
    throw new AgentError("E_SITE_READ", `${file}: it is not UTF-8 text`, { cause, cure });
  }
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

const READ_CURES: Readonly<Record<string, string>> = {
  ENOENT: "Check the path of the site file; it is relative to the folder the command runs in.",
  EISDIR: "Give --site the file itself.",
};

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** A public key has 100 octets or so. A pipe or a device would keep us waiting. */
const MAX_KEY_OCTETS = 4096;

function readSmallFile(file: string): string | undefined {
  try {
    const stat = statSync(file);
    return stat.isFile() && stat.size <= MAX_KEY_OCTETS ? readFileSync(file, "latin1") : undefined;
  } catch {
    return undefined;
  }
}

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { SiteDocument } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { loadSite } from "../../site/load.ts";
import type { Site } from "../../site/site.ts";
import { readVerb } from "./read-verb.ts";

const MOST_FILES = 256;
const MOST_OCTETS = 4 << 20;
/** A path as a bundle may have it: parts of one to 255 characters between slashes. */
const PART = /^[^/\\\0]{1,255}$/;

/** The files of a site that an agent runs, by checked paths. */
export interface SiteFiles {
  readonly site: string;
  /** 0: a local file. */
  readonly serial: number;
  readonly main: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Fetches the files of the site that an agent runs, or of an earlier one.
 *
 * Rejects with E_PROTOCOL when what it sends cannot be the files of a site: an agent that was taken over must not be able to
 * write where it likes.
 */
export async function fetchSite(agent: AgentConnection, serial?: number): Promise<SiteFiles> {
  const document = await readVerb(agent, "site.get", serial === undefined ? {} : { serial });
  const wrong = whatIsWrong(document);
  if (wrong === undefined) {
    const { site, main } = document;
    const files = new Map(Object.entries(document.files));
    return { site, serial: document.serial, main, files };
  }
  throw new AgentError("E_PROTOCOL", `${agent.name} sent no files of a site: ${wrong}`, {
    cure: "Nothing was written. Look at what runs on that host before you trust it again.",
  });
}

function whatIsWrong({ main, files }: SiteDocument): string | undefined {
  if (typeof files !== "object" || files === null) return "there are none";
  const entries = Object.entries(files);
  if (entries.length > MOST_FILES) return `${entries.length} files`;
  let octets = 0;
  for (const [name, content] of entries) {
    if (!isSafePath(name)) return `the path "${printableCut(name, 60)}"`;
    if (!(content instanceof Uint8Array)) return `no octets in "${printableCut(name, 60)}"`;
    octets += content.length;
  }
  if (octets > MOST_OCTETS) return `${octets} octets`;
  return Object.hasOwn(files, main) ? undefined : "its main file is not among them";
}

/** Whether a path leads to a place within a folder, wherever that is. */
export function isSafePath(name: string): boolean {
  return name.split("/").every((part) => PART.test(part) && part !== "." && part !== "..");
}

/** Reads the site that these files are, in a folder that is removed afterwards. Rejects as `loadSite` does. */
export async function withSite<T>({ main, files }: SiteFiles, use: (site: Site) => T): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), "pilotlight-site-"));
  try {
    for (const [name, content] of files) {
      const file = path.join(dir, name);
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, content, { flag: "wx", mode: 0o600 });
    }
    return use(await loadSite(path.join(dir, main)));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

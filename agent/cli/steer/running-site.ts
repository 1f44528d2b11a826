import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { filesFault, MAX_BUNDLE, shown } from "../../bundle/bundle-rules.ts";
import type { SiteDocument } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { loadSite } from "../../site/load.ts";
import type { Site } from "../../site/site.ts";
import { readVerb } from "./read-verb.ts";

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
  const fault = faultOf(document);
  if (fault === undefined) {
    const { site, main } = document;
    const files = new Map(Object.entries(document.files));
    return { site, serial: document.serial, main, files };
  }
  throw new AgentError("E_PROTOCOL", `${agent.name} sent no files of a site: ${fault}`, {
    cure: "Nothing was written. Look at what runs on that host before you trust it again.",
  });
}

function faultOf({ main, files }: SiteDocument): string | undefined {
  if (typeof files !== "object" || files === null) return "there are none";
  const all = new Map(Object.entries(files));
  let octets = 0;
  for (const [name, content] of all) {
    if (!(content instanceof Uint8Array)) return `no octets in ${shown(name)}`;
    octets += content.length;
  }
  if (octets > MAX_BUNDLE) return `they have ${octets} octets`;
  return filesFault(all) ?? (all.has(main) ? undefined : "its main file is not among them");
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

import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { readDocument } from "../site/document.ts";
import { invalidSite, parseSite, readSiteText } from "../site/load.ts";
import { formatProblems, type Problems } from "../site/problems.ts";
import { checkShape } from "../site/shape.ts";
import { quote } from "../site/wording.ts";
import type { Bundle } from "./bundle.ts";
import { MAX_FILE, MAX_FILES, pathFault } from "./bundle-rules.ts";
import { type Reference, referencesOf, reportStranded } from "./site-references.ts";

/** What of a bundle comes from a site file. */
export type PackedSite = Pick<Bundle, "site" | "main" | "files">;

/**
 * A site file with everything that it names by a path relative to it: templates, keys of lists of digests, certificates.
 *
 * Rejects with E_SITE_READ and E_SITE_INVALID as `loadSite` does; with E_BUNDLE for what cannot travel, each place with its line:
 * assets and directories beside the site file, credentials, files outside of its folder, by a link too.
 */
export async function packSite(file: string): Promise<PackedSite> {
  const text = await readSiteText(file);
  const { site, problems } = parseSite(text, file);
  if (site === undefined) throw invalidSite(file, problems);
  const document = readDocument(text, file);
  const references = referencesOf(
    document.data,
    checkShape(document.data ?? {}, document.problems),
  );
  const packer = new Packer(await realpath(site.dir), document.problems);
  const main = path.basename(site.path);
  packer.files.set(main, Buffer.from(text, "utf8"));
  for (const reference of references) await packer.take(reference);
  packer.finish(file);
  return { site: site.name, main, files: packer.files };
}

class Packer {
  readonly files = new Map<string, Uint8Array>();
  private readonly dir: string;
  private readonly problems: Problems;

  /** `dir`: the site's folder, without links in its path. */
  constructor(dir: string, problems: Problems) {
    this.dir = dir;
    this.problems = problems;
  }

  async take(reference: Reference): Promise<void> {
    if (reference.kind !== "file") {
      reportStranded(reference, this.problems);
      return;
    }
    const { at, written } = reference;
    const name = path.posix.normalize(written);
    if (this.files.has(name)) return;
    const fault = pathFault(name);
    if (fault !== undefined) {
      this.report(reference, name.startsWith("..") ? OUTSIDE : fault, MOVE);
      return;
    }
    try {
      const real = await realpath(path.join(this.dir, name));
      if (!real.startsWith(`${this.dir}/`)) this.report(reference, LINK, MOVE);
      else this.files.set(name, await readSmall(real));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.problems.add(at, `${quote(written)} cannot be read: ${why}`, "make it a readable file");
    }
  }

  /** Throws E_BUNDLE when something was reported. */
  finish(file: string): void {
    if (this.files.size > MAX_FILES) {
      const message = `${file} names ${this.files.size} files, and a bundle has ${MAX_FILES} at most`;
      throw new AgentError("E_BUNDLE", message, { cure: "Make assets of some of them." });
    }
    const found = this.problems.list();
    if (found.length === 0) return;
    const places = found.length === 1 ? "1 place" : `${found.length} places`;
    const message = `${file} cannot be sent to an agent for ${places}\n\n${formatProblems(found)}\n`;
    throw new AgentError("E_BUNDLE", message, {
      cause: found,
      cure: "Mend each place that is listed; `pilotlight serve --site` does not need it.",
    });
  }

  private report({ at, written }: Reference, why: string, cure: string): void {
    this.problems.add(at, `${quote(written)} cannot be put into a bundle: ${why}`, cure);
  }
}

const OUTSIDE = "it lies outside of the site file's folder";
const LINK = "it is a link that leads out of the site file's folder";
const MOVE =
  "move it beside the site file, or write the absolute path that it has on the agent's host";

/** A pipe or a device would keep us waiting: it is opened without, and read only when it is a file. */
async function readSmall(file: string): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error("it is not a regular file");
    if (stat.size > MAX_FILE)
      throw new Error(`it has ${stat.size} octets, and ${MAX_FILE} are taken`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

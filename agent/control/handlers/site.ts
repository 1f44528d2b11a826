import { readFile } from "node:fs/promises";
import path from "node:path";
import type { OpenedBundle } from "../../bundle/bundle.ts";
import { AgentError } from "../../errors.ts";
import type { Site } from "../../site/site.ts";
import type { SiteDocument } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, theSite } from "./parts.ts";

/** How long an operator has to confirm a bundle, s. */
const PROBATION_S = 30;
const LEAST_PROBATION_S = 5;
const MOST_PROBATION_S = 600;

type Verbs =
  | "site.get"
  | "site.history"
  | "site.validate"
  | "site.diff"
  | "site.put"
  | "site.confirm"
  | "site.rollback";

/** The site, and the bundles that it comes by. */
export function siteHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  const { config, bundles } = parts;
  return {
    "site.get": async ({ serial }) => {
      if (serial === undefined && parts.siteFile !== undefined) {
        return localDocument(theSite(parts).planner.site);
      }
      return document(await bundleOf(parts, serial));
    },
    "site.history": async () => ({ bundles: config.history() }),
    "site.validate": async ({ bundle: octets }) => {
      const opened = await config.validate(octets);
      const { site, serial } = opened.bundle;
      const current = await currentBundle(parts);
      return { site, serial, changes: await bundles.changes(current, opened) };
    },
    "site.diff": async ({ from, to }) => {
      const [before, after] = [await bundleOf(parts, from), await bundleOf(parts, to)];
      return { changes: await bundles.changes(before, after) };
    },
    "site.put": async ({ bundle, probationS = PROBATION_S }, { caller }) => {
      refuseForFile(parts);
      if (!(probationS >= LEAST_PROBATION_S && probationS <= MOST_PROBATION_S)) {
        const range = `${LEAST_PROBATION_S} to ${MOST_PROBATION_S}`;
        throw new AgentError("E_USAGE", `a probation has ${range} seconds, not ${probationS}`);
      }
      return config.apply(bundle, { kind: "push", caller }, probationS * 1_000);
    },
    "site.confirm": async ({ serial }, { caller }) => {
      refuseForFile(parts);
      await config.confirm(serial, caller);
      return {};
    },
    "site.rollback": async ({ serial }, { caller }) => {
      refuseForFile(parts);
      return config.rollback(serial, caller);
    },
  };
}

/** An operator who named a file on the command line meant that file. Throws E_CONFIG. */
function refuseForFile({ siteFile }: AgentParts): void {
  if (siteFile === undefined) return;
  throw new AgentError(
    "E_CONFIG",
    `this agent runs the site file ${siteFile}, and takes no other`,
    {
      cure: "Change that file on the agent's host, or start the agent without --site.",
    },
  );
}

/** A bundle of the history; of the one that runs without a serial number. */
async function bundleOf(parts: AgentParts, serial: number | undefined): Promise<OpenedBundle> {
  const octets = parts.config.octetsOf(serial);
  if (octets) return parts.bundles.open(octets);
  if (serial === undefined) {
    theSite(parts);
    throw new AgentError("E_NOT_FOUND", "the site that is served came by no bundle");
  }
  const serials = parts.config.history().map((b) => b.serial);
  throw new AgentError("E_NOT_FOUND", `there is no bundle with the serial number ${serial}`, {
    cure: `There are: ${serials.join(", ") || "none"}.`,
  });
}

async function currentBundle(parts: AgentParts): Promise<OpenedBundle | undefined> {
  const octets = parts.config.octetsOf();
  return octets && parts.bundles.open(octets);
}

function document({ bundle }: OpenedBundle): SiteDocument {
  const { site, serial, main, files } = bundle;
  return { site, serial, main, files: Object.fromEntries(files) };
}

/** A local site file, with the templates that lie below its folder: what a bundle of it would have. */
async function localDocument(site: Site): Promise<SiteDocument> {
  const names = new Set([site.path]);
  for (const { files } of site.profiles.values()) {
    for (const source of files.values()) if (source.kind === "template") names.add(source.file);
  }
  const files: Record<string, Uint8Array> = {};
  for (const file of names) {
    const name = path.relative(site.dir, file);
    if (name.startsWith("..") || path.isAbsolute(name)) continue;
    files[name] = await readFile(file).catch((cause: unknown) => {
      throw new AgentError("E_SITE_READ", `cannot read ${file}`, { cause });
    });
  }
  return { site: site.name, serial: 0, main: path.relative(site.dir, site.path), files };
}

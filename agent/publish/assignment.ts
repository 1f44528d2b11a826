import path from "node:path";
import type { Targets } from "../bundle/bundle.ts";
import { AgentError } from "../errors.ts";
import { isFingerprint, matchFingerprint, shortFingerprint } from "../identity/fingerprint.ts";

/** A site that is published. */
export interface OfferedSite {
  /** As it was typed. */
  readonly file: string;
  /** The key `site:`. */
  readonly name: string;
}

/** For whom the sites are, as typed. */
export interface Wishes {
  /** "AGENT", or where there are several sites "AGENT=SITE". */
  readonly for: readonly string[];
  /** For every agent that trusts the signer. */
  readonly any: boolean;
}

/** An agent whose key is known. */
export interface KnownKey {
  readonly name: string;
  readonly fingerprint: string;
}

/** Who asks for a bundle. Texts are as sent. */
export interface Asker {
  /** Fingerprint of the key of its TLS certificate; undefined: it has shown none. */
  readonly proven: string | undefined;
  /** Who it says it is; "" when it does not say. */
  readonly agent: string;
  readonly name: string;
  readonly board: string;
  readonly address: string;
}

/** Which site an asker gets, as the place in the list, or a sentence for the operator why it gets none. */
export type Match = { readonly site: number } | { readonly why: string };

/** Which agent gets which of the sites. */
export class Assignment {
  private readonly any: boolean;
  private readonly agents: ReadonlyMap<string, number>;
  /** In lower case: case does not count in names. */
  private readonly names: ReadonlyMap<string, number>;
  private readonly given: ReadonlyMap<string, string>;

  /** Throws E_USAGE where it would not be clear who gets what. Without any wish each agent gets the site that has its name. */
  constructor(sites: readonly OfferedSite[], wishes: Wishes, known: readonly KnownKey[]) {
    this.any = wishes.any;
    const agents = new Map<string, number>();
    const names = new Map<string, number>();
    const given = new Map<string, string>();
    if (wishes.any && wishes.for.length > 0) {
      throw usage("both --for and --any are given", "Name agents with --for, or give --any.");
    }
    if (wishes.any && sites.length > 1) {
      throw usage(
        `--any: which of the ${sites.length} sites would every agent get?`,
        "Publish one site with --any, or say which is for whom: --for AGENT=SITE.yaml",
      );
    }
    const rules = wishes.any
      ? []
      : wishes.for.length === 0
        ? sites.map(({ name }, site) => ({ agent: name, site }))
        : wishes.for.map((text) => ruleOf(text, sites));
    for (const { agent, site } of rules) {
      const fingerprint = fingerprintFor(agent, known);
      const [table, key] =
        fingerprint === undefined ? [names, agent.toLowerCase()] : [agents, fingerprint];
      const other = table.get(key);
      if (other !== undefined && other !== site) {
        const files = [sites[other]?.file, sites[site]?.file].join(" and ");
        throw usage(`${agent} would get both ${files}`, "Let each agent have one site.");
      }
      table.set(key, site);
      given.set(key, agent);
    }
    this.agents = agents;
    this.names = names;
    this.given = given;
  }

  /** For whom the bundle of a site is signed. */
  targetsOf(site: number): Targets {
    if (this.any) return { any: true };
    const agents = keysOf(this.agents, site);
    const names = keysOf(this.names, site).map((key) => this.given.get(key) ?? key);
    return {
      ...(agents.length > 0 ? { agents } : {}),
      ...(names.length > 0 ? { names } : {}),
    };
  }

  /** How the operator sees it: "rack7 (k7xq-m2ab-hh5c-2q4z)", and names of which no key is known. */
  audience(site: number): readonly string[] {
    if (this.any) return ["every agent that trusts your key"];
    return [
      ...keysOf(this.agents, site).map(
        (key) => `${this.given.get(key) ?? ""} (${shortFingerprint(key)})`,
      ),
      ...keysOf(this.names, site).map((key) => `"${this.given.get(key)}", whose key is not known`),
    ];
  }

  /** Keys of all who are meant; undefined: any agent, or names, so nobody knows how many there are. */
  get fingerprints(): readonly string[] | undefined {
    return this.any || this.names.size > 0 ? undefined : [...this.agents.keys()];
  }

  /** What an asker gets: by its proven key, then by the name that it gives. */
  match({ proven, agent, name }: Asker): Match {
    if (proven !== undefined && agent !== "" && proven !== agent) {
      return { why: "it says that it is another agent than its certificate shows" };
    }
    if (this.any) return { site: 0 };
    const byKey = this.agents.get(proven ?? agent);
    if (proven === undefined) {
      return {
        why:
          byKey === undefined
            ? "it shows no certificate, and nothing is for everybody"
            : "it shows no certificate, so it may be anybody",
      };
    }
    const site = byKey ?? this.names.get(name.toLowerCase());
    return site === undefined ? { why: "no site is for it" } : { site };
  }
}

function keysOf(table: ReadonlyMap<string, number>, site: number): readonly string[] {
  return [...table].filter(([, of]) => of === site).map(([key]) => key);
}

function ruleOf(
  text: string,
  sites: readonly OfferedSite[],
): { readonly agent: string; readonly site: number } {
  const at = text.lastIndexOf("=");
  const agent = at < 0 ? text : text.slice(0, at);
  if (agent === "") throw usage(`--for ${text} names no agent`, "Write --for AGENT=SITE.yaml.");
  if (at < 0) {
    if (sites.length === 1) return { agent, site: 0 };
    const cure = `Say it: --for ${agent}=${sites[0]?.file ?? "SITE.yaml"}`;
    throw usage(`--for ${agent}: which of the ${sites.length} sites?`, cure);
  }
  const wanted = text.slice(at + 1);
  const found = [...sites.keys()].filter((i) => isCalled(sites[i], wanted));
  const [site] = found;
  if (site !== undefined && found.length === 1) return { agent, site };
  const cure = `There are: ${sites.map(({ file }) => file).join(", ")}.`;
  throw usage(
    `--for ${text}: ${found.length === 0 ? "no such site is published" : "several sites are called so"}`,
    cure,
  );
}

function isCalled(site: OfferedSite | undefined, wanted: string): boolean {
  return (
    site !== undefined && (path.resolve(site.file) === path.resolve(wanted) || site.name === wanted)
  );
}

/** The key of an agent: typed, as a whole or the beginning of a known one, or that of a known name. Throws E_USAGE. */
function fingerprintFor(agent: string, known: readonly KnownKey[]): string | undefined {
  if (isFingerprint(agent)) return agent;
  const byName = known.filter(({ name }) => name.toLowerCase() === agent.toLowerCase());
  const fingerprints = new Set(
    byName.length > 0
      ? byName.map(({ fingerprint }) => fingerprint)
      : matchFingerprint(
          agent,
          known.map(({ fingerprint }) => fingerprint),
        ),
  );
  const [first] = fingerprints;
  if (fingerprints.size < 2) return first;
  throw usage(`"${agent}" is more than one agent that you have met`, "Give its fingerprint.");
}

function usage(message: string, cure: string): AgentError {
  return new AgentError("E_USAGE", message, { cure });
}

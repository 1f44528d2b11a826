import type { Cache } from "../assets/cache/cache.ts";
import type { AssetKeeper } from "../assets/fetch/asset-keeper.ts";
import { AgentError } from "../errors.ts";
import type { AssetSpec, Site } from "../site/site.ts";
import { suggest } from "../site/suggest.ts";
import type { AssetControl } from "./asset-routes.ts";

/** What a running agent is asked through. */
export interface AssetControlInput {
  readonly site: Site;
  readonly keeper: AssetKeeper;
  readonly cache: Cache;
  /** Names of the machines that boot just now. */
  readonly booting: () => readonly string[];
  readonly pid: number;
  /** Of this software. */
  readonly version: string;
}

/** What commands can ask of the keeper of a running agent. */
export function assetControl(input: AssetControlInput): AssetControl {
  const { site, keeper, cache, booting, pid, version } = input;
  const agent = { pid, version, site: site.name, siteFile: site.path };
  const named = (names: readonly string[] | undefined): readonly AssetSpec[] =>
    names === undefined ? [...site.assets.values()] : names.map((name) => specOf(site, name));
  return {
    async status() {
      return { agent, booting: booting(), ...(await keeper.status()) };
    },
    async prefetch(names) {
      const specs = named(names);
      await keeper.prefetch(specs);
      const { assets } = await keeper.status();
      // Those that failed rest for a while; who asks now does not want to wait for that.
      const resting = new Set(
        assets.filter((a) => a.retryInMs !== undefined).map(({ name }) => name),
      );
      for (const spec of specs) if (resting.has(spec.name)) keeper.refresh(spec);
      return specs.map(({ name }) => name);
    },
    refresh(names) {
      const specs = named(names);
      for (const spec of specs) keeper.refresh(spec);
      return Promise.resolve(specs.map(({ name }) => name));
    },
    async changed(names) {
      keeper.recheck();
      // Octets may have come for what could not be had so far. Names that the site does not have concern nobody here.
      const { assets } = await keeper.status();
      const without = new Set(assets.filter((a) => a.digest === undefined).map(({ name }) => name));
      for (const name of names ?? without) {
        const spec = site.assets.get(name);
        if (spec && without.has(name)) keeper.refresh(spec);
      }
    },
    async damaged(digests) {
      for (const digest of digests) await keeper.condemn(digest, "`cache verify` found it damaged");
    },
    collect: () => cache.collect(),
  };
}

/** The asset of a site with this name. Throws E_USAGE, which says which one may be meant. */
export function specOf(site: Site, name: string): AssetSpec {
  const spec = site.assets.get(name);
  if (spec) return spec;
  const near = suggest(name, site.assets.keys());
  throw new AgentError("E_USAGE", `the site ${site.name} has no asset "${name}"`, {
    cure:
      near === undefined
        ? "`pilotlight cache ls` shows their names."
        : `Did you mean "${near}"? \`pilotlight cache ls\` shows their names.`,
  });
}

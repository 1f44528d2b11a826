import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import type { AssetRecord, VersionRecord } from "../../assets/cache/records.ts";
import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
import { recordOf, servedVersion, shortDigest, versionBy } from "./choose.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";

export interface PinOptions extends CacheOptions {
  readonly release?: true;
}

export interface RollbackOptions extends CacheOptions {
  readonly to?: string;
}

/** `pilotlight cache pin`: holds the version that is served, or another one, until it is released. */
export async function pin(
  context: CacheContext,
  name: string,
  prefix: string | undefined,
  options: PinOptions,
): Promise<void> {
  if (options.release) {
    if (prefix !== undefined) {
      throw new AgentError("E_USAGE", "--release takes no digest: there is one held version");
    }
    await release(context, name, options);
    return;
  }
  await hold(context, name, options, (cache, record) => {
    if (prefix !== undefined) return versionBy(record, prefix);
    const served = servedVersion(record);
    if (served && cache.blob(served.digest)) return served;
    throw new AgentError("E_ASSET_PENDING", `no version of "${name}" is in the cache`);
  });
}

/** `pilotlight cache rollback`: serves the good version before, and holds it. */
export async function rollback(
  context: CacheContext,
  name: string,
  options: RollbackOptions,
): Promise<void> {
  await hold(context, name, options, (cache, record) => {
    if (options.to !== undefined) return versionBy(record, options.to);
    const before = versionBefore(cache, record);
    if (before) return before;
    throw new AgentError("E_USAGE", `"${name}" has no version before the one that is served`, {
      cure: `\`pilotlight cache ls ${name}\` shows the versions that are kept; \`cache.versions\` in the site says how many.`,
    });
  });
}

/** The newest version older than the one that is served, made in the same way, whose octets are there. */
export function versionBefore(
  cache: Pick<DiskCache, "blob">,
  record: AssetRecord,
): VersionRecord | undefined {
  const served = servedVersion(record);
  const from = record.versions.findIndex(({ digest }) => digest === served?.digest);
  return record.versions
    .slice(from + 1)
    .find((v) => v.treatment === served?.treatment && cache.blob(v.digest) !== undefined);
}

async function hold(
  context: CacheContext,
  name: string,
  options: CacheOptions,
  choose: (cache: DiskCache, record: AssetRecord) => VersionRecord,
): Promise<void> {
  const { chosen, before } = await withCache(context, async (cache) => {
    const record = recordOf(cache, name);
    const version = choose(cache, record);
    if (cache.blob(version.digest) === undefined) {
      throw new AgentError(
        "E_ASSET_DAMAGED",
        `the octets of ${shortDigest(version.digest)} are not in the cache any more`,
        { cure: `\`pilotlight cache ls ${name}\` shows which versions have theirs.` },
      );
    }
    const { digest } = version;
    await cache.update(name, (was) => was && { ...was, held: digest, current: digest });
    return { chosen: version, before: record };
  });
  const when = await agentsAnswer(context, name, chosen);
  if (when === "other") {
    await withCache(context, (cache) => cache.update(name, (was) => was && restored(was, before)));
    await context.agent.changed([name]);
    throw new AgentError(
      "E_USAGE",
      `the agent does not serve ${shortDigest(chosen.digest)} as "${name}": the site itself says which digest it has, or how it is unpacked, and that is above a pin`,
      { cure: "Change `sha256` of the asset in the site; nothing was changed here." },
    );
  }
  if (options.json) {
    printJson(context, { name, held: chosen.digest, size: chosen.size, from: when });
    return;
  }
  const since = {
    now: "is served now",
    quiet: "is served as soon as no machine boots any more",
    start: "is served when the agent starts",
  }[when];
  print(context, [
    `${name}: ${shortDigest(chosen.digest)} ${since}, and held.`,
    `Release it with: pilotlight cache pin ${name} --release`,
  ]);
}

async function release(context: CacheContext, name: string, options: CacheOptions): Promise<void> {
  const before = await withCache(context, async (cache) => {
    const record = recordOf(cache, name);
    if (record.held !== undefined) {
      await cache.update(name, (was) => was && restored(was, { ...was, held: undefined }));
    }
    return record.held;
  });
  await context.agent.changed([name]);
  if (options.json) printJson(context, { name, released: before ?? null });
  else if (before === undefined) print(context, [`${name}: no version was held.`]);
  else {
    print(context, [`${name}: ${shortDigest(before)} is not held any more; the site decides.`]);
  }
}

/** The record with the pin, and what is served, as they were in another one. */
function restored(
  record: AssetRecord,
  as: { readonly held?: string | undefined; readonly current?: string | undefined },
): AssetRecord {
  const { held: _, current: __, ...rest } = record;
  return {
    ...rest,
    ...(as.held === undefined ? {} : { held: as.held }),
    ...(as.current === undefined ? {} : { current: as.current }),
  };
}

/**
 * When an agent serves the version: now, when it is quiet, or at its start where none runs. `other`: it goes on with another
 * one, since the site wants it so. An agent whose site has no such asset will not serve it at all, and says nothing against it.
 */
async function agentsAnswer(
  context: CacheContext,
  name: string,
  { digest }: VersionRecord,
): Promise<"now" | "quiet" | "start" | "other"> {
  if (!(await context.agent.changed([name]))) return "start";
  const asset = (await context.agent.status())?.assets.find((a) => a.name === name);
  if (!asset) return "start";
  if (asset.digest === digest) return "now";
  return asset.next === digest ? "quiet" : "other";
}

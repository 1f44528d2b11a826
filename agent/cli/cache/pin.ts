import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import {
  type ChooseVersion,
  holdVersion,
  siteIsAbovePin,
  toGoBackTo,
  toPin,
  withPinOf,
} from "../../assets/cache/hold-version.ts";
import { recordOf, shortDigest } from "../../assets/cache/named-version.ts";
import type { VersionRecord } from "../../assets/cache/records.ts";
import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
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
  await hold(context, name, options, (cache) => toPin(cache, prefix));
}

/** `pilotlight cache rollback`: serves the good version before, and holds it. */
export async function rollback(
  context: CacheContext,
  name: string,
  options: RollbackOptions,
): Promise<void> {
  await hold(context, name, options, (cache) => toGoBackTo(cache, options.to));
}

async function hold(
  context: CacheContext,
  name: string,
  options: CacheOptions,
  choose: (cache: DiskCache) => ChooseVersion,
): Promise<void> {
  const { version: chosen, before } = await withCache(context, (cache) =>
    holdVersion(cache, name, choose(cache)),
  );
  const when = await agentsAnswer(context, name, chosen);
  if (when === "other") {
    await withCache(context, (cache) => cache.update(name, (was) => was && withPinOf(was, before)));
    await context.agent.changed([name]);
    throw siteIsAbovePin(name, chosen);
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
      await cache.update(name, (was) => was && withPinOf(was, { ...was, held: undefined }));
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

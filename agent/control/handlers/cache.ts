import {
  type ChooseVersion,
  holdVersion,
  siteIsAbovePin,
  toGoBackTo,
  toPin,
  withPinOf,
} from "../../assets/cache/hold-version.ts";
import { specOf } from "../asset-control.ts";
import type { PinnedAsset } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName, type RunningSite, theSite } from "./parts.ts";

type Verbs = "cache.list" | "cache.prefetch" | "cache.refresh" | "cache.pin" | "cache.rollback";

/** The assets of the site. */
export function cacheHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  const pinned = async (
    running: RunningSite,
    name: string,
    choose: ChooseVersion,
    by: string,
  ): Promise<PinnedAsset> => {
    const { digest } = await hold(running, name, choose);
    parts.journal.note({
      protocol: "assets",
      event: `${name} is held at ${digest.slice(0, 12)}`,
      decision: `asked for by ${by}`,
      outcome: "noted",
    });
    return { name, digest };
  };
  return {
    "cache.list": async () => theSite(parts).keeper.status(),
    "cache.prefetch": async ({ names }) => ({
      names: await theSite(parts).assets.prefetch(names),
    }),
    "cache.refresh": async ({ names }) => ({ names: await theSite(parts).assets.refresh(names) }),
    "cache.pin": async ({ name, digest }, { caller }) => {
      const running = theSite(parts);
      return pinned(running, name, toPin(running.cache, digest), callerName(caller));
    },
    "cache.rollback": async ({ name, digest }, { caller }) => {
      const running = theSite(parts);
      return pinned(running, name, toGoBackTo(running.cache, digest), callerName(caller));
    },
  };
}

/** Holds a version of an asset; where the site itself says another one, everything is as it was. */
async function hold(
  { planner, cache, assets, keeper }: RunningSite,
  name: string,
  choose: ChooseVersion,
): Promise<{ readonly digest: string }> {
  specOf(planner.site, name);
  const { version, before } = await holdVersion(cache, name, choose);
  await assets.changed([name]);
  const asset = (await keeper.status()).assets.find((a) => a.name === name);
  // `next`: as soon as no machine boots any more.
  if (asset?.digest === version.digest || asset?.next === version.digest) return version;
  await cache.update(name, (was) => was && withPinOf(was, before));
  await assets.changed([name]);
  throw siteIsAbovePin(name, version);
}

import type { AddressBook } from "../addresses/address-book.ts";
import type { DiskCache } from "../assets/cache/disk-cache.ts";
import type { AssetKeeper } from "../assets/fetch/asset-keeper.ts";
import type { AssetControl } from "../control/asset-routes.ts";
import type { BootActivity } from "../log/boot-activity.ts";
import type { CurrentPlans } from "../plan/current-plans.ts";
import type { Sightings } from "../plan/sightings.ts";
import type { RunningServices } from "../services/all.ts";
import type { StatusCounters } from "../services/context.ts";
import type { Site } from "../site/site.ts";

/** What there is only while a site is served. Ask for it each time: a change of the site makes another one. */
export interface RunningSite {
  readonly site: Site;
  /** Of the rack. */
  readonly interfaceName: string;
  /** The site and its plans, with what operators override. */
  readonly planner: CurrentPlans;
  readonly keeper: AssetKeeper;
  readonly cache: DiskCache;
  readonly activity: BootActivity;
  readonly sightings: Sightings;
  readonly counters: StatusCounters;
  readonly addresses: AddressBook;
  /** Other DHCP servers; undefined where BOOTP and DHCP are off. */
  readonly beside: RunningServices["beside"];
  readonly wake: RunningServices["wake"];
  /** What the commands of this host ask the keeper by. */
  readonly assets: AssetControl;
}

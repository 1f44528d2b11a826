import type { AddressBook } from "../../addresses/address-book.ts";
import type { Cache } from "../../assets/cache/cache.ts";
import type { AssetKeeper } from "../../assets/fetch/asset-keeper.ts";
import type { OpenedBundle } from "../../bundle/bundle.ts";
import type { Captures } from "../../capture/captures.ts";
import type { ConfigKeeper } from "../../config/config.ts";
import type { AgentState } from "../../discovery/services.ts";
import { AgentError } from "../../errors.ts";
import type { Identity } from "../../identity/identity.ts";
import type { PublicKey } from "../../identity/keys.ts";
import type { Trust } from "../../identity/trust.ts";
import type { Clock } from "../../link/clock.ts";
import type { BootActivity } from "../../log/boot-activity.ts";
import type { Journal } from "../../log/journal.ts";
import type { CurrentPlans } from "../../plan/current-plans.ts";
import type { Sightings } from "../../plan/sightings.ts";
import type { RunningServices } from "../../services/all.ts";
import type { StatusCounters } from "../../services/context.ts";
import type { AssetControl } from "../asset-routes.ts";
import type { Caller } from "../caller.ts";
import type { ConfigSearch, InterfaceStatus } from "../messages.ts";
import type { AgentNews } from "../news.ts";

/** What there is only while a site is served. */
export interface RunningSite {
  /** The site and its plans. */
  readonly planner: Pick<
    CurrentPlans,
    "site" | "machine" | "current" | "upcoming" | "overridesOf" | "boot" | "hold" | "release"
  >;
  readonly keeper: Pick<AssetKeeper, "status">;
  readonly cache: Pick<Cache, "asset" | "assets" | "blob" | "update">;
  /** What the commands of this host ask the keeper by. */
  readonly assets: AssetControl;
  readonly activity: Pick<BootActivity, "machines">;
  readonly sightings: Sightings;
  /** Absent: it gives no addresses. */
  readonly addresses?: AddressBook | undefined;
  readonly counters: StatusCounters;
  /** Other DHCP servers; absent: BOOTP and DHCP are off. */
  readonly beside?: RunningServices["beside"];
  readonly wake: RunningServices["wake"];
  /** Of the rack. */
  readonly interfaceName: string;
}

/** What an agent is doing, and why it does no more. */
export interface Situation {
  readonly state: AgentState;
  /** A sentence each. */
  readonly reasons: readonly string[];
}

/** The parts of an agent that its verbs work on. Functions are asked anew each time: what they tell of comes and goes. */
export interface AgentParts {
  readonly identity: Identity;
  readonly name: {
    current(): string;
    /** Resolves when it is durable and announced. */
    rename(name: string): Promise<void>;
  };
  /** Of this software. */
  readonly version: string;
  /** The board's id. */
  readonly board: string;
  readonly trust: Trust;
  /** An operator's key from its 32 octets. Throws E_KEY. */
  readonly publicKey: (octets: Uint8Array) => PublicKey;
  readonly config: ConfigKeeper;
  readonly bundles: {
    /** Takes a bundle apart that was accepted before. */
    open(octets: Uint8Array): OpenedBundle | Promise<OpenedBundle>;
    /** What is different in the second one, a line each. */
    changes(
      from: OpenedBundle | undefined,
      to: OpenedBundle,
    ): readonly string[] | Promise<readonly string[]>;
  };
  /** The site file that was given on the command line. */
  readonly siteFile: string | undefined;
  readonly running: () => RunningSite | undefined;
  readonly situation: () => Situation;
  readonly search: () => ConfigSearch | undefined;
  readonly interfaces: () => readonly InterfaceStatus[];
  readonly journal: Journal;
  /** The agent's log: its level may be set (pino). */
  readonly log: { level: string };
  readonly captures: Captures;
  readonly news: AgentNews;
  /** What the agent itself counted of rubbish, by "protocol status"; a site's services have their own. */
  readonly counters?: () => Readonly<Record<string, number>>;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly startedMs: number;
  /** Returns at once; the agent ends when what it answers is sent, and is started again. */
  readonly restart: () => void;
}

/** The site that is served. Throws E_NOT_FOUND while there is none. */
export function theSite(parts: AgentParts): RunningSite {
  const running = parts.running();
  if (running) return running;
  throw new AgentError("E_NOT_FOUND", "this agent is unconfigured: it serves no site", {
    cure: "Push a site to it with `pilotlight push`; its status says how it looks for one.",
  });
}

/** Who asks, for the journal and for those who look at what was done. */
export function callerName(caller: Caller): string {
  if (caller.kind === "operator") return caller.operator.name;
  return caller.kind === "local" ? "local" : caller.address;
}

/** A time as messages have it. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

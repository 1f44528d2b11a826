import type { Hono } from "hono";
import type { Logger } from "pino";
import type { BundleTools } from "./config/config-input.ts";
import type { KeptConfig } from "./config/open-config.ts";
import type { ConfigSearch, InterfaceStatus } from "./control/messages.ts";
import type { AgentNews } from "./control/news.ts";
import type { ClaimRequest } from "./control/server/parts.ts";
import type { Announcement, Announcer } from "./discovery/services.ts";
import type { Health } from "./health.ts";
import type { AgentName } from "./identity/agent-name.ts";
import type { Identity } from "./identity/identity.ts";
import type { PublicKey } from "./identity/keys.ts";
import type { Operator, Trust } from "./identity/trust.ts";
import type { Clock } from "./link/clock.ts";
import type { ManagementAddress } from "./link/management-interfaces.ts";
import type { BootActivity } from "./log/boot-activity.ts";
import type { Journal } from "./log/journal.ts";
import type { StatusCounters } from "./services/context.ts";
import type { RunningSite } from "./serving/running-site.ts";
import type { Management, Site } from "./site/site.ts";
import type { Database } from "./state/database.ts";

/** How an agent that nobody is trusted by yet is taken over. */
export interface ClaimDesk {
  /** What proves that somebody sees its console; undefined once it has been claimed. */
  readonly code: string | undefined;
  /** Rejects with E_CLAIM. */
  claim(
    request: ClaimRequest,
  ): Promise<{ readonly proof: Uint8Array; readonly operator: Operator }>;
  /** Somebody is trusted by another way now. */
  closeIfClaimed(): Promise<void>;
}

/** Who the agent is and whom it obeys: there before anything else. */
export interface Standing {
  readonly identity: Identity;
  readonly trust: Trust;
  readonly claim: ClaimDesk | undefined;
  readonly name: AgentName;
}

/** An agent that runs, as the parts that steer it see it. */
export interface RunningAgent extends Standing {
  readonly stateDir: string;
  readonly database: Database;
  readonly version: string;
  /** Id of the board. */
  readonly board: string;
  readonly startedAt: string;
  readonly clock: Clock;
  readonly wallMs: () => number;
  readonly log: Logger;
  readonly journal: Journal;
  readonly activity: BootActivity;
  readonly health: Health;
  readonly news: AgentNews;
  /** Rubbish that came to the agent itself, and not to the services of a site. */
  readonly counters: StatusCounters;
  /** The site file that was given on the command line: then nothing can be pushed. */
  readonly siteFile: string | undefined;
  /** Absent with a site file. */
  readonly config: KeptConfig | undefined;
  /** What there is only while a site is served. Ask each time. */
  readonly running: () => RunningSite | undefined;
  /** From where it is steered, and who may read: as the site says, or as holds without one. */
  readonly management: () => Management;
  readonly interfaces: () => readonly InterfaceStatus[];
  /** How it looks for its configuration; undefined: it does not. */
  readonly search: () => ConfigSearch | undefined;
  /** Of the agent's environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The token that lets read, where the site wants one and it can be had. */
  readonly readToken: () => string | undefined;
  /** What the agent is announced as, and the names of its host. */
  readonly hostNames: () => readonly string[];
  /** Renames the agent: announced when it resolves. */
  readonly rename: (name: string) => Promise<void>;
  /** Stops it, and has it started again. */
  readonly restart: () => void;
  readonly crash: (bug: unknown) => void;
}

/** The control protocol on the network. */
export interface Control {
  readonly port: number;
  /** The same on the local socket, each under its first segment. */
  readonly local: Readonly<Record<string, Hono>>;
  /** From now on at these addresses. Rejects with AgentError for those that cannot be had; the others hold. */
  listen(addresses: readonly ManagementAddress[]): Promise<void>;
  stop(): Promise<void>;
}

/** What judges and unpacks bundles. */
export interface Bundles {
  readonly tools: BundleTools;
  stop(): void;
}

/** What looks for the agent's configuration. */
export interface Finder {
  readonly status: ConfigSearch;
  /** Somebody else is trusted now, or the agent has another name. */
  retry(): void;
  stop(): Promise<void>;
}

/**
 * The makers of what an agent consists of beside its services. `agent.ts` calls them, in this order, and closes what they made
 * in the opposite one. One that is absent is left out: without an identity nothing listens on the network.
 */
export interface AgentParts {
  readonly openIdentity?: (stateDir: string) => Promise<Identity>;
  readonly openTrust?: (database: Database, wallMs: () => number) => Trust;
  /** A line "pilotlight-ed25519 BASE64 NAME". Throws E_KEY. */
  readonly parsePublicKey?: (line: string) => { readonly name: string; readonly key: PublicKey };
  /** `changed`: told of another code, and of undefined when it is used. */
  readonly openClaimDesk?: (
    stateDir: string,
    standing: Omit<Standing, "claim">,
    clock: Clock,
    changed: (code: string | undefined) => void,
  ) => Promise<ClaimDesk>;
  readonly openBundles?: (
    standing: Standing,
    stateDir: string,
    clock: Clock,
    crash: (bug: unknown) => void,
  ) => Promise<Bundles>;
  readonly siteChanges?: (before: Site | undefined, next: Site) => readonly string[];
  readonly openControl?: (agent: RunningAgent, port: number) => Promise<Control>;
  readonly openAnnouncer?: (
    agent: RunningAgent,
    announcement: Announcement,
    interfaces: () => readonly string[],
  ) => Promise<Announcer>;
  /** `url`: of a configuration server or a bundle, where one is given. */
  readonly openFinder?: (
    agent: RunningAgent,
    config: KeptConfig,
    url: string | undefined,
    interfaces: () => readonly string[],
  ) => Finder;
}

import { readFile } from "node:fs/promises";
import type { Hono } from "hono";
import type { AgentInput } from "./agent-input.ts";
import type { Bundles, Control, Finder, RunningAgent, Standing } from "./compose.ts";
import type { BootMedium } from "./config/boot-medium.ts";
import type { BundleTools } from "./config/config-input.ts";
import { KeptConfig } from "./config/open-config.ts";
import type { InterfaceStatus } from "./control/messages.ts";
import { AgentNews } from "./control/news.ts";
import { ReadToken } from "./control/read-token.ts";
import type { Announcement, Announcer } from "./discovery/services.ts";
import { claimLine, Door } from "./door.ts";
import { AgentError } from "./errors.ts";
import type { Health } from "./health.ts";
import type { AgentName } from "./identity/agent-name.ts";
import { WatchedTrust } from "./identity/watched-trust.ts";
import type { Clock } from "./link/clock.ts";
import { type ManagementChoice, managementAddresses } from "./link/management-interfaces.ts";
import type { BootActivity } from "./log/boot-activity.ts";
import { StatusCounters } from "./services/context.ts";
import type { Serving } from "./serving/serving.ts";
import { loadSite } from "./site/load.ts";
import type { Management, Site } from "./site/site.ts";
import type { Database } from "./state/database.ts";

/** After how long it is tried again to serve what was served last, ms: at first, and at most. */
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;
/** What an agent is steered with. */
export interface SteeringInput extends Omit<AgentInput, "name" | "medium"> {
  readonly clock: Clock;
  readonly database: Database;
  readonly activity: BootActivity;
  readonly health: Health;
  readonly serving: Serving;
  readonly name: AgentName;
  readonly medium: BootMedium | undefined;
}

/** All by which an agent is found, configured and steered. */
export interface Steering {
  /** Routes of the local socket. */
  readonly local: Readonly<Record<string, Hono>>;
  /** Serves what was accepted last, or waits for a configuration. */
  startConfig(): Promise<void>;
  /** Begins to listen, to announce and to look for a configuration. */
  start(): Promise<void>;
  /** Another site is served: from where the agent is steered may be another place now. */
  siteChanged(): void;
  stop(): Promise<void>;
}

/** Opens what does not depend on a site. Rejects with AgentError, and then nothing is left open. */
export async function openSteering(input: SteeringInput): Promise<Steering> {
  const { parts, stateDir, database } = input;
  const wallMs = Date.now;
  const identity = await parts.openIdentity?.(stateDir);
  const known = parts.openTrust?.(database, wallMs);
  if (!identity || !known) return new Unsteered(input);
  const { name, clock, crash } = input;
  let steered: Steered | undefined;
  const trust = new WatchedTrust(known, () => steered?.trustChanged());
  const shown = (code: string | undefined): void => steered?.showCode(code);
  const claim = await parts.openClaimDesk?.(stateDir, { identity, trust, name }, clock, shown);
  const standing = { identity, trust, claim, name };
  await trustMedium(input, standing);
  await claim?.closeIfClaimed();
  const bundles =
    input.site === undefined
      ? await parts.openBundles?.(standing, stateDir, clock, crash)
      : undefined;
  steered = new Steered(input, standing, bundles);
  await steered.open();
  return steered;
}

/** The operators that the boot medium names are trusted from now on, unless they were revoked. */
async function trustMedium(input: SteeringInput, { trust }: Standing): Promise<void> {
  const { parts, medium, log, health } = input;
  const problems: string[] = [];
  for (const line of medium?.trust ?? []) {
    try {
      const parsed = parts.parsePublicKey?.(line);
      if (!parsed || trust.find(parsed.key.fingerprint)) continue;
      await trust.add(parsed.name, parsed.key, { by: "medium" });
      log.info(`trusts ${parsed.name}, as ${medium?.file} says`);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      problems.push(`${medium?.file}: ${error.message}`);
      log.error(`${medium?.file}: ${error.message}. ${error.cure}`);
    }
  }
  if (problems.length > 0) health.say("medium", ...problems);
}

/** An agent without an identity: it serves its site file, and nobody steers it over the network. */
class Unsteered implements Steering {
  readonly local = {};
  private readonly o: SteeringInput;

  constructor(input: SteeringInput) {
    this.o = input;
  }

  startConfig(): Promise<void> {
    this.o.health.say("configuration", "it has no configuration yet");
    return Promise.resolve();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  siteChanged(): void {}

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

class Steered implements Steering {
  private readonly o: SteeringInput;
  private readonly agent: RunningAgent;
  private readonly config: KeptConfig | undefined;
  private readonly unfollow: () => void;
  private control: Control | undefined;
  private door: Door | undefined;
  private announcer: Announcer | undefined;
  private finder: Finder | undefined;
  private cancelRetry: (() => void) | undefined;
  private wentBack: string | undefined;
  private readonly bundles: Bundles | undefined;
  private readonly token: ReadToken;

  constructor(input: SteeringInput, standing: Standing, bundles: Bundles | undefined) {
    this.o = input;
    this.bundles = bundles;
    this.token = new ReadToken(input);
    this.config = bundles && this.openConfig(bundles.tools);
    this.agent = this.makeAgent(standing);
    this.unfollow = input.health.follow(({ state, reasons }) => {
      this.announcer?.update(this.announcement());
      this.agent.news.state(state, reasons);
    });
  }

  get local(): Readonly<Record<string, Hono>> {
    return this.control?.local ?? {};
  }

  async open(): Promise<void> {
    const { agent, o } = this;
    const { clock, health, log, crash } = o;
    this.control = await o.parts.openControl?.(agent, o.controlPort);
    const choice = (): ManagementChoice => this.choice();
    this.door = new Door({ control: this.control, agent, choice, clock, health, log, crash });
  }

  async startConfig(): Promise<void> {
    this.waits();
    await this.serveLast(RETRY_MS);
    await this.readMedium();
  }

  async start(): Promise<void> {
    const { parts, medium, configUrl } = this.o;
    await this.door?.look();
    const interfaces = (): readonly string[] => this.door?.interfaces ?? [];
    const off = this.o.management?.length === 0;
    if (!off) {
      this.announcer = await parts.openAnnouncer?.(this.agent, this.announcement(), interfaces);
    }
    const url = configUrl ?? (isUrl(medium?.config) ? medium?.config : undefined);
    if (this.config && (!off || url !== undefined)) {
      this.finder = parts.openFinder?.(this.agent, this.config, url, interfaces);
    }
  }

  siteChanged(): void {
    this.token.read(this.o.serving.current?.site.management);
    this.door?.look().catch(this.o.crash);
    this.announcer?.update(this.announcement());
  }

  /** Somebody was added to those who are trusted, or taken from them. */
  trustChanged(): void {
    if (!this.o.serving.current && this.config) this.waits();
    this.agent.claim?.closeIfClaimed().catch(this.o.crash);
    this.finder?.retry();
  }

  /** There is another claim code, or none any more. */
  showCode(code: string | undefined): void {
    const { log } = this.o;
    if (code === undefined) log.info("claimed");
    else log.info(claimLine(code, this.agent.name.current));
  }

  async stop(): Promise<void> {
    this.cancelRetry?.();
    this.unfollow();
    await this.door?.stop();
    await this.finder?.stop();
    await this.announcer?.stop();
    await this.control?.stop();
    await this.config?.stop();
    this.bundles?.stop();
  }

  private openConfig(bundles: BundleTools): KeptConfig {
    const { parts, database, stateDir, clock, serving, crash, log, journal } = this.o;
    return new KeptConfig({
      database,
      dir: `${stateDir}/config`,
      bundles,
      loadSite,
      siteChanges: parts.siteChanges ?? (() => []),
      serve: (site) => this.serve(site),
      fault: () => serving.networkFault()?.message,
      clock,
      wallMs: Date.now,
      told: (text, bad) => {
        if (bad) this.wentBack = text;
        log[bad ? "error" : "info"](`configuration: ${text}`);
        const outcome = bad ? "failed" : "noted";
        journal.note({ protocol: "agent", event: "configuration", decision: text, outcome });
      },
      changed: (record) => {
        this.announcer?.update(this.announcement());
        this.agent.news.site(record);
      },
      crash,
    });
  }

  private async serve(site: Site | undefined): Promise<void> {
    const { serving, health } = this.o;
    if (site) await serving.apply(site);
    else await serving.clear();
    if (site) health.say("configuration", ...(this.wentBack ? [this.wentBack] : []));
    else this.waits();
    this.wentBack = undefined;
    this.siteChanged();
  }

  /** Why there is no site. */
  private waits(): void {
    const unclaimed = this.agent.trust.unclaimed;
    const why = unclaimed ? "nobody is trusted to configure it yet" : "it has no configuration yet";
    this.o.health.say("configuration", ...(this.wentBack ? [this.wentBack] : []), why);
  }

  /** A host that cannot serve what it served last, say for want of a cable, may be able to later. */
  private async serveLast(retryMs: number): Promise<void> {
    const { log, health, clock, crash } = this.o;
    try {
      await this.config?.start();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      log.error(`cannot serve its configuration yet: ${error.message}. ${error.cure}`);
      health.say("configuration", `cannot serve its configuration: ${error.message}`);
      this.cancelRetry = clock.after(retryMs, () => {
        if (this.o.serving.current) return; // another one was pushed meanwhile
        this.serveLast(Math.min(MAX_RETRY_MS, retryMs * 2)).catch(crash);
      });
    }
  }

  /** A bundle that lies on the boot medium is taken once: its serial number is accepted no second time. */
  private async readMedium(): Promise<void> {
    const { medium, log, health } = this.o;
    const file = medium?.config;
    if (!this.config || file === undefined || isUrl(file)) return;
    try {
      const octets = new Uint8Array(await readFile(file));
      await this.config.apply(octets, { kind: "medium", where: file });
    } catch (error) {
      const known = error instanceof AgentError && error.code === "E_BUNDLE_REFUSED";
      // An older one than what runs was taken long ago.
      if (known && this.config.highestSerial > 0) return;
      const why = error instanceof Error ? error.message : String(error);
      log.error(`${medium?.file}: config ${file}: ${why}`);
      health.say("medium", `${medium?.file}: config ${file}: ${why}`);
    }
  }

  private makeAgent(standing: Standing): RunningAgent {
    const { stateDir, database, version, board, clock, log, journal, activity, health } = this.o;
    const { site, variables, restart, crash, serving } = this.o;
    return {
      ...standing,
      stateDir,
      database,
      version,
      board,
      startedAt: new Date().toISOString(),
      clock,
      wallMs: Date.now,
      log,
      journal,
      activity,
      health,
      news: new AgentNews(Date.now),
      counters: new StatusCounters(),
      siteFile: site?.path,
      config: this.config,
      running: () => serving.current,
      management: () => this.management(),
      interfaces: () => this.interfaceStatus(),
      search: () => this.finder?.status,
      variables,
      readToken: () => this.token.value,
      hostNames: () => this.hostNames(),
      rename: (name) => this.rename(name),
      restart,
      crash,
    };
  }

  private async rename(name: string): Promise<void> {
    await this.agent.name.rename(name);
    this.announcer?.update(this.announcement());
    this.finder?.retry();
  }

  /** What a browser or curl may have written as the host. */
  private hostNames(): readonly string[] {
    const { hostName } = this.o;
    const names = [hostName, this.agent.name.current, this.announcer?.instance ?? ""];
    return names.filter((n) => n !== "").flatMap((n) => [n, `${n}.local`]);
  }

  private management(): Management {
    const site = this.o.serving.current?.site.management ?? { read: "open" };
    const { names } = this.choice();
    const { interfaces: _, ...rest } = site;
    return names === undefined ? rest : { ...rest, interfaces: names };
  }

  private choice(): ManagementChoice {
    const { management, medium, serving } = this.o;
    const { current } = serving;
    const names = management ?? current?.site.management.interfaces ?? medium?.management;
    return { names, rack: current?.interfaceName };
  }

  private interfaceStatus(): readonly InterfaceStatus[] {
    const rack = this.o.serving.current?.interfaceName;
    const addressesOf = (name: string): readonly string[] =>
      managementAddresses({ names: [name], rack: undefined }).map((a) => a.address);
    const status = (name: string, role: InterfaceStatus["role"]): InterfaceStatus => {
      const addresses = addressesOf(name);
      return { name, role, up: addresses.length > 0, addresses };
    };
    const named = this.choice().names ?? this.door?.interfaces ?? [];
    return [
      ...(rack === undefined ? [] : [status(rack, "rack")]),
      ...named.map((name) => status(name, "management")),
    ];
  }

  private announcement(): Announcement {
    const { name, identity, board, version, health } = this.agent;
    return {
      name: name.current,
      board,
      version,
      site: this.o.serving.current?.site.name,
      state: health.now.state,
      port: this.control?.port ?? this.o.controlPort,
      fingerprint: identity.key.publicKey.fingerprint,
    };
  }
}

function isUrl(text: string | undefined): boolean {
  return text !== undefined && /^https?:\/\//i.test(text);
}

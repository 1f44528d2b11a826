import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import type { Budgets } from "../../boards/board.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { AddressBook } from "../addresses/address-book.ts";
import { LeaseStore } from "../addresses/lease-store.ts";
import { isPlausible } from "../assets/fetch/status.ts";
import { type OpenAssets, openAssets } from "../assets/open-assets.ts";
import { LazyOverlays } from "../assets/trees/overlay/lazy-overlays.ts";
import { TreeRecords } from "../assets/trees/tree-records.ts";
import { assetControl } from "../control/asset-control.ts";
import { AgentError } from "../errors.ts";
import type { Health } from "../health.ts";
import type { Clock } from "../link/clock.ts";
import { findInterface } from "../link/interfaces.ts";
import type { InheritedSockets } from "../link/systemd.ts";
import type { BootActivity } from "../log/boot-activity.ts";
import type { Journal } from "../log/journal.ts";
import { CurrentPlans } from "../plan/current-plans.ts";
import { Needs, neededAssets } from "../plan/needs.ts";
import { overrideRecords } from "../plan/overrides.ts";
import { Planner } from "../plan/planner.ts";
import { Renderer } from "../plan/render.ts";
import { Sightings } from "../plan/sightings.ts";
import { type ServiceContext, StatusCounters } from "../services/context.ts";
import { ForeignAddresses } from "../services/dhcp/foreign-addresses.ts";
import { openSeenServer } from "../services/dhcp/seen-server-store.ts";
import { FileHandles } from "../services/nfs/handle.ts";
import { openHandleKey } from "../services/nfs/handle-key.ts";
import type { Network, Site } from "../site/site.ts";
import type { Database } from "../state/database.ts";
import { machinesText } from "./machines-text.ts";
import { networkKey, RackNetwork, type RackNetworkInput } from "./rack-network.ts";
import type { RunningSite } from "./running-site.ts";

/** How often the rack's interface is looked at, ms. */
const LOOK_MS = 1_000;
/** News of assets are gathered for so long before it is looked how they are, ms. */
const JUDGE_MS = 1_000;
/** What is being transferred when its network part changes may take so long to end, ms. */
const GRACE_MS = 30_000;

/** What a site is served with; all of it lives as long as the process. */
export interface ServingInput {
  readonly budgets: Budgets;
  /** The rack's interface whatever the site says; undefined: what the site says. */
  readonly interfaceName: string | undefined;
  readonly inherited: InheritedSockets;
  readonly journal: Journal;
  readonly activity: BootActivity;
  readonly log: Logger;
  readonly health: Health;
  readonly clock: Clock;
  readonly database: Database;
  readonly stateDir: string;
  /** Of this software. */
  readonly version: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly crash: (bug: unknown) => void;
}

/**
 * What is served: nothing, or a site, which may be replaced by another while machines boot.
 *
 * A new site is read and planned as a whole beside the old one, and takes its place at once. Where its network part is the
 * same, the sockets stay open and no question is lost. Where it is not, the services are started anew; when they cannot be,
 * the old ones run again before that is told.
 */
export class Serving {
  readonly counters: StatusCounters = new StatusCounters();
  readonly sightings: Sightings;
  private handles: FileHandles | undefined;
  private readonly o: ServingInput;
  private readonly needs: Needs;
  private readonly overlays: LazyOverlays;
  private readonly treeRecords: TreeRecords;
  private readonly unfollow: () => void;
  private readonly retiring = new Set<RackNetwork>();
  private assets: OpenAssets | undefined;
  private planner: Planner | undefined;
  /** The planner's plans with what operators override; as long as a site is served. */
  private plans: CurrentPlans | undefined;
  private addresses: AddressBook | undefined;
  private network: RackNetwork | undefined;
  /** Addresses that another DHCP server gave to machines of ours. */
  private readonly foreign = new ForeignAddresses();
  private turn: Promise<void> = Promise.resolve();
  private cancelLook: (() => void) | undefined;
  private cancelJudge: (() => void) | undefined;
  private stopped = false;

  constructor(input: ServingInput) {
    this.o = input;
    const { clock, database } = input;
    this.sightings = new Sightings(() => clock.now());
    this.needs = new Needs(() => clock.now());
    this.unfollow = input.journal.follow(({ protocol, outcome }) => {
      if (protocol === "assets" && outcome !== "progress") this.judgeAssetsSoon();
    });
    this.overlays = new LazyOverlays(input.stateDir, (error) =>
      input.log.warn(`what is left of dropped overlays stays: ${error.message}`),
    );
    this.treeRecords = new TreeRecords(database);
  }

  /** What is served now; undefined while the agent is unconfigured. */
  get current(): RunningSite | undefined {
    const { plans, assets, sightings, counters, network, addresses } = this;
    if (!plans || !assets || !network || !addresses) return undefined;
    const { keeper, cache } = assets;
    const { site } = plans;
    const { activity, version } = this.o;
    const booting = (): readonly string[] => activity.machines();
    return {
      site,
      interfaceName: network.rack.name,
      planner: plans,
      keeper,
      cache,
      activity,
      sightings,
      counters,
      wake: network.wake,
      beside: network.beside,
      addresses,
      assets: assetControl({ site, keeper, cache, booting, pid: process.pid, version }),
    };
  }

  /**
   * Serves this site from now on. One change at a time. Rejects with AgentError when it cannot be served; what was served
   * before is served on then.
   */
  apply(site: Site): Promise<void> {
    return this.alone(() => this.change(site));
  }

  /** Serves nothing from now on: no socket is left open, and what is being fetched is suspended. */
  clear(): Promise<void> {
    return this.alone(() => this.close());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.unfollow();
    await this.alone(() => this.close());
    await this.overlays.close();
    await this.treeRecords.close();
  }

  /** Why the rack's interface cannot be used just now. */
  networkFault(): AgentError | undefined {
    return this.network?.look();
  }

  private alone(change: () => Promise<void>): Promise<void> {
    const done = this.turn.then(change);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async change(site: Site): Promise<void> {
    if (this.stopped) throw new AgentError("E_CONFIG", "the agent is stopping");
    const { o } = this;
    const interfaceName = o.interfaceName ?? site.network.interface;
    if (interfaceName === undefined) {
      throw new AgentError(
        "E_USAGE",
        "no interface: the site names none, and --interface is not given",
      );
    }
    const { address, prefixLen } = site.network;
    const before = this.planner;
    const key = networkKey(site.network, interfaceName);
    const moves = this.network?.key !== key;
    if (moves) findInterface(interfaceName, address, prefixLen);
    this.handles ??= new FileHandles(await openHandleKey(o.stateDir), this.counters);
    const first = !this.assets;
    this.assets ??= await this.open(site);
    const { assets } = this;
    const draft = assets.keeper.draft();
    try {
      const planner = await Planner.create({
        site,
        assets: draft,
        renderer: new Renderer(),
        overlays: this.overlays,
        readOnlyGuest: ({ name, mac }, profile) =>
          o.journal.note({
            protocol: "nfs",
            event: `root of ${profile.name}`,
            decision: "read-only: an overlay is for machines that the site names",
            outcome: "noted",
            machine: name,
            mac,
          }),
        firstReads: this.treeRecords.firstReads,
        nodeIndex: this.treeRecords.nodeIndex,
        before,
        siteMtimeMs: Math.floor((await stat(site.path)).mtimeMs / 1000) * 1000,
        problem: (error) => o.log.warn(`${error.message}. ${error.cure}`),
      });
      await this.goOverTo(planner);
      if (moves) await this.move(site.network, interfaceName, before);
    } catch (error) {
      if (first) await this.close();
      else if (before && this.planner !== before) await this.goOverTo(before);
      throw error;
    }
    assets.adopt(draft, site);
    o.health.site(true);
    o.health.say("network");
    await assets.keeper.prefetch(neededAssets(site));
    assets.watch();
    this.look();
    if (!before) return;
    o.journal.note({
      protocol: "agent",
      event: `another site ${site.name}`,
      decision: `serves ${machinesText(site)} on ${interfaceName} as ${formatIpv4(address)}`,
      outcome: "noted",
    });
  }

  /** From now on everybody is answered by this planner's plans. Rejects with E_STATE, and then nothing has changed. */
  private async goOverTo(planner: Planner): Promise<void> {
    if (this.plans) await this.plans.replace(planner);
    else {
      const { database, journal, clock, log, crash } = this.o;
      this.plans = await CurrentPlans.create({
        planner,
        records: overrideRecords(database),
        journal,
        now: () => clock.now(),
        wallMs: Date.now,
        problem: (error) => log.warn(`${error.message}. ${error.cure}`),
        crash,
        elsewhere: this.foreign,
      });
    }
    if (this.addresses) this.addresses.adopt(planner.site);
    else this.addresses = this.openAddresses(planner.site);
    this.planner = planner;
  }

  private openAddresses(site: Site): AddressBook {
    const { clock, database } = this.o;
    return new AddressBook({
      site,
      leases: new LeaseStore(database),
      now: () => clock.now(),
      wallMs: () => (isPlausible(Date.now()) ? Date.now() : undefined),
    });
  }

  /** Puts the services on another network part; the context has the new planner already. */
  private async move(
    network: Network,
    interfaceName: string,
    before: Planner | undefined,
  ): Promise<void> {
    const old = this.network;
    this.network = undefined;
    if (old) this.retire(old);
    try {
      this.network = await this.openNetwork(network, interfaceName);
    } catch (error) {
      if (!old || !before) throw error;
      await this.goOverTo(before);
      try {
        this.network = await this.openNetwork(before.site.network, old.rack.name);
      } catch (second) {
        if (!(second instanceof AgentError)) throw second;
        this.o.health.say("network", second.message);
        this.o.log.error(`what was served before does not come back either: ${second.message}`);
      }
      throw error;
    }
  }

  private openNetwork(network: Network, interfaceName: string): Promise<RackNetwork> {
    const { budgets, inherited, log } = this.o;
    const context = this.context();
    const lost = (): void => this.look();
    const support = this.support(interfaceName);
    const portmapHealth = (...reasons: readonly string[]): void =>
      this.o.health.say("portmap", ...reasons);
    const parts = { network, interfaceName, budgets, inherited, context, log, lost, support };
    return RackNetwork.open({ ...parts, portmapHealth });
  }

  /** What the services live beside other DHCP servers with. */
  private support(interfaceName: string): RackNetworkInput["support"] {
    const { database, health, log } = this.o;
    const why = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);
    return {
      memory: openSeenServer(database, interfaceName),
      foreign: this.foreign,
      wallMs: Date.now,
      health: (...reasons) => health.say("foreign", ...reasons),
      problem: (error) => log.warn(`another DHCP server was seen, and is not kept: ${why(error)}`),
    };
  }

  /** Transfers that run may end where the address remains on the host. */
  private retire(old: RackNetwork): void {
    const grace = old.look() ? 0 : GRACE_MS;
    this.retiring.add(old);
    old
      .retire(grace)
      .catch(this.o.crash)
      .finally(() => this.retiring.delete(old));
  }

  private context(): ServiceContext {
    const { sightings, needs, counters, handles } = this;
    if (!handles) throw new Error("services without a key");
    const { journal, clock } = this.o;
    // An answer that is being prepared while all is closed still asks for its plan.
    let last = this.plans;
    let book = this.addresses;
    const current = (): CurrentPlans => {
      last = this.plans ?? last;
      if (!last) throw new Error("services without a site");
      return last;
    };
    const addresses = (): AddressBook => {
      book = this.addresses ?? book;
      if (!book) throw new Error("services without addresses");
      return book;
    };
    return {
      get planner() {
        return current();
      },
      get addresses() {
        return addresses();
      },
      sightings,
      needs,
      journal,
      counters,
      handles,
      clock,
    };
  }

  private open(site: Site): Promise<OpenAssets> {
    const { budgets, stateDir, variables, version, journal, log, clock, database } = this.o;
    const { activity, crash } = this.o;
    return openAssets({
      site,
      budgets,
      database,
      stateDir,
      variables,
      version,
      journal,
      warn: (text) => log.warn(text),
      clock,
      bootsRunning: () => activity.running(),
      inUse: () => (this.plans ? this.needs.digestsInUse(this.plans.all()) : []),
      crash,
    });
  }

  /** Looks whether the rack's interface is there, now and then; a lane that was lost is opened again when it is. */
  private look(): void {
    this.cancelLook?.();
    this.cancelLook = undefined;
    if (this.stopped || !this.network) return;
    const fault = this.network.look();
    this.o.health.say("interface", ...(fault ? [`${fault.message}. ${fault.cure}`] : []));
    // A lane that turned out to be lost had it looked at once already.
    (this.cancelLook as (() => void) | undefined)?.();
    this.cancelLook = this.o.clock.after(LOOK_MS, () => this.look());
  }

  /** What stores have and may not be served is the operator's affair; that something is still missing is not. */
  private judgeAssetsSoon(): void {
    this.cancelJudge ??= this.o.clock.after(JUDGE_MS, () => {
      this.cancelJudge = undefined;
      const keeper = this.assets?.keeper;
      if (!keeper || this.stopped) return;
      keeper.status().then(
        ({ assets }) => {
          const refused = assets.filter(({ state }) => state === "refused");
          const words = refused.map(({ name, error }) => error?.message ?? `asset "${name}"`);
          if (keeper === this.assets?.keeper) this.o.health.say("assets", ...words);
        },
        (error: unknown) => {
          if (keeper !== this.assets?.keeper) return; // closed meanwhile
          if (error instanceof AgentError) this.o.health.say("assets", error.message);
          else this.o.crash(error);
        },
      );
    });
  }

  private async close(): Promise<void> {
    this.cancelLook?.();
    this.cancelJudge?.();
    this.cancelJudge = undefined;
    const { network, assets } = this;
    this.network = undefined;
    await network?.stop();
    for (const old of this.retiring) await old.stop();
    this.plans?.stop();
    this.plans = undefined;
    await this.addresses?.close();
    this.addresses = undefined;
    this.planner = undefined;
    this.assets = undefined;
    await assets?.close();
    // An agent that stops is not unconfigured for that.
    if (this.stopped) return;
    for (const part of ["interface", "network", "assets"] as const) this.o.health.say(part);
    this.o.health.site(false);
  }
}

import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import type { Budgets } from "../boards/board.ts";
import { openAssets } from "./assets/open-assets.ts";
import { FirstReads } from "./assets/trees/first-reads.ts";
import { assetControl } from "./control/asset-control.ts";
import { assetRoutes } from "./control/asset-routes.ts";
import { openLocalSocket } from "./control/local-socket.ts";
import { systemClock } from "./link/clock.ts";
import { type FrameLane, openFrameLane } from "./link/frame-lane.ts";
import { findInterface } from "./link/interfaces.ts";
import { Neighbours } from "./link/neighbours.ts";
import { PeerGuard } from "./link/peer-guard.ts";
import { reversePathProblem } from "./link/reverse-path.ts";
import { type InheritedSockets, SOCKET_NAMES } from "./link/systemd.ts";
import { KernelTcpPorts } from "./link/tcp-listener.ts";
import { KernelUdpPorts } from "./link/udp-port.ts";
import { BootActivity } from "./log/boot-activity.ts";
import type { Journal } from "./log/journal.ts";
import { Needs, neededAssets } from "./plan/needs.ts";
import { Planner } from "./plan/planner.ts";
import { Renderer } from "./plan/render.ts";
import { Sightings } from "./plan/sightings.ts";
import { type OnStop, startServices } from "./services/all.ts";
import { type ServiceContext, StatusCounters } from "./services/context.ts";
import { LINK_FILTER } from "./services/link-server.ts";
import type { Site } from "./site/site.ts";

const KIB = 1024;

/** What an agent is made of; everything else follows from the site. */
export interface AgentInput {
  readonly site: Site;
  readonly budgets: Budgets;
  readonly interfaceName: string;
  readonly inherited: InheritedSockets;
  readonly journal: Journal;
  readonly log: Logger;
  /** Where the cache is; it is there and may be written to. */
  readonly stateDir: string;
  /** Of this software. */
  readonly version: string;
  /** The environment, for proxies and for the secrets that the site refers to. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Told of what no operator can mend: a bug of ours, after which nothing can be relied on. */
  readonly crash: (bug: unknown) => void;
}

/** A running agent. */
export interface Agent {
  /** Closes every port, gives back what was set in the host, and lets running transfers end unfinished. */
  stop(): Promise<void>;
}

/** Starts an agent: it answers when the promise resolves. Rejects with AgentError, and then nothing is left open. */
export async function startAgent(input: AgentInput): Promise<Agent> {
  const stops: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of stops.splice(0).reverse()) await close();
  };
  try {
    await open(input, (close) => stops.push(close));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

async function open(input: AgentInput, onStop: OnStop): Promise<void> {
  const { site, budgets, journal, log, inherited } = input;
  const { network } = site;
  const rack = findInterface(input.interfaceName, network.address, network.prefixLen);
  refuseForgery(rack.name, inherited, log);

  const clock = systemClock;
  const activity = new BootActivity(journal, () => clock.now());
  onStop(() => activity.stop());
  const needs = new Needs(() => clock.now());
  let planner: Planner | undefined;
  const assets = await openAssets({
    site,
    budgets,
    stateDir: input.stateDir,
    variables: input.variables,
    version: input.version,
    journal,
    warn: (text) => log.warn(text),
    clock,
    bootsRunning: () => activity.running(),
    inUse: () => (planner ? needs.digestsInUse(planner.all()) : []),
    crash: input.crash,
  });
  onStop(() => assets.close());
  const firstReads = new FirstReads(assets.database);
  onStop(() => firstReads.close());
  planner = await Planner.create({
    site,
    assets: assets.keeper,
    renderer: new Renderer(),
    firstReads,
    siteMtimeMs: Math.floor((await stat(site.path)).mtimeMs / 1000) * 1000,
    problem: (error) => log.warn(`${error.message}. ${error.cure}`),
  });
  const control = assetControl({
    site,
    keeper: assets.keeper,
    cache: assets.cache,
    booting: () => activity.machines(),
    pid: process.pid,
    version: input.version,
  });
  const socket = await openLocalSocket({
    stateDir: input.stateDir,
    routes: { assets: assetRoutes(control) },
    crash: input.crash,
  });
  onStop(() => socket.close());
  await assets.keeper.prefetch(neededAssets(site));
  assets.watch();
  const context: ServiceContext = {
    planner,
    sightings: new Sightings(() => clock.now()),
    needs,
    journal,
    counters: new StatusCounters(),
    clock,
  };

  const guard = new PeerGuard(network.address, network.mask, network.relays, journal);
  const neighbours = new Neighbours(rack.name, (text) => log.warn(`neighbour table: ${text}`));
  onStop(() => neighbours.clear());
  const random = (): number => randomBytes(4).readUInt32BE(0);
  const udp = new KernelUdpPorts(network.address, network.broadcast, guard, inherited, random);
  const tcp = new KernelTcpPorts(network.address, guard, inherited, budgets.tcpConnections);

  const openLink = (): FrameLane =>
    openFrameLane(
      rack.name,
      LINK_FILTER,
      (text) => log.warn(`not sent: ${text}`),
      budgets.linkBufferKiB * KIB,
    );
  const lanes = { udp, tcp, neighbours, mac: rack.mac, openLink };
  await startServices(context, lanes, budgets.transfers, onStop);
}

/**
 * Our own sockets rely on the kernel to keep forged rack addresses out. Those that systemd bound to the device cannot hear
 * other NICs; then only transfers in progress could be disturbed, which is told and not refused.
 */
function refuseForgery(rack: string, inherited: InheritedSockets, log: Logger): void {
  const problem = reversePathProblem(rack);
  if (!problem) return;
  if (!inherited.has(SOCKET_NAMES)) throw problem;
  log.warn(`${problem.message}. ${problem.cure}`);
}

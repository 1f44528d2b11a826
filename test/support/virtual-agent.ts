import { createServer, type Server } from "node:net";
import { AddressBook } from "../../agent/addresses/address-book.ts";
import { ChunkCache } from "../../agent/assets/chunk-cache.ts";
import type { Assets } from "../../agent/assets/slot.ts";
import { AssetStore } from "../../agent/assets/store.ts";
import type { Clock } from "../../agent/link/clock.ts";
import type { TcpPorts } from "../../agent/link/tcp-listener.ts";
import { Journal, type JournalEntry } from "../../agent/log/journal.ts";
import { Needs } from "../../agent/plan/needs.ts";
import { Planner } from "../../agent/plan/planner.ts";
import type { Plans } from "../../agent/plan/plans.ts";
import { Renderer } from "../../agent/plan/render.ts";
import { Sightings } from "../../agent/plan/sightings.ts";
import { type RunningServices, startServices } from "../../agent/services/all.ts";
import { StatusCounters } from "../../agent/services/context.ts";
import { FileHandles } from "../../agent/services/nfs/handle.ts";
import { loadSite } from "../../agent/site/load.ts";
import type { Site } from "../../agent/site/site.ts";
import { VirtualHost } from "./virtual-host.ts";
import { VirtualDuplex, virtualClockOf, virtualUdpPorts } from "./virtual-ports.ts";

const CHUNK_LEN = 64 * 1024;
const CACHE_LEN = 64 * 1024 * 1024;
const MAX_TRANSFERS = 64;
/** 2026-01-02 03:04:05 UTC: the virtual wire's time 0 for people. */
const EPOCH_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The agent's own services on a host of a virtual wire. */
export interface VirtualAgent {
  readonly host: VirtualHost;
  readonly journal: readonly JournalEntry[];
  readonly problems: readonly string[];
  /** Whether a service waits for a disk: virtual time must not run past it. */
  readonly isBusy: () => boolean;
  readonly site: Site;
  readonly services: RunningServices;
  stop(): Promise<void>;
}

/** Starts the agent's services with a site file, on a virtual host that has the site's address. `assetsOf`: what plans get; `plansOf`: what services get of them. */
export async function startVirtualAgent(
  siteFile: string,
  mac: Uint8Array,
  assetsOf: (store: Assets) => Assets = (store) => store,
  plansOf: (planner: Planner, journal: Journal, clock: Clock) => Promise<Plans> = async (planner) =>
    planner,
): Promise<VirtualAgent> {
  const site = await loadSite(siteFile);
  const { address, prefixLen } = site.network;
  const host = new VirtualHost({ mac, address, prefixLen });
  const clock = virtualClockOf(host);
  const cache = new CountingCache(CHUNK_LEN, CACHE_LEN);
  const store = await AssetStore.open(site.assets.values(), cache);
  const problems = store.problems().map((p) => p.message);
  const planner = await Planner.create({
    site,
    assets: assetsOf(store),
    renderer: new Renderer(),
    siteMtimeMs: EPOCH_MS,
    problem: (error) => problems.push(error.message),
  });
  const journal = new Journal(10_000, () => EPOCH_MS + clock.now());
  const counters = new StatusCounters();
  const context = {
    planner: await plansOf(planner, journal, clock),
    addresses: AddressBook.forgetful(site, clock.now),
    sightings: new Sightings(clock.now),
    needs: new Needs(clock.now),
    journal,
    counters,
    handles: new FileHandles(new Uint8Array(16), counters),
    clock,
  };
  const stops: (() => void | Promise<void>)[] = [];
  const lanes = {
    udp: virtualUdpPorts(host),
    tcp: virtualTcpPorts(host),
    mac,
    neighbours: {
      put: (peer: number, peerMac: Uint8Array) => {
        host.setNeighbour(peer, peerMac);
        return Promise.resolve();
      },
    },
    openLink: () => host.frameLane(),
  };
  const services = await startServices(context, lanes, MAX_TRANSFERS, (close) => stops.push(close));
  return {
    host,
    get journal() {
      return journal.entries();
    },
    problems,
    site,
    services,
    isBusy: () => cache.reads > 0 || waitsForDisk(),
    stop: async () => {
      for (const close of stops.reverse()) await close();
    },
  };
}

/** Knows whether a read is under way. */
class CountingCache extends ChunkCache {
  reads = 0;

  override load(
    id: string,
    index: number,
    read: (index: number) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    this.reads += 1;
    return super.load(id, index, read).finally(() => {
      this.reads -= 1;
    });
  }
}

/** Files are opened before they are read, and a host with much to do takes its time for that. */
function waitsForDisk(): boolean {
  return process
    .getActiveResourcesInfo()
    .some((what) => what.startsWith("FS") || what === "CloseReq");
}

/** TCP ports on a virtual host: connections of the wire are handed to ordinary Node servers, which never listen. */
function virtualTcpPorts(host: VirtualHost): TcpPorts {
  const listen = async (server: Server, port: number): Promise<void> => {
    host.listen(port, (stream) => server.emit("connection", new VirtualDuplex(stream)));
  };
  return {
    listen,
    open: async (port) => {
      const server = createServer();
      await listen(server, port);
      return server;
    },
  };
}

import { stat } from "node:fs/promises";
import { emitEthernet } from "../../protocols/ethernet/frame.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { AddressBook } from "../addresses/address-book.ts";
import { ChunkCache } from "../assets/chunk-cache.ts";
import { AssetStore } from "../assets/store.ts";
import type { AgentError } from "../errors.ts";
import type { FrameLane } from "../link/frame-lane.ts";
import { PeerGuard } from "../link/peer-guard.ts";
import { Journal, type JournalNote } from "../log/journal.ts";
import { Needs } from "../plan/needs.ts";
import { Planner } from "../plan/planner.ts";
import { Renderer } from "../plan/render.ts";
import { Sightings } from "../plan/sightings.ts";
import { startServices } from "../services/all.ts";
import { type ServiceContext, StatusCounters } from "../services/context.ts";
import { FileHandles } from "../services/nfs/handle.ts";
import { SIPHASH_KEY_LEN } from "../services/nfs/siphash.ts";
import { rpcPrograms } from "../services/rpc/service.ts";
import type { Site } from "../site/site.ts";
import { ReplayClock } from "./replay-clock.ts";
import { ReplayTcpPorts } from "./replay-tcp.ts";
import { ReplayUdpPorts, type SentDatagram } from "./replay-udp.ts";

const CHUNK_LEN = 64 * 1024;
const CACHE_LEN = 32 * 1024 * 1024;
const MAX_TRANSFERS = 1_024;
const FRAME_LEN = 65_536;
/** Locally administered: no recorded host has it. */
const OWN_MAC: Uint8Array = Uint8Array.of(0x02, 0x70, 0x6c, 0, 0, 1);
const BROADCAST_MAC: Uint8Array = new Uint8Array(6).fill(0xff);

/** What becomes of the agent's doings. */
export interface ReplayEvents {
  frame(octets: Uint8Array): void;
  datagram(sent: SentDatagram): void;
  note(note: JournalNote): void;
  problem(error: AgentError): void;
}

/** The agent's own services with a site, on lanes that are worked by hand. */
export class ReplayAgent {
  readonly mac: Uint8Array = OWN_MAC;
  readonly clock: ReplayClock;
  readonly context: ServiceContext;
  readonly udp: ReplayUdpPorts;
  readonly tcp: ReplayTcpPorts;
  /** RPC program number to our port. */
  readonly rpcPorts: ReadonlyMap<number, number>;
  private readonly rx: Octets = Octets.alloc(FRAME_LEN);
  private handleFrame: (len: number) => void = () => {};
  private readonly stops: (() => void | Promise<void>)[] = [];

  private constructor(context: ServiceContext, clock: ReplayClock, events: ReplayEvents) {
    const { network } = context.planner.site;
    const guard = new PeerGuard(
      network.address,
      network.mask,
      network.relays,
      context.journal,
      network.subnets.slice(1),
    );
    this.clock = clock;
    this.context = context;
    this.udp = new ReplayUdpPorts(guard, events.datagram);
    this.tcp = new ReplayTcpPorts(guard);
    this.rpcPorts = new Map(rpcPrograms(context).map(({ prog, port }) => [prog, port]));
  }

  /** Starts the services; they answer when the promise resolves. */
  static async start(asWritten: Site, events: ReplayEvents): Promise<ReplayAgent> {
    const site = withoutProbes(asWritten);
    const cache = new ChunkCache(CHUNK_LEN, CACHE_LEN);
    const store = await AssetStore.open(site.assets.values(), cache);
    for (const problem of store.problems()) events.problem(problem);
    const planner = await Planner.create({
      site,
      assets: store,
      renderer: new Renderer(),
      siteMtimeMs: Math.floor((await stat(site.path)).mtimeMs / 1000) * 1000,
      problem: events.problem,
    });
    const clock = new ReplayClock();
    const counters = new StatusCounters();
    const context: ServiceContext = {
      planner,
      addresses: AddressBook.forgetful(site, () => clock.now()),
      sightings: new Sightings(() => clock.now()),
      needs: new Needs(() => clock.now()),
      journal: new HandedJournal(events.note, () => clock.now()),
      counters,
      // A recorded machine asks with the handles of its own server; ours are the same in every run.
      handles: new FileHandles(new Uint8Array(SIPHASH_KEY_LEN), counters),
      clock,
    };
    const agent = new ReplayAgent(context, clock, events);
    const lanes = {
      udp: agent.udp,
      tcp: agent.tcp,
      mac: OWN_MAC,
      neighbours: { put: () => Promise.resolve() },
      openLink: () => agent.openLink(events.frame),
    };
    await startServices(context, lanes, MAX_TRANSFERS, (close) => agent.stops.push(close));
    return agent;
  }

  /** Hands a broadcast packet to the link lane, in an Ethernet frame without tags. `change` may edit the copy. */
  broadcast(
    src: Uint8Array,
    etherType: number,
    packet: Uint8Array,
    change: (o: Octets, at: number) => void,
  ): void {
    const { rx } = this;
    const at = emitEthernet({ dst: BROADCAST_MAC, src, etherType }, rx, 0);
    if (at + packet.length > rx.u8.length) return;
    rx.u8.set(packet, at);
    change(rx, at);
    this.handleFrame(at + packet.length);
  }

  async stop(): Promise<void> {
    for (const close of this.stops.splice(0).reverse()) await close();
  }

  private openLink(give: (octets: Uint8Array) => void): FrameLane {
    const tx = Octets.alloc(FRAME_LEN);
    return {
      rx: this.rx,
      tx,
      onFrame: (handler) => {
        this.handleFrame = handler;
      },
      send: (len) => give(tx.u8.slice(0, len)),
      close: () => {},
    };
  }
}

/** A capture's clients do not wait until we have asked by ARP whether an address of a pool is free, and nobody would answer. */
function withoutProbes(site: Site): Site {
  const [rack, ...others] = site.network.subnets;
  const subnets = [{ ...rack, probe: false }, ...others] as const;
  return { ...site, network: { ...site.network, subnets } };
}

/** Hands every step on and keeps none: of a replay, repeats are wanted too. */
class HandedJournal extends Journal {
  private readonly give: (note: JournalNote) => void;

  constructor(give: (note: JournalNote) => void, now: () => number) {
    super(0, now);
    this.give = give;
  }

  /** A replay looks at each step, and there are no more than its capture has. */
  override admitsGuest(): boolean {
    return true;
  }

  override note(n: JournalNote): void {
    this.give(n);
  }
}

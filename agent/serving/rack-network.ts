import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import type { Budgets } from "../../boards/board.ts";
import { PMAP_PORT } from "../../protocols/sunrpc/portmap.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { AgentError } from "../errors.ts";
import { LINK_FRAME_LEN, openFrameLane } from "../link/frame-lane.ts";
import { findInterface, interfaceMtu, type RackInterface } from "../link/interfaces.ts";
import { LastingLane } from "../link/lasting-lane.ts";
import { LinkWay } from "../link/link-way.ts";
import { askLoopback } from "../link/loopback-udp.ts";
import { cardOf } from "../link/neighbour-table.ts";
import { Neighbours } from "../link/neighbours.ts";
import { PeerGuard } from "../link/peer-guard.ts";
import { reversePathProblem } from "../link/reverse-path.ts";
import { type InheritedSockets, SOCKET_NAMES } from "../link/systemd.ts";
import { KernelTcpPorts } from "../link/tcp-listener.ts";
import { KernelUdpPorts } from "../link/udp-port.ts";
import { type RunningServices, startServices } from "../services/all.ts";
import type { ServiceContext } from "../services/context.ts";
import type { BesideSupport } from "../services/dhcp/beside.ts";
import { linkFilter } from "../services/link-server.ts";
import type { UploadStore } from "../services/tftp/upload-store.ts";
import type { Network } from "../site/site.ts";

const KIB = 1024;
/** rpcbind is on this host: it answers at once, or not at all. */
const RPCBIND_PATIENCE_MS = 1_000;

/** What the services stand on. */
export interface RackNetworkInput {
  readonly network: Network;
  readonly interfaceName: string;
  readonly budgets: Budgets;
  readonly inherited: InheritedSockets;
  readonly context: ServiceContext;
  readonly log: Logger;
  /** Called when the interface went down or away. */
  readonly lost: () => void;
  /** Where machines write by TFTP. */
  readonly uploads?: UploadStore;
  /** For living beside other DHCP servers. */
  readonly support: Omit<BesideSupport, "random">;
  /** Told what is wrong with the host's rpcbind, where port 111 is its. */
  readonly portmapHealth: (...reasons: readonly string[]) => void;
}

/** What has to be the same for the services to go on as they are; the rest of a site is asked of its planner each time. */
export function networkKey(network: Network, name: string): string {
  const { address, prefixLen, dhcp, relays, subnets, tftp } = network;
  const behind = subnets.slice(1).map((s) => [s.prefix, s.prefixLen]);
  return JSON.stringify([name, address, prefixLen, dhcp, relays, behind, tftp]);
}

/** All services on the rack's interface, from sockets to raw frames. */
export class RackNetwork {
  readonly key: string;
  readonly rack: RackInterface;
  private readonly network: Network;
  private readonly stops: (() => void | Promise<void>)[] = [];
  private services: RunningServices | undefined;
  private lane: LastingLane | undefined;

  private constructor({ network, interfaceName }: RackNetworkInput, rack: RackInterface) {
    this.key = networkKey(network, interfaceName);
    this.network = network;
    this.rack = rack;
  }

  /** They answer when the promise resolves. Rejects with AgentError, and then nothing is left open. */
  static async open(input: RackNetworkInput): Promise<RackNetwork> {
    const { network, interfaceName } = input;
    const rack = findInterface(interfaceName, network.address, network.prefixLen);
    const made = new RackNetwork(input, rack);
    try {
      await made.start(input);
    } catch (error) {
      await made.stop();
      throw error;
    }
    return made;
  }

  /** Wakes machines on the rack's link. */
  get wake(): RunningServices["wake"] {
    if (!this.services) throw new Error("services that were not started");
    return this.services.wake;
  }

  /** DHCP beside other servers; undefined where it is off. */
  get beside(): RunningServices["beside"] {
    return this.services?.beside;
  }

  /** Why the interface cannot be used just now; undefined: it can. A lane that was lost is opened again when it can. */
  look(): AgentError | undefined {
    const { address, prefixLen } = this.network;
    try {
      const found = findInterface(this.rack.name, address, prefixLen);
      this.lane?.check();
      const same = found.mac.every((octet, i) => octet === this.rack.mac[i]);
      if (!same) return new AgentError("E_INTERFACE", `${found.name} is another card than before`);
      if (this.lane?.reopen() !== false) return undefined;
      return new AgentError("E_INTERFACE", `${found.name} cannot be opened for raw frames`);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.lane?.drop();
      return error;
    }
  }

  /** Takes no new question; what is being transferred may end within `graceMs`. Resolves when all is over. */
  async retire(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
      timer.unref();
    });
    await Promise.race([this.services?.retire(), over]);
    clearTimeout(timer);
    await this.stop();
  }

  /** Closes every port, and gives back what was set in the host. */
  async stop(): Promise<void> {
    for (const close of this.stops.splice(0).reverse()) await close();
  }

  private async start(input: RackNetworkInput): Promise<void> {
    const { network, budgets, context, inherited, log } = input;
    const { address, mask, broadcast, relays, subnets } = network;
    const { rack } = this;
    refuseForgery(rack.name, inherited, log);
    const guard = new PeerGuard(address, mask, relays, context.journal, subnets.slice(1));
    const neighbours = new Neighbours(rack.name, (text) => log.warn(`neighbour table: ${text}`));
    this.stops.push(() => neighbours.clear());
    const random = (): number => randomBytes(4).readUInt32BE(0);
    const { ports } = network.tftp;
    const mtu = await interfaceMtu(rack);
    const link = new LinkWay({
      lane: () => this.lane,
      cardOf: (peer) => cardOf(peer, rack.name),
      src: address,
      mac: rack.mac,
      mtu,
    });
    const udp = new KernelUdpPorts(address, broadcast, guard, inherited, random, ports, link);
    const connections = { lasting: budgets.rpcConnections, inTurn: budgets.httpConnections };
    const tcp = new KernelTcpPorts(address, guard, inherited, connections);
    const openLink = (): LastingLane => {
      const failed = (text: string): void => log.warn(`not sent: ${text}`);
      const len = budgets.linkBufferKiB * KIB;
      this.lane = new LastingLane(
        (lost) => openFrameLane(rack.name, linkFilter(rack.mac), failed, len, lost, LINK_FRAME_LEN),
        input.lost,
      );
      return this.lane;
    };
    const ask = (message: Uint8Array): Promise<Uint8Array | undefined> =>
      askLoopback(PMAP_PORT, message, RPCBIND_PATIENCE_MS, random);
    const rpcbind = { ask, health: input.portmapHealth };
    const rpcHost = { cardOf: (peer: Ipv4) => cardOf(peer, rack.name), rpcbind };
    const { uploads } = input;
    await uploads?.sweep();
    const own = { mac: rack.mac, mtu, uploads, rpcHost };
    const lanes = { udp, tcp, neighbours, ...own, openLink };
    this.services = await startServices(
      context,
      lanes,
      budgets.transfers,
      (close) => this.stops.push(close),
      { ...input.support, random },
    );
  }
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

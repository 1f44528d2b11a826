import { BOOTREQUEST } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import type { UdpView } from "../../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { UdpPorts } from "../../link/datagram.ts";
import type { ServiceContext } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { BootServer } from "./boot-server.ts";
import type { ForeignAddresses } from "./foreign-addresses.ts";
import type { Conduct, SeenServer, SeenServerMemory } from "./mode.ts";
import { ProxyDhcp } from "./proxy.ts";
import type { Message } from "./received.ts";
import { DhcpWatch, type DhcpWatchInput, type DhcpWatchStatus } from "./watch.ts";

/** What a running agent has for living beside other DHCP servers. */
export interface BesideSupport
  extends Pick<DhcpWatchInput, "memory" | "random" | "wallMs" | "health" | "problem"> {
  /** Filled while another server gives the addresses. */
  readonly foreign: ForeignAddresses;
}

/**
 * DHCP beside other servers: looks for them, is a proxy where one gives the addresses, and answers on port 4011.
 *
 * Whoever takes messages to port 67 gives each to `takes` first.
 */
export class DhcpBeside {
  private readonly context: ServiceContext;
  private readonly support: BesideSupport | undefined;
  private readonly watch: DhcpWatch;
  private readonly proxy: ProxyDhcp;
  private readonly bootServer: BootServer;
  private readonly view = new DhcpView();

  /** Without `support` nobody is looked for: the conduct is what the site's mode says by itself. */
  constructor(context: ServiceContext, sender: FrameSender, support?: BesideSupport) {
    this.context = context;
    this.support = support;
    const { dhcp: mode, address } = context.planner.site.network;
    const located = (mac: MacText, at: Ipv4): void => this.located(mac, at);
    const all = { ...NO_SUPPORT, memory: inMemory(), ...support };
    this.watch = new DhcpWatch({ ...all, context, sender, mode, address, located });
    this.proxy = new ProxyDhcp({ context, sender, located });
    this.bootServer = new BootServer({ context, located });
    if (this.conduct !== "proxy") support?.foreign.clear();
  }

  /** What is done about addresses now. */
  get conduct(): Conduct {
    return this.watch.conduct;
  }

  get status(): DhcpWatchStatus {
    return this.watch.status;
  }

  /** Opens port 4011 and begins to look for others. */
  async start(ports: UdpPorts): Promise<void> {
    await this.bootServer.start(ports);
    if (this.support) this.watch.start();
  }

  stop(): void {
    this.watch.stop();
    this.bootServer.stop();
  }

  /** The port that offers to relays leave by. */
  use(...port: Parameters<ProxyDhcp["use"]>): void {
    this.proxy.use(...port);
  }

  /**
   * Takes a message that came to port 67 when it is none for a server that gives addresses: an agent's probe, and each message
   * while another server does. False: it is for whoever gives addresses. `srcPort`: of its sender; 0: off the link.
   */
  takes(m: Message, srcPort: number): boolean {
    if (this.isProbe(m)) return this.watch.takesProbe(this.view, m.o);
    if (this.conduct !== "proxy") return false;
    this.proxy.handle(m, srcPort);
    return true;
  }

  /** Takes what another server sent to a client, off the link. */
  handleReply(o: Octets, udp: UdpView): void {
    this.watch.handleReply(o, udp);
  }

  /** Somebody says that the other server is gone for good. Resolves when that is durable; false: none was kept. */
  async forget(by: string): Promise<boolean> {
    const forgotten = await this.watch.forget(by);
    if (forgotten) this.support?.foreign.clear();
    return forgotten;
  }

  /** Whether a message may be a probe; then the view is on it. */
  private isProbe({ o, at, len }: Message): boolean {
    const { view } = this;
    return view.reset(o, at, len) === 0 && view.op === BOOTREQUEST && this.watch.isProbe(view);
  }

  /** Only cards that are served are remembered: nobody else can take an address from them. */
  private located(mac: MacText, address: Ipv4): void {
    if (this.conduct !== "proxy" || !this.context.planner.byMac(mac)) return;
    this.support?.foreign.learn(mac, address);
  }
}

const NO_SUPPORT = {
  random: (): number => 0,
  wallMs: (): number => 0,
  health: (): void => {},
  problem: (): void => {},
} as const;

function inMemory(): SeenServerMemory {
  let seen: SeenServer | undefined;
  return {
    read: () => seen,
    write: async (server) => {
      seen = server;
    },
  };
}

import { DhcpMessageType, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { TxPool, UdpPort } from "../../link/datagram.ts";
import type { JournalProtocol } from "../../log/journal.ts";
import type { BootPlan, Offer } from "../../plan/boot-plan.ts";
import type { RaspberryPi } from "../../plan/raspberry-pi.ts";
import type { Family } from "../../site/families.ts";
import type { Subnet } from "../../site/site.ts";
import type { ServiceContext } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { emitNak, emitReply } from "./message.ts";
import { menuOption } from "./pxe-menu.ts";
import { type Destination, destinationOf, ReplySender } from "./reply-sender.ts";

/** A request that is to be answered, and all that the journal needs of it; outlives the packet. */
export interface Answered {
  readonly plan: BootPlan;
  readonly family: Family;
  readonly pi: RaspberryPi | undefined;
  readonly offer: Offer;
  /** Option 53; 0 for BOOTP. */
  readonly type: number;
  readonly subnet: Subnet;
  /** 0: none is given. */
  readonly address: Ipv4;
  readonly lengthS: number;
  readonly rapid: boolean;
  readonly event: string;
  readonly decision: string;
  readonly protocol: JournalProtocol;
  /** How long the reply is kept back. */
  readonly delayMs: number;
  /** Resolves when the address may be told; undefined: at once. */
  readonly ready: Promise<void> | undefined;
  /** Whether the host has to reach the machine by itself, for what it boots. */
  readonly reachable: boolean;
  /** UDP port of the sender; 0: off the link. */
  readonly srcPort: number;
}

/** Writes replies while their requests are still there, and sends them when they may be told. */
export class Answers {
  private readonly context: ServiceContext;
  private readonly sender: FrameSender;
  private readonly replies: ReplySender;
  private readonly pool: TxPool;

  constructor(context: ServiceContext, sender: FrameSender, pool: TxPool) {
    this.context = context;
    this.sender = sender;
    this.pool = pool;
    this.replies = new ReplySender(sender);
  }

  /** The port that messages to relays leave by. */
  use(port: UdpPort): void {
    this.replies.use(port);
  }

  send(view: DhcpView, o: Octets, a: Answered): void {
    const { context, pool } = this;
    const arrivedMs = context.clock.now();
    const slab = pool.borrow();
    if (!slab) {
      context.counters.add("dhcp", "too-many");
      // Nobody waits for it any more; that it fails is told by those that do.
      a.ready?.catch(() => undefined);
      return;
    }
    const { address: server, subnets } = context.planner.site.network;
    const nak = a.type === DhcpMessageType.Nak;
    const vendor = menuOption(a.plan, a.family, context);
    const len = nak
      ? emitNak(server, a.decision, view, o, slab.octets, 0)
      : emitReply(
          { ...a, server, hostname: a.plan.machine.hostname, proxy: false, vendor },
          view,
          o,
          slab.octets,
          0,
        );
    const { macOctets: mac } = a.plan.machine;
    const onLink = a.subnet === subnets[0];
    const aim = { nak, mac, address: a.address, onLink, srcPort: a.srcPort };
    const to = destinationOf(view, aim);
    const settled = a.type === DhcpMessageType.Ack || a.type === 0;
    const reach = settled && a.reachable && to.lane === "link" && a.address !== 0;
    const finish = (): void => {
      this.replies.send(to, slab, len, server);
      this.note(a, len, context.clock.now() - arrivedMs);
    };
    if (!a.ready && !reach && a.delayMs === 0) {
      // What can be told at once is told in this turn.
      try {
        finish();
      } catch (error) {
        this.failed(a, error);
      } finally {
        pool.release(slab);
      }
      return;
    }
    this.whenReady(a, reach ? to : undefined)
      .then(finish)
      .catch((error: unknown) => this.failed(a, error))
      .finally(() => pool.release(slab));
  }

  private async whenReady(a: Answered, to: Destination | undefined): Promise<void> {
    await a.ready;
    if (to) await this.sender.prepareNeighbour(a.address, a.plan.machine.macOctets);
    if (a.delayMs === 0) return;
    await new Promise<void>((resolve) => {
      this.context.clock.after(a.delayMs, resolve);
    });
  }

  private failed(a: Answered, error: unknown): void {
    this.context.journal.note({
      ...whose(a),
      decision: `the answer could not be sent: ${error instanceof Error ? error.message : error}`,
      outcome: "failed",
    });
  }

  private note(a: Answered, octets: number, ms: number): void {
    const { offer, type, address } = a;
    const nak = type === DhcpMessageType.Nak;
    const given = nak || address === 0 ? "" : formatIpv4(address);
    const words = [`${messageTypeName(type)} ${given}`.trim()];
    if (!nak && offer.bootFile !== undefined) words.push(`boot ${offer.bootFile}`);
    if (!nak && offer.rootPath !== undefined) words.push(`root ${offer.rootPath}`);
    this.context.journal.note({
      ...whose(a),
      decision: a.decision,
      reply: words.join(", "),
      outcome: nak ? "refused" : "answered",
      octets,
      ms,
    });
  }
}

function whose({ plan, family, protocol, event }: Answered) {
  const { name: machine, mac } = plan.machine;
  return { machine, mac, address: plan.address, family, protocol, event } as const;
}

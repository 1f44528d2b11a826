import { DhcpMessageType, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { TxPool, TxSlab, UdpPort } from "../../link/datagram.ts";
import type { JournalProtocol } from "../../log/journal.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { ServiceContext } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { emitNak, emitReply, type ReplyContent } from "./message.ts";
import { type Destination, destinationOf, ReplySender } from "./reply-sender.ts";

/** A request that is to be answered, and all that the journal needs of it; outlives the packet. */
export interface Answered {
  readonly plan: BootPlan;
  /** Only a rule lets it in. */
  readonly guest: boolean;
  readonly reply: ReplyContent;
  readonly event: string;
  /** Put together when it is noted, or told with a NAK. */
  readonly decision: () => string;
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
    const { reply } = a;
    const nak = reply.type === DhcpMessageType.Nak;
    const len = nak
      ? emitNak(server, a.decision(), view, o, slab.octets, 0)
      : emitReply(reply, view, o, slab.octets, 0);
    const { macOctets: mac } = a.plan.machine;
    const onLink = reply.subnet === subnets[0];
    const aim = { nak, mac, address: reply.address, onLink, srcPort: a.srcPort };
    const to = destinationOf(view, aim);
    const settled = reply.type === DhcpMessageType.Ack || reply.type === 0;
    const reach = settled && a.reachable && to.lane === "link" && reply.address !== 0;
    const waits = a.ready !== undefined || reach || a.delayMs > 0;
    // What can be told at once is told in this turn.
    if (!waits) this.finish(a, to, slab, len, arrivedMs);
    else void this.finishWhenReady(a, to, slab, len, arrivedMs, reach);
  }

  private async finishWhenReady(
    a: Answered,
    to: Destination,
    slab: TxSlab,
    len: number,
    arrivedMs: number,
    reach: boolean,
  ): Promise<void> {
    try {
      await a.ready;
      if (reach) await this.sender.prepareNeighbour(a.reply.address, a.plan.machine.macOctets);
      if (a.delayMs > 0) await this.delay(a.delayMs);
    } catch (error) {
      this.pool.release(slab);
      this.failed(a, error);
      return;
    }
    this.finish(a, to, slab, len, arrivedMs);
  }

  /** Sends it, and gives the slab back. */
  private finish(a: Answered, to: Destination, slab: TxSlab, len: number, arrivedMs: number): void {
    try {
      this.replies.send(to, slab, len, this.context.planner.site.network.address);
      this.note(a, len, this.context.clock.now() - arrivedMs);
    } catch (error) {
      this.failed(a, error);
    } finally {
      this.pool.release(slab);
    }
  }

  private delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.context.clock.after(ms, resolve);
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
    const { journal } = this.context;
    if (a.guest && !journal.admitsGuest()) return;
    const { offer, type, address } = a.reply;
    const nak = type === DhcpMessageType.Nak;
    const given = nak || address === 0 ? "" : formatIpv4(address);
    const words = [`${messageTypeName(type)} ${given}`.trim()];
    if (!nak && offer.bootFile !== undefined) words.push(`boot ${offer.bootFile}`);
    if (!nak && offer.rootPath !== undefined) words.push(`root ${offer.rootPath}`);
    journal.note({
      ...whose(a),
      decision: a.decision(),
      reply: words.join(", "),
      outcome: nak ? "refused" : "answered",
      octets,
      ms,
    });
  }
}

function whose({ plan, reply, protocol, event }: Answered) {
  const { name: machine, mac } = plan.machine;
  const { family } = reply;
  return { machine, mac, address: plan.address, family, protocol, event } as const;
}

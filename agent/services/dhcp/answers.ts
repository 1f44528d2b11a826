import { setImmediate } from "node:timers/promises";
import { DhcpMessageType, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { TxPool, TxSlab, UdpPort } from "../../link/datagram.ts";
import type { JournalProtocol } from "../../log/journal.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { ServiceContext } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { emitNak, emitReply, MAX_MESSAGE_LEN, type ReplyContent } from "./message.ts";
import { type Destination, destinationOf, ReplySender } from "./reply-sender.ts";

/** An answer that waits for the kernel to take those before it is dropped after so many turns of the event loop. */
const MAX_TURNS = 100;

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

/** A reply that lies in its slab. */
interface Written {
  readonly a: Answered;
  readonly to: Destination;
  readonly slab: TxSlab;
  readonly len: number;
  readonly arrivedMs: number;
}

/** Writes replies while their requests are still there, and sends them when they may be told. */
export class Answers {
  private readonly context: ServiceContext;
  private readonly sender: FrameSender;
  private readonly replies: ReplySender;
  /** For replies that wait. */
  private readonly pool: TxPool;
  /** For those that go in the turn of their request: a slow disk keeps leases waiting, but no offers. */
  private readonly atOnce: TxSlab = { octets: Octets.alloc(MAX_MESSAGE_LEN) };

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
    const arrivedMs = this.context.clock.now();
    const { reply } = a;
    const nak = reply.type === DhcpMessageType.Nak;
    const to = this.destination(view, a, nak);
    const settled = reply.type === DhcpMessageType.Ack || reply.type === 0;
    const reach = settled && a.reachable && to.lane === "link" && reply.address !== 0;
    const waits = a.ready !== undefined || reach || a.delayMs > 0;
    const slab = waits ? this.pool.borrow() : this.atOnce;
    if (!slab) {
      this.drop();
      // Nobody waits for it any more; that it fails is told by those that do.
      a.ready?.catch(() => undefined);
      return;
    }
    const { address: server } = this.context.planner.site.network;
    const len = nak
      ? emitNak(server, a.decision(), view, o, slab.octets, 0)
      : emitReply(reply, view, o, slab.octets, 0);
    const written: Written = { a, to, slab, len, arrivedMs };
    if (waits) void this.finishWhenReady(written, reach);
    else if (!this.finish(written)) this.drop();
  }

  private destination(view: DhcpView, a: Answered, nak: boolean): Destination {
    const { address, subnet } = a.reply;
    const { macOctets: mac } = a.plan.machine;
    const onLink = subnet === this.context.planner.site.network.subnets[0];
    return destinationOf(view, { nak, mac, address, onLink, srcPort: a.srcPort });
  }

  private async finishWhenReady(written: Written, reach: boolean): Promise<void> {
    const { a, slab } = written;
    try {
      await a.ready;
      if (reach) await this.sender.prepareNeighbour(a.reply.address, a.plan.machine.macOctets);
      if (a.delayMs > 0) await this.delay(a.delayMs);
      await this.finishInTurn(written);
    } catch (error) {
      this.failed(a, error);
    } finally {
      this.pool.release(slab);
    }
  }

  /** A batch of leases is durable at once: there may be more of them than the port takes in one turn. */
  private async finishInTurn(written: Written): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      if (this.finish(written)) return;
      await setImmediate();
    }
    this.drop();
  }

  /** Sends it. False: it does not go out in this turn. */
  private finish({ a, to, slab, len, arrivedMs }: Written): boolean {
    try {
      const { address } = this.context.planner.site.network;
      if (!this.replies.send(to, slab, len, address)) return false;
      this.note(a, len, this.context.clock.now() - arrivedMs);
    } catch (error) {
      this.failed(a, error);
    }
    return true;
  }

  /** Nobody hears of it; its client will ask again. */
  private drop(): void {
    this.context.counters.add("dhcp", "too-many");
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

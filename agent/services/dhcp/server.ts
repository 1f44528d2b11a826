import {
  BOOTREQUEST,
  BROADCAST_FLAG,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DhcpMessageType,
  messageTypeName,
} from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  emitEthernet,
} from "../../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, IPV4_HEADER_LEN } from "../../../protocols/ipv4/packet.ts";
import { emitUdp, UDP_HEADER_LEN, type UdpView } from "../../../protocols/udp/datagram.ts";
import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import {
  type Datagram,
  TxPool,
  type TxSlab,
  type UdpPort,
  type UdpPorts,
} from "../../link/datagram.ts";
import type { JournalProtocol } from "../../log/journal.ts";
import type { BootPlan, Offer } from "../../plan/boot-plan.ts";
import { recogniseDhcp } from "../../plan/family.ts";
import { firstWait, neededFirst } from "../../plan/needs.ts";
import { patienceOf } from "../../plan/patience.ts";
import type { RaspberryPi } from "../../plan/raspberry-pi.ts";
import type { Family } from "../../site/families.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE } from "../context.ts";
import { HeldQuestions, heldBecause, heldFor } from "../hold.ts";
import type { FrameSender } from "../link-server.ts";
import { decideDhcp, evidenceOf, messageName } from "./decide.ts";
import { emitNak, emitReply, MAX_MESSAGE_LEN, type ReplyContent } from "./message.ts";

const ETHERNET_BROADCAST: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);
/** Where a DHCP message begins in a frame of ours. */
const MESSAGE_AT = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN;
/** Replies that wait for their neighbour entry. */
const PENDING = 32;
/** After its patience was used up, a machine's questions are answered at once for this long: time for an offer and its request, ms. */
const SPENT_MS = 60_000;

/** Where a reply goes, as RFC 2131 section 4.1 has it. */
type Destination =
  | { readonly lane: "link"; readonly mac: Uint8Array; readonly address: Ipv4 }
  | { readonly lane: "udp"; readonly address: Ipv4; readonly port: number };

/** A request that is to be answered, and all that the journal needs of it; outlives the packet. */
interface Answered {
  readonly plan: BootPlan;
  readonly family: Family;
  readonly pi: RaspberryPi | undefined;
  readonly offer: Offer;
  readonly type: number;
  readonly event: string;
  readonly decision: string;
  readonly protocol: JournalProtocol;
  readonly arrivedMs: number;
}

/**
 * BOOTP and DHCP for the machines of the site, each of which has its one reserved address.
 *
 * Broadcasts come by the link lane, renewals and relayed requests by UDP. Replies leave by the link lane, straight to the
 * client's hardware address; only those to a relay leave by UDP.
 *
 * A machine whose first file is still being fetched is left without an offer for as long as its firmware is known to wait for
 * one; what it waits beyond that it waits for the file.
 */
export class DhcpServer {
  private readonly context: ServiceContext;
  private readonly sender: FrameSender;
  private readonly view = new DhcpView();
  private readonly pool = new TxPool(PENDING, MAX_MESSAGE_LEN);
  private readonly held: HeldQuestions;
  /** When the patience of a machine was used up. */
  private readonly spentMs = new Map<MacText, number>();
  private port: UdpPort | undefined;

  constructor(context: ServiceContext, sender: FrameSender) {
    this.context = context;
    this.sender = sender;
    this.held = new HeldQuestions(context.clock);
  }

  /** Opens the unicast port: renewals and relays. */
  async start(ports: UdpPorts): Promise<void> {
    this.port = await ports.open(DHCP_SERVER_PORT, { name: "dhcp" });
    this.port.onDatagram((d) => this.handleUdp(d));
  }

  stop(): void {
    this.held.clear();
    this.port?.close();
    this.port = undefined;
  }

  /** Takes a broadcast message off the link. */
  handleBroadcast(o: Octets, udp: UdpView): void {
    this.handle(o, udp.payloadAt, udp.payloadLen);
  }

  private handleUdp(d: Datagram): void {
    this.handle(d.octets, d.at, d.len);
  }

  /** `heldMs`: how long the question was held, undefined when it has just come. */
  private handle(o: Octets, at: number, len: number, heldMs?: number): void {
    const { view, context } = this;
    const status = view.reset(o, at, len);
    if (status) {
      context.counters.add("dhcp", statusName(status));
      return;
    }
    // Replies of other servers reach us too.
    if (view.op !== BOOTREQUEST || view.hlen !== MAC_LEN) return;
    const mac = macText(o, view.chaddrAt);
    const event = messageName(view);
    const protocol = view.isBootp ? "bootp" : "dhcp";
    const known = context.planner.byMac(mac);
    if (!known) {
      context.journal.note({ protocol, mac, event, decision: UNKNOWN_MACHINE, outcome: "silent" });
      return;
    }
    const heldBy = heldBack(known, context);
    const told = recogniseDhcp(evidenceOf(view, o));
    const { family, why } = context.sightings.dhcp(known.machine, told);
    const { messageType } = view;
    const decision = decideDhcp(view, known, context.planner.site.network);
    // What is not answered begins no boot.
    const first = heldMs === undefined && isFirst(messageType);
    const answered = heldBy === undefined && decision.reply !== undefined;
    const plan = answered ? context.planner.asks(known, { by: "dhcp", family, first }) : known;
    const { machine } = plan;
    signOfLife(plan, context);
    const silent = (words: string): void =>
      context.journal.note({
        machine: machine.name,
        mac,
        address: plan.address,
        family,
        protocol,
        event,
        decision: words,
        outcome: "silent",
      });
    if (decision.reply === undefined) {
      silent(decision.why);
      return;
    }
    // What runs keeps its address.
    if (heldBy !== undefined && !(messageType === DhcpMessageType.Request && view.ciaddr !== 0)) {
      this.held.drop(mac);
      silent(heldBy);
      return;
    }
    if (first) {
      const wait = this.hold(plan, family, o, at, len);
      if (wait === "held already") return;
      if (wait !== undefined) {
        silent(heldBecause(wait));
        return;
      }
    }
    const waitedMs = heldMs ?? this.held.drop(mac);
    if (decision.reply === DhcpMessageType.Ack) this.spentMs.delete(machine.mac);
    const offer = plan.offer(family);
    const nak = decision.reply === DhcpMessageType.Nak;
    this.reply(o, {
      plan,
      family,
      pi: told.pi,
      offer,
      type: decision.reply,
      event,
      decision: nak ? decision.why : `${offer.why}; ${family}: ${why}${heldFor(waitedMs)}`,
      protocol,
      arrivedMs: context.clock.now(),
    });
  }

  /** Why a question is held, "held already" when it was before, undefined when it is not. */
  private hold(
    plan: BootPlan,
    family: Family,
    o: Octets,
    at: number,
    len: number,
  ): string | undefined {
    const { addressMs: patienceMs } = patienceOf(family);
    if (patienceMs === 0 || len > MAX_MESSAGE_LEN) return undefined;
    const { machine } = plan;
    const spentMs = this.spentMs.get(machine.mac);
    if (spentMs !== undefined && this.context.clock.now() - spentMs < SPENT_MS) return undefined;
    const slots = neededFirst(plan, family);
    const wait = firstWait(slots);
    if (!wait) return undefined;
    // The lane's memory is a Buffer, whose `slice` is no copy.
    const message = new Octets(Uint8Array.from(o.u8.subarray(at, at + len)));
    const release = (heldMs: number, patienceOver: boolean): void => {
      if (patienceOver) this.spentMs.set(machine.mac, this.context.clock.now());
      this.handle(message, 0, len, heldMs);
    };
    const isNew = this.held.hold(machine.mac, { what: family, slots, patienceMs, release });
    return isNew ? wait.why : "held already";
  }

  /** Writes the reply while the request is still there, and sends it once the host can reach the client. */
  private reply(o: Octets, a: Answered): void {
    const { view, context } = this;
    const slab = this.pool.borrow();
    if (!slab) {
      context.counters.add("dhcp", "too-many");
      return;
    }
    const { network } = context.planner.site;
    const { plan, offer, family, type } = a;
    const { address: server, subnets } = network;
    const informed = view.messageType === DhcpMessageType.Inform;
    const content: ReplyContent = {
      type,
      server,
      address: informed ? 0 : plan.address,
      lengthS: type === 0 || informed ? 0 : subnets[0].leaseS,
      subnet: subnets[0],
      hostname: plan.machine.hostname,
      offer,
      family,
      pi: a.pi,
      proxy: false,
      rapid: false,
    };
    const len =
      type === DhcpMessageType.Nak
        ? emitNak(server, a.decision, view, o, slab.octets, 0)
        : emitReply(content, view, o, slab.octets, 0);
    const to = this.destination(a);
    const settled = type === DhcpMessageType.Ack || type === 0;
    const ready = settled
      ? this.sender.prepareNeighbour(plan.address, plan.machine.macOctets)
      : Promise.resolve();
    ready
      .then(() => {
        this.send(to, slab, len);
        this.note(a, len);
      })
      .catch((error: unknown) => this.noteFailure(a, error))
      .finally(() => this.pool.release(slab));
  }

  private destination({ plan, type }: Answered): Destination {
    const { view } = this;
    if (view.giaddr !== 0) return { lane: "udp", address: view.giaddr, port: DHCP_SERVER_PORT };
    if (type === DhcpMessageType.Nak) {
      return { lane: "link", mac: ETHERNET_BROADCAST, address: IPV4_BROADCAST };
    }
    const mac = plan.machine.macOctets;
    if (view.ciaddr !== 0) return { lane: "link", mac, address: view.ciaddr };
    if (view.flags & BROADCAST_FLAG) {
      return { lane: "link", mac: ETHERNET_BROADCAST, address: IPV4_BROADCAST };
    }
    return { lane: "link", mac, address: plan.address };
  }

  private send(to: Destination, slab: TxSlab, len: number): void {
    if (to.lane === "udp") this.sendUdp(to, slab, len);
    else this.sender.sendFrame((tx) => this.emitFrame(to, slab, len, tx));
  }

  private sendUdp(
    to: { readonly address: Ipv4; readonly port: number },
    slab: TxSlab,
    len: number,
  ): void {
    const out = this.port?.borrow();
    if (!out) return;
    out.octets.u8.set(slab.octets.u8.subarray(0, len));
    this.port?.send(out, len, to.address, to.port);
  }

  private emitFrame(
    to: { readonly mac: Uint8Array; readonly address: Ipv4 },
    slab: TxSlab,
    len: number,
    tx: Octets,
  ): number {
    const src = this.context.planner.site.network.address;
    const dst = to.address;
    tx.u8.set(slab.octets.u8.subarray(0, len), MESSAGE_AT);
    let at = emitEthernet({ dst: to.mac, src: this.sender.mac, etherType: ETHERTYPE_IPV4 }, tx, 0);
    at += emitIpv4({ src, dst, protocol: IPPROTO_UDP }, UDP_HEADER_LEN + len, tx, at);
    const ports = { srcPort: DHCP_SERVER_PORT, dstPort: DHCP_CLIENT_PORT };
    emitUdp(ports, len, src, dst, tx, at);
    return MESSAGE_AT + len;
  }

  private noteFailure(a: Answered, error: unknown): void {
    const { plan, family, protocol, event } = a;
    this.context.journal.note({
      machine: plan.machine.name,
      mac: plan.machine.mac,
      address: plan.address,
      family,
      protocol,
      event,
      decision: `the answer could not be sent: ${error instanceof Error ? error.message : error}`,
      outcome: "failed",
    });
  }

  private note(a: Answered, octets: number): void {
    const { plan, offer, type } = a;
    const nak = type === DhcpMessageType.Nak;
    const words = [`${messageTypeName(type)} ${nak ? "" : formatIpv4(plan.address)}`.trim()];
    if (!nak && offer.bootFile !== undefined) words.push(`boot ${offer.bootFile}`);
    if (!nak && offer.rootPath !== undefined) words.push(`root ${offer.rootPath}`);
    this.context.journal.note({
      machine: plan.machine.name,
      mac: plan.machine.mac,
      address: plan.address,
      family: a.family,
      protocol: a.protocol,
      event: a.event,
      decision: a.decision,
      reply: words.join(", "),
      outcome: nak ? "refused" : "answered",
      octets,
      ms: this.context.clock.now() - a.arrivedMs,
    });
  }
}

/** Whether a message begins an exchange: BOOTP, or DISCOVER. */
function isFirst(messageType: number): boolean {
  return messageType === 0 || messageType === DhcpMessageType.Discover;
}

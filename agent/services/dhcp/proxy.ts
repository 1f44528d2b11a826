import {
  BOOTREQUEST,
  DhcpMessageType,
  DhcpOption,
  messageTypeName,
} from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText } from "../../../protocols/wire/mac-address.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import { TxPool, type UdpPort } from "../../link/datagram.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { Recognition } from "../../plan/family.ts";
import type { Family } from "../../site/families.ts";
import { heldBack, type ServiceContext, signOfLife } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { type AboutAsker, aboutAsker, BootAskers } from "./boot-asker.ts";
import { emitReply, MAX_MESSAGE_LEN } from "./message.ts";
import { menuOption } from "./pxe-menu.ts";
import { messageName } from "./question.ts";
import type { Message } from "./received.ts";
import { destinationOf, ReplySender } from "./reply-sender.ts";
import { chooseSubnet } from "./subnet-choice.ts";

/** A reply leaves in the turn in which it is written. */
const SLABS = 1;

/** What answering beside another DHCP server needs. */
export interface ProxyDhcpInput {
  readonly context: ServiceContext;
  readonly sender: FrameSender;
  /** Told which address a card has, or asks another server for. */
  readonly located: (mac: MacText, address: Ipv4) => void;
}

/**
 * ProxyDHCP (PXE specification 2.1, section 2.2): another server gives the addresses, we say what to boot.
 *
 * Only a DISCOVER is answered, by an offer without an address. It is broadcast also to whoever did not ask for that: there is no
 * address yet that a unicast could go to (RFC 2131 section 4.1). What follows goes between the client and the server of its
 * address, until the client comes to port 4011 (`BootServer`), or reads the file that the offer named.
 *
 * It does not wait for assets: the client would go on with the other server's offer alone. The file is waited for when it is read.
 */
export class ProxyDhcp {
  private readonly o: ProxyDhcpInput;
  private readonly askers: BootAskers;
  private readonly replies: ReplySender;
  private readonly view = new DhcpView();
  private readonly pool = new TxPool(SLABS, MAX_MESSAGE_LEN);

  constructor(input: ProxyDhcpInput) {
    this.o = input;
    this.askers = new BootAskers(input.context);
    this.replies = new ReplySender(input.sender);
  }

  /** The port that offers to relays leave by. */
  use(port: UdpPort): void {
    this.replies.use(port);
  }

  /** Takes a message that came to port 67, whichever way. `srcPort`: of its sender; 0: off the link. */
  handle(m: Message, srcPort: number): void {
    this.take(m, srcPort, (copy) => this.take(copy, srcPort, undefined));
  }

  private take(m: Message, srcPort: number, again: ((copy: Message) => void) | undefined): void {
    const { view } = this;
    const { context } = this.o;
    const status = view.reset(m.o, m.at, m.len);
    if (status) {
      context.counters.add("dhcp", statusName(status));
      return;
    }
    if (view.op !== BOOTREQUEST || view.hlen !== MAC_LEN) return;
    const address = foreignAddress(view);
    const asker = this.askers.find(view, m, address, again);
    if (!asker) return;
    if (!asker.plan) {
      this.silent(asker.mac, asker.why);
      return;
    }
    if (address !== 0) this.o.located(asker.mac, address);
    this.answer(asker.plan, asker.told, m, srcPort);
  }

  private answer(known: BootPlan, told: Recognition, m: Message, srcPort: number): void {
    const { view } = this;
    const { context } = this.o;
    const { mac } = known.machine;
    const { family, why } = context.sightings.dhcp(known.machine, told);
    signOfLife(known, context);
    const { network } = context.planner.site;
    const { subnet, why: nowhere } = chooseSubnet(view, network);
    if (!subnet) {
      this.silent(mac, nowhere, known);
      return;
    }
    const no = whyNot(view, network.address, told.family) ?? heldBack(known, context);
    if (no !== undefined) {
      this.silent(mac, no, known);
      return;
    }
    const plan = context.planner.asks(known, { by: "dhcp", family, first: true });
    const offer = plan.offer(family);
    if (offer.bootFile === undefined) {
      this.silent(mac, offer.why, plan);
      return;
    }
    const slab = this.pool.borrow();
    if (!slab) throw new Error("an offer is written while another one is");
    const { address: server } = network;
    const vendor = menuOption(plan, family, context);
    const rest = { subnet, hostname: "", offer, family, pi: told.pi, proxy: true, rapid: false };
    const what = { type: DhcpMessageType.Offer, server, address: 0, lengthS: 0, vendor, ...rest };
    try {
      const len = emitReply(what, view, m.o, slab.octets, 0);
      const card = plan.machine.macOctets;
      const onLink = subnet === network.subnets[0];
      const aim = { nak: false, mac: card, address: 0, onLink, srcPort };
      if (!this.replies.send(destinationOf(view, aim), slab, len, server)) {
        context.counters.add("dhcp", "too-many");
        return;
      }
      context.journal.note({
        ...this.about(mac, plan),
        decision: `another server gives its address; ${offer.why}; ${family}: ${why}`,
        reply: `ProxyDHCP OFFER, ${vendor ? "a menu, " : ""}boot ${offer.bootFile}`,
        outcome: "answered",
        octets: len,
      });
    } catch (error) {
      const decision = `the offer could not be sent: ${error instanceof Error ? error.message : error}`;
      context.journal.note({ ...this.about(mac, plan), decision, outcome: "failed" });
    } finally {
      this.pool.release(slab);
    }
  }

  private silent(mac: MacText, decision: string, plan?: BootPlan): void {
    const { journal } = this.o.context;
    journal.note({ ...this.about(mac, plan), decision, outcome: "silent" });
  }

  private about(mac: MacText, plan: BootPlan | undefined): AboutAsker {
    return aboutAsker(this.o.context, mac, plan, messageName(this.view));
  }
}

/** What a card has from another server, or asks of it; 0: that it does not say. */
function foreignAddress(view: DhcpView): Ipv4 {
  const type = view.messageType;
  if (type !== DhcpMessageType.Request && type !== DhcpMessageType.Inform) return 0;
  return view.ciaddr !== 0 ? view.ciaddr : view.optionIpv4(DhcpOption.RequestedIpAddress);
}

/** Families whose firmware takes its address from one server and what it boots from another. */
function isProxied(family: Family): boolean {
  if (family.startsWith("uefi-") || family === "pxe-bios") return true;
  return family === "ipxe" || family === "uboot" || family === "raspberry-pi";
}

/** Why a message gets no offer; undefined: it gets one. */
function whyNot(view: DhcpView, server: Ipv4, family: Family): string | undefined {
  const type = view.messageType;
  if (type === 0) return "asks by BOOTP for an address, which another server gives here";
  if (type === DhcpMessageType.Request) {
    const to = view.optionIpv4(DhcpOption.ServerIdentifier);
    if (to === server) return "takes our offer for one of an address, which it was not";
    const whom = to === 0 ? "another server" : formatIpv4(to);
    return `its address is the affair of ${whom}`;
  }
  if (type !== DhcpMessageType.Discover) {
    return `${messageTypeName(type)} is the affair of the server that gives addresses here`;
  }
  if (isProxied(family)) return undefined;
  const who = family === "unknown" ? "what does not say that it boots" : family;
  return `${who} takes all from the server of its address: that has to say what it boots`;
}

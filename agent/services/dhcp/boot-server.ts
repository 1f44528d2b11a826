import {
  BOOTREQUEST,
  DhcpMessageType,
  DhcpOption,
  PXE_BOOT_SERVER_PORT,
} from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { PxeVendorView } from "../../../protocols/dhcp/pxe.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Datagram, UdpPort, UdpPorts } from "../../link/datagram.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { Recognition } from "../../plan/family.ts";
import { heldBack, type ServiceContext, signOfLife } from "../context.ts";
import { RateLimit } from "../rate-limit.ts";
import { type AboutAsker, aboutAsker, BootAskers } from "./boot-asker.ts";
import { emitReply } from "./message.ts";
import { chosenItem, type ItemChoice } from "./pxe-menu.ts";
import { messageName } from "./question.ts";
import type { Message } from "./received.ts";

const CLASS = "PXEClient";
/** What one card may ask; EDK2 asks four times, a second and more apart. */
const PER_CARD = { burst: 20, perSecond: 4 } as const;
const MAX_CARDS = 4_096;
/** Octets of option 43 that are looked at. */
const MAX_VENDOR_LEN = 512;

/** Where a datagram came from, which is where its answer goes. */
interface From {
  readonly src: Ipv4;
  readonly srcPort: number;
}

/** What a boot server needs. */
export interface BootServerInput {
  readonly context: ServiceContext;
  /** Told which address a card has, whoever gave it. */
  readonly located: (mac: MacText, address: Ipv4) => void;
}

/**
 * The boot server of PXE, UDP port 4011 (PXE specification 2.1, section 2.2.5); EDK2 calls it BINL.
 *
 * A client that has its address asks here for its boot file, wherever the address comes from. The answer goes back to the port
 * that the question came from, from port 4011, by the kernel: a client that asks here answers ARP.
 */
export class BootServer {
  private readonly o: BootServerInput;
  private readonly askers: BootAskers;
  private readonly cards: RateLimit;
  private readonly view = new DhcpView();
  private readonly vendor = new PxeVendorView();
  private readonly joined = Octets.alloc(MAX_VENDOR_LEN);
  private port: UdpPort | undefined;

  constructor(input: BootServerInput) {
    this.o = input;
    const { context } = input;
    this.askers = new BootAskers(context);
    this.cards = new RateLimit(PER_CARD, MAX_CARDS, () => context.clock.now());
  }

  async start(ports: UdpPorts): Promise<void> {
    this.port = await ports.open(PXE_BOOT_SERVER_PORT, { name: "binl" });
    this.port.onDatagram((d) => this.handle(d));
  }

  stop(): void {
    this.port?.close();
    this.port = undefined;
  }

  private handle({ octets: o, at, len, src, srcPort }: Datagram): void {
    const from = { src, srcPort };
    this.take({ o, at, len }, from, (copy) => this.take(copy, from, undefined));
  }

  private take(m: Message, from: From, again: ((copy: Message) => void) | undefined): void {
    const { view } = this;
    const { context, located } = this.o;
    const status = view.reset(m.o, m.at, m.len);
    if (status) {
      context.counters.add("dhcp", statusName(status));
      return;
    }
    if (view.op !== BOOTREQUEST || view.hlen !== MAC_LEN) return;
    const mac = macText(m.o, view.chaddrAt);
    if (again && !this.cards.admits(mac)) {
      context.counters.add("dhcp", "too-many");
      return;
    }
    const asker = this.askers.find(view, m, from.src, again);
    if (!asker) return;
    if (!asker.plan) {
      this.silent(mac, asker.why);
      return;
    }
    const { plan, told } = asker;
    const no = this.whyNot() ?? heldBack(plan, context);
    if (no !== undefined) {
      this.silent(mac, no, plan);
      return;
    }
    const choice = this.choice(plan);
    if (!choice) return;
    if (choice.kind === "refused") {
      this.silent(mac, choice.why, plan);
      return;
    }
    located(mac, from.src);
    this.answer(plan, told, m, from, choice);
  }

  /** Why this is not a question for a boot server; undefined: it is. */
  private whyNot(): string | undefined {
    const { view } = this;
    const type = view.messageType;
    if (type !== DhcpMessageType.Request && type !== DhcpMessageType.Inform) {
      return "not what a PXE client asks a boot server";
    }
    if (!view.optionText(DhcpOption.VendorClassIdentifier).startsWith(CLASS)) {
      return `does not call itself ${CLASS}`;
    }
    if (view.giaddr !== 0) return "came by a relay, and boot servers are asked directly";
    const server = view.optionIpv4(DhcpOption.ServerIdentifier);
    const ours = this.o.context.planner.site.network.address;
    if (server === 0 || server === ours) return undefined;
    return `asks another boot server, ${formatIpv4(server)}`;
  }

  /** What was chosen from a menu; undefined: option 43 is rubbish. */
  private choice({ machine }: BootPlan): ItemChoice | undefined {
    const { view, vendor, joined } = this;
    const len = view.optionJoined(DhcpOption.VendorSpecific, joined);
    if (len < 0) return { kind: "none" };
    const status = vendor.reset(joined, 0, len);
    if (status === 0) return chosenItem(vendor, machine.profile?.menu);
    this.o.context.counters.add("dhcp", statusName(status));
    return undefined;
  }

  private answer(
    known: BootPlan,
    told: Recognition,
    m: Message,
    from: From,
    choice: ItemChoice,
  ): void {
    const { view, port } = this;
    const { context } = this.o;
    const { family, why } = context.sightings.dhcp(known.machine, told);
    signOfLife(known, context);
    const plan = context.planner.asks(known, { by: "dhcp", family, first: false });
    const { at, vendor } = choice.kind === "item" ? choice : { at: -1, vendor: undefined };
    const offer = plan.offer(family, plan.machine.profile?.menu?.items[at]);
    if (offer.bootFile === undefined) {
      this.silent(plan.machine.mac, offer.why, plan);
      return;
    }
    const slab = port?.borrow();
    if (!port || !slab) {
      context.counters.add("dhcp", "too-many");
      return;
    }
    const { address: server, subnets } = context.planner.site.network;
    const rest = { offer, family, pi: told.pi, proxy: true, rapid: false, vendor };
    const content = {
      ...rest,
      type: DhcpMessageType.Ack,
      server,
      address: 0,
      lengthS: 0,
      subnet: subnets[0],
      hostname: "",
    };
    const len = emitReply(content, view, m.o, slab.octets, 0);
    port.send(slab, len, from.src, from.srcPort);
    context.journal.note({
      ...this.about(plan.machine.mac, plan),
      decision: `${offer.why}; ${family}: ${why}`,
      reply: `ACK from port ${PXE_BOOT_SERVER_PORT}, boot ${offer.bootFile}`,
      outcome: "answered",
      octets: len,
    });
  }

  private silent(mac: MacText, decision: string, plan?: BootPlan): void {
    const { journal } = this.o.context;
    journal.note({ ...this.about(mac, plan), decision, outcome: "silent" });
  }

  private about(mac: MacText, plan: BootPlan | undefined): AboutAsker {
    const event = `${messageName(this.view)} to port ${PXE_BOOT_SERVER_PORT}`;
    return aboutAsker(this.o.context, mac, plan, event);
  }
}

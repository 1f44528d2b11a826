import { LRUCache } from "lru-cache";
import { BOOTREQUEST, DHCP_SERVER_PORT, DhcpMessageType } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import type { UdpView } from "../../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import { TxPool, type UdpPort, type UdpPorts } from "../../link/datagram.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import { type Recognition, recogniseDhcp } from "../../plan/family.ts";
import { AddressOnly } from "../../plan/guests.ts";
import { firstWait, neededFirst } from "../../plan/needs.ts";
import { patienceOf } from "../../plan/patience.ts";
import { ruleWords, type UnknownEvidence } from "../../plan/unknown-rules.ts";
import type { Family } from "../../site/families.ts";
import type { Subnet, UnknownRule } from "../../site/site.ts";
import { Admissions } from "../admissions.ts";
import { CardLimits } from "../card-limits.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE } from "../context.ts";
import { HeldQuestions, heldBecause, heldFor } from "../hold.ts";
import type { FrameSender } from "../link-server.ts";
import type { RateLimit } from "../rate-limit.ts";
import { type AddressDecision, type AddressQuestion, decideAddress } from "./address-decision.ts";
import { Answers } from "./answers.ts";
import { ArpProber } from "./arp-prober.ts";
import { addressOf, fits, isFirst, isReply, lengthOf, replyType, wantsAddress } from "./deeds.ts";
import { MAX_MESSAGE_LEN } from "./message.ts";
import { type Conduct, conductOf } from "./mode.ts";
import { menuOption } from "./pxe-menu.ts";
import {
  addressQuestion,
  evidenceOf,
  hostnameOf,
  messageName,
  unknownEvidence,
} from "./question.ts";
import {
  type Came,
  type CameMessage,
  copyOf,
  type Message,
  OFF_LINK,
  octetsOf,
} from "./received.ts";
import { chooseSubnet } from "./subnet-choice.ts";

/** Replies that wait for their lease or neighbour entry. */
const PENDING = 2_048;
/** After its patience was used up, a machine's questions are answered at once for this long: time for an offer and its request, ms. */
const SPENT_MS = 60_000;
const MAX_SPENT = 4_096;
/**
 * What all cards that the site does not name may ask together on the link, where anybody can make up as many as he likes: a
 * hall of them that wakes at once, and no more than leaves time for those that it names.
 */
const STRANGERS = { burst: 2_000, perSecond: 2_000 } as const;
/** The same through relays, which the site names. */
const RELAYED = { burst: 50_000, perSecond: 50_000 } as const;
/** The boot ROM of a Raspberry Pi 3 does not hear an offer that comes at once (raspberrypi/firmware#862), ms. */
const PI_ROM_DELAY_MS = 1_000;
/** Nor does it ever send a REQUEST: what it was offered it keeps for as long as it may load, s. */
const PI_ROM_LEASE_S = 1_800;

/**
 * BOOTP and DHCP: reservations for the machines of the site, addresses of the pool for those that a rule lets in.
 *
 * Broadcasts come by the link lane, renewals and relayed requests by UDP. An address is confirmed only when its lease is durable.
 *
 * A machine whose first file is still being fetched is left without an offer for as long as its firmware is known to wait for
 * one; what it waits beyond that it waits for the file.
 */
export class DhcpServer {
  private readonly context: ServiceContext;
  private readonly prober: ArpProber;
  private readonly conduct: () => Conduct;
  private readonly view = new DhcpView();
  private readonly answers: Answers;
  private readonly held: HeldQuestions;
  private readonly limits: CardLimits;
  /** Of what no boot needs: who gives a machine's address back in its name, as often as he likes, does not keep it from asking. */
  private readonly restLimits: CardLimits;
  private readonly strangers: RateLimit;
  private readonly relayed: RateLimit;
  /** When the patience of a machine was used up. */
  private readonly spentMs = new LRUCache<MacText, number>({ max: MAX_SPENT });
  private readonly admissions = new Admissions();
  private port: UdpPort | undefined;

  constructor(
    context: ServiceContext,
    sender: FrameSender,
    prober: ArpProber = new ArpProber(sender, context.clock, context.counters),
    conduct: () => Conduct = () => conductOf(context.planner.site.network.dhcp),
    pending: number = PENDING,
  ) {
    this.context = context;
    this.prober = prober;
    this.conduct = conduct;
    this.answers = new Answers(context, sender, new TxPool(pending, MAX_MESSAGE_LEN));
    this.held = new HeldQuestions(context.clock);
    this.limits = new CardLimits(context);
    this.restLimits = new CardLimits(context);
    this.strangers = this.limits.strangers(STRANGERS);
    this.relayed = this.limits.strangers(RELAYED);
  }

  /** Opens the unicast port: renewals and relays. `others`: who takes a datagram before it is looked at here. */
  async start(
    ports: UdpPorts,
    others: (m: Message, srcPort: number) => boolean = () => false,
  ): Promise<UdpPort> {
    const port = await ports.open(DHCP_SERVER_PORT, { name: "dhcp" });
    this.port = port;
    this.answers.use(port);
    port.onDatagram((d) => {
      if (others({ o: d.octets, at: d.at, len: d.len }, d.srcPort)) return;
      this.handle(d.octets, d.at, d.len, { srcPort: d.srcPort });
    });
    return port;
  }

  stop(): void {
    this.held.clear();
    this.port?.close();
  }

  /** Takes a broadcast message off the link. */
  handleBroadcast(o: Octets, udp: UdpView): void {
    this.handle(o, udp.payloadAt, udp.payloadLen, OFF_LINK);
  }

  private handle(o: Octets, at: number, len: number, came: Came): void {
    const { view, context } = this;
    const status = view.reset(o, at, len);
    if (status) {
      context.counters.add("dhcp", statusName(status));
      return;
    }
    // Replies of other servers reach us too.
    if (view.op !== BOOTREQUEST || view.hlen !== MAC_LEN) return;
    const mac = macText(o, view.chaddrAt);
    const again = came.heldMs !== undefined || came.probed === true;
    const strangers = came.srcPort === 0 ? this.strangers : this.relayed;
    const limits = wantsAddress(view.messageType) ? this.limits : this.restLimits;
    if (!again && !limits.admits(mac, strangers)) {
      context.counters.add("dhcp", "too-many");
      return;
    }
    const known = context.planner.byMac(mac);
    const { subnet, why } = chooseSubnet(view, context.planner.site.network);
    if (!subnet) {
      this.silent(mac, why, known);
      return;
    }
    const evidence = evidenceOf(view, o);
    const told = recogniseDhcp(evidence);
    const shown = unknownEvidence(view, evidence, told);
    const rule = context.planner.ruleOf(shown);
    const refused = this.whyNot(mac, subnet, known, rule);
    if (refused !== undefined) {
      this.silent(mac, refused, known);
      return;
    }
    const question = addressQuestion(view, mac, subnet, context.addresses);
    const decision = decideAddress(question, context.addresses, this.server);
    const address = addressOf(decision);
    let plan = known;
    if (rule && !fits(known, rule, address)) {
      if (rule.profile && address !== undefined) {
        this.admit({ o, at, len, came }, shown, rule, address);
        return;
      }
      plan = new AddressOnly(
        rule,
        mac,
        octetsOf(o, view.chaddrAt, MAC_LEN),
        address ?? view.ciaddr,
        this.server,
      );
    }
    if (plan) this.answer({ o, at, len, came }, plan, question, decision, told, rule);
  }

  /** Why this card gets no answer here; undefined: it may. */
  private whyNot(
    mac: MacText,
    subnet: Subnet,
    known: BootPlan | undefined,
    rule: UnknownRule | undefined,
  ): string | undefined {
    const { planner, addresses } = this.context;
    const conduct = this.conduct();
    if (conduct === "proxy") return "another server gives the addresses here";
    if (planner.site.machineByMac.has(mac)) {
      const client = addresses.client(subnet, mac);
      if (known && addresses.reservationOf(subnet, client) === known.address) return undefined;
      const where = formatIpv4(known?.address ?? 0);
      return `its address ${where} is not of the network "${subnet.name}", in which it asks`;
    }
    if (!rule) return UNKNOWN_MACHINE;
    if (conduct === "all") return undefined;
    return "no pool is open: another server may give the addresses here";
  }

  private get server(): number {
    return this.context.planner.site.network.address;
  }

  /** Makes the plan of a guest, and looks at its question again when there is one. */
  private admit(m: CameMessage, shown: UnknownEvidence, rule: UnknownRule, address: number): void {
    const { mac } = shown;
    const { o, at, len, came } = m;
    this.admissions.admit(
      mac,
      async () => {
        const copy = copyOf(o, at, len);
        await this.context.planner.admit(shown, rule, address);
        this.handle(copy, 0, len, { ...came, probed: came.probed ?? false });
      },
      (error) => this.silent(mac, `its plan cannot be made: ${error}`),
    );
  }

  private answer(
    m: CameMessage,
    known: BootPlan,
    question: AddressQuestion,
    decision: AddressDecision,
    told: Recognition,
    rule: UnknownRule | undefined,
  ): void {
    const { view, context } = this;
    const { came } = m;
    const boots = rule === undefined || rule.profile !== undefined;
    const heldBy = boots ? heldBack(known, context) : undefined;
    const { family, why } = boots ? context.sightings.dhcp(known.machine, told) : told;
    const replies = isReply(decision);
    // What is not answered begins no boot.
    const first = came.heldMs === undefined && isFirst(view.messageType);
    const asks = { by: "dhcp", family, first } as const;
    const asked = boots && heldBy === undefined && replies;
    const plan = asked ? context.planner.asks(known, asks) : known;
    if (boots) signOfLife(plan, context);
    const { mac } = plan.machine;
    if (!replies) {
      this.act(question, decision);
      this.silent(mac, decision.why, plan);
      return;
    }
    // What runs keeps its address.
    const renews = view.messageType === DhcpMessageType.Request && view.ciaddr !== 0;
    if (heldBy !== undefined && !renews) {
      this.held.drop(mac);
      this.silent(mac, heldBy, plan);
      return;
    }
    if (first && boots) {
      const wait = this.hold(plan, family, m);
      if (wait === "held already") return;
      if (wait !== undefined) {
        this.silent(mac, heldBecause(wait), plan);
        return;
      }
    }
    if (this.probes(m, question, decision, plan)) return;
    const waitedMs = came.heldMs ?? this.held.drop(mac);
    const type = replyType(view.messageType, decision);
    if (type === DhcpMessageType.Ack) this.spentMs.delete(mac);
    const offer = plan.offer(family);
    const { pi } = told;
    const romOffer = pi === "rom" && type === DhcpMessageType.Offer;
    this.answers.send(view, m.o, {
      plan,
      guest: rule !== undefined,
      reply: {
        type,
        server: this.server,
        address: addressOf(decision) ?? 0,
        lengthS: type === 0 || decision.deed === "inform" ? 0 : lengthOf(decision),
        subnet: question.subnet,
        hostname: plan.machine.hostname,
        offer,
        family,
        pi,
        proxy: false,
        vendor: menuOption(plan, family, context),
        rapid: question.rapid && decision.deed === "bind" && first,
      },
      event: messageName(view),
      decision: () => {
        if (type === DhcpMessageType.Nak) return decision.why;
        const by = rule ? `; ${ruleWords(rule)}` : "";
        return `${decision.why}; ${offer.why}; ${family}: ${why}${by}${heldFor(waitedMs)}`;
      },
      protocol: view.isBootp ? "bootp" : "dhcp",
      delayMs: romOffer ? PI_ROM_DELAY_MS : 0,
      ready: this.promise(question, decision, romOffer),
      reachable: boots,
      srcPort: came.srcPort,
    });
  }

  /** Does what asks for no answer. */
  private act({ subnet, client }: AddressQuestion, decision: AddressDecision): void {
    const { addresses } = this.context;
    if (decision.deed === "release") addresses.release(subnet, client, decision.address);
    if (decision.deed === "decline") addresses.decline(subnet, client, decision.address);
  }

  /** Keeps or binds the address; resolves when it may be told. Undefined: at once. */
  private promise(
    { subnet, client }: AddressQuestion,
    decision: AddressDecision,
    romOffer: boolean,
  ): Promise<void> | undefined {
    const { addresses } = this.context;
    if (decision.deed === "offer" && !romOffer) addresses.offer(subnet, client, decision.address);
    const binds = decision.deed === "bind" || (decision.deed === "offer" && romOffer);
    if (!binds) return undefined;
    const lengthS = romOffer ? PI_ROM_LEASE_S : decision.lengthS;
    return addresses.bind(subnet, client, decision.address, lengthS, hostnameOf(this.view));
  }

  /** Whether it is being found out first if somebody has the address of a pool; the question is looked at again then. */
  private probes(
    { o, at, len, came }: CameMessage,
    { subnet, client }: AddressQuestion,
    decision: AddressDecision,
    { machine }: BootPlan,
  ): boolean {
    const fresh = (decision.deed === "offer" || decision.deed === "bind") && decision.fresh;
    if (!fresh || !subnet.probe || this.view.giaddr !== 0 || came.probed) return false;
    const { addresses, journal } = this.context;
    const { address } = decision;
    const copy = copyOf(o, at, len);
    // Nobody else gets it meanwhile.
    addresses.offer(subnet, client, address);
    this.prober.probe(address, (who) => {
      if (who !== undefined && who !== machine.mac) {
        addresses.occupied(subnet, address);
        const where = formatIpv4(address);
        const decided = "set aside for an hour: look for a host with a fixed address";
        const event = `${who} answers at ${where} of the pool`;
        journal.note({ protocol: "dhcp", mac: who, event, decision: decided, outcome: "noted" });
        this.handle(copy, 0, len, { ...came, heldMs: came.heldMs ?? 0 });
      } else this.handle(copy, 0, len, { ...came, probed: true });
    });
    return true;
  }

  /** Why a question is held, "held already" when it was before, undefined when it is not. */
  private hold(
    plan: BootPlan,
    family: Family,
    { o, at, len, came }: CameMessage,
  ): string | undefined {
    const { addressMs: patienceMs } = patienceOf(family);
    if (patienceMs === 0 || len > MAX_MESSAGE_LEN) return undefined;
    const { mac } = plan.machine;
    const spentMs = this.spentMs.get(mac);
    if (spentMs !== undefined && this.context.clock.now() - spentMs < SPENT_MS) return undefined;
    const slots = neededFirst(plan, family);
    const wait = firstWait(slots);
    if (!wait) return undefined;
    const message = copyOf(o, at, len);
    const release = (heldMs: number, patienceOver: boolean): void => {
      if (patienceOver) this.spentMs.set(mac, this.context.clock.now());
      this.handle(message, 0, len, { ...came, heldMs });
    };
    const isNew = this.held.hold(mac, { what: family, slots, patienceMs, release });
    return isNew ? wait.why : "held already";
  }

  /** Journals why a message is not answered. */
  private silent(mac: MacText, decision: string, plan?: BootPlan): void {
    const { view } = this;
    const { journal, sightings, planner } = this.context;
    const guest = plan !== undefined && !planner.site.machineByMac.has(mac);
    if (guest && !journal.admitsGuest()) return;
    journal.note({
      ...(plan && plan.address !== 0
        ? {
            machine: plan.machine.name,
            address: plan.address,
            family: sightings.familyOf(plan.machine),
          }
        : {}),
      mac,
      protocol: view.isBootp ? "bootp" : "dhcp",
      event: messageName(view),
      decision,
      outcome: "silent",
    });
  }
}

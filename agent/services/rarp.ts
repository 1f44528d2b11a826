import { ARP_LEN, ArpView, emitArp, RARP_REPLY, RARP_REQUEST } from "../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_RARP,
  type EthernetView,
  emitEthernet,
  padFrame,
} from "../../protocols/ethernet/frame.ts";
import { formatIpv4, IPV4_BROADCAST } from "../../protocols/wire/ipv4-address.ts";
import { type MacText, macText } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { statusName } from "../../protocols/wire/status.ts";
import { FOREVER } from "../addresses/lease.ts";
import type { BootPlan } from "../plan/boot-plan.ts";
import { firstWait, neededFirst } from "../plan/needs.ts";
import { patienceOf } from "../plan/patience.ts";
import { ruleWords } from "../plan/unknown-rules.ts";
import type { Family } from "../site/families.ts";
import { Admissions } from "./admissions.ts";
import { CardLimits } from "./card-limits.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE, whoIs } from "./context.ts";
import { fits } from "./dhcp/deeds.ts";
import { type Conduct, conductOf } from "./dhcp/mode.ts";
import { HeldQuestions, heldBecause, heldFor } from "./hold.ts";
import type { FrameSender } from "./link-server.ts";
import type { RateLimit } from "./rate-limit.ts";

/** What all cards that the site does not name may ask together: hundreds of workstations that wake at once. */
const STRANGERS = { burst: 500, perSecond: 200 } as const;
/**
 * Answers "who am I?" (RFC 903) for the machines of the site.
 *
 * As rarpd does, it demands that the frame's source, the sender and the target hardware address are one and the same: a
 * request on behalf of another machine is not what any PROM sends. The neighbour entry is set before the reply leaves,
 * because a PROM cannot answer the ARP request that our first TFTP packet would otherwise need.
 *
 * A PROM asks for ever, and once it knows its address it does not: so it learns it when what it boots is there.
 */
export class RarpService {
  private readonly context: ServiceContext;
  private readonly sender: FrameSender;
  private readonly view = new ArpView();
  private readonly held: HeldQuestions;
  private readonly conduct: () => Conduct;
  private readonly limits: CardLimits;
  private readonly strangers: RateLimit;
  private readonly admissions = new Admissions();

  /** `conduct`: what is done about addresses now. */
  constructor(
    context: ServiceContext,
    sender: FrameSender,
    conduct: () => Conduct = () => conductOf(context.planner.site.network.dhcp),
  ) {
    this.context = context;
    this.sender = sender;
    this.conduct = conduct;
    this.held = new HeldQuestions(context.clock);
    this.limits = new CardLimits(context);
    this.strangers = this.limits.strangers(STRANGERS);
  }

  /** Forgets who is being held. */
  stop(): void {
    this.held.clear();
  }

  /** Takes the payload of a RARP frame. */
  handle(o: Octets, frame: EthernetView): void {
    const { view, context } = this;
    const status = view.reset(o, frame.payloadAt, frame.payloadLen);
    if (status) {
      context.counters.add("rarp", statusName(status));
      return;
    }
    if (view.op !== RARP_REQUEST) return;
    const mac = macText(o, view.shaAt);
    if (macText(o, view.thaAt) !== mac || macText(o, frame.srcAt) !== mac) {
      this.silent(mac, "asks on behalf of another hardware address, which no PROM does");
      return;
    }
    if (!this.limits.admits(mac, this.strangers)) {
      context.counters.add("rarp", "too-many");
      return;
    }
    const { planner } = context;
    const known = planner.byMac(mac);
    if (known && planner.site.machineByMac.has(mac)) {
      this.ask(known, view.tpa, "its address in the site");
    } else this.admit(mac, view.tpa, known);
  }

  /** `tpa`: the target address of the question, by which U-Boot is known. `address`: the words for why it has its address. */
  private ask(known: BootPlan, tpa: number, address: string): void {
    const { context } = this;
    const { mac } = known.machine;
    const held = heldBack(known, context);
    if (held !== undefined) {
      this.held.drop(mac);
      this.silent(mac, held, known);
      return;
    }
    const plan = context.planner.asks(known, { by: "rarp" });
    const { family, why: asks } = context.sightings.rarp(plan.machine);
    const why = `${address}; ${asks}`;
    signOfLife(plan, context);
    if (tpa !== IPV4_BROADCAST && this.hold(plan, family, why)) return;
    this.answer(plan, `${why}${heldFor(this.held.drop(mac))}`);
  }

  /**
   * Lets a machine in that the site does not name, if a rule gives it something that it can boot by RARP. Its address is asked of
   * the book each time: what a plan says of it may have been offered only, be over, or come from another server.
   */
  private admit(mac: MacText, tpa: number, known: BootPlan | undefined): void {
    const { planner, addresses, journal } = this.context;
    const nothing = { architectures: [], vendorClass: "", uuid: "", serial: "", circuitId: "" };
    const shown = { ...nothing, mac, family: "openfirmware", relay: 0 } as const;
    const rule = planner.ruleOf(shown);
    if (!rule) {
      this.silent(mac, UNKNOWN_MACHINE);
      return;
    }
    if (!rule.profile || this.conduct() !== "all") {
      this.silent(
        mac,
        rule.profile ? "no pool is open here" : `${ruleWords(rule)} gives it nothing to boot`,
      );
      return;
    }
    const [rack] = planner.site.network.subnets;
    const client = addresses.client(rack, mac);
    const { address, why } = addresses.choose(rack, client, 0);
    if (address === undefined) {
      this.silent(mac, why);
      return;
    }
    const words = `${why}, for ever: RARP has no leases; ${ruleWords(rule)}`;
    this.admissions.admit(
      mac,
      async () => {
        addresses.offer(rack, client, address);
        const plan = fits(known, rule, address) ? known : await planner.admit(shown, rule, address);
        // RARP knows of no leases (RFC 903): the address is its own for ever, as by BOOTP.
        const lease = addresses.isKnown(rack, client, address) && addresses.at(address);
        if (!lease || addresses.leftS(lease) !== FOREVER) {
          await addresses.bind(rack, client, address, FOREVER, "");
        }
        this.ask(plan, tpa, words);
      },
      (error) => {
        const decision = `it cannot be let in: ${error instanceof Error ? error.message : error}`;
        const event = `who is ${mac}?`;
        journal.note({ protocol: "rarp", mac, event, decision, outcome: "failed" });
      },
    );
  }

  /**
   * Whether the question is left for later. U-Boot, whose question has a target address of ones, asks ten times only; a
   * kernel asks because it wants an address, and may not be told apart from a PROM but by what its profile has for one.
   */
  private hold(plan: BootPlan, family: Family, why: string): boolean {
    const loading = family === "bsd-loader" && plan.machine.profile?.bsd !== undefined;
    const booting = family === "openfirmware" && plan.promFile !== undefined;
    if (!loading && !booting) return false;
    const slots = neededFirst(plan, family);
    const wait = firstWait(slots);
    if (!wait) return false;
    const { mac } = plan.machine;
    const isNew = this.held.hold(mac, {
      what: family,
      slots,
      patienceMs: patienceOf(family).addressMs,
      release: (heldMs) => {
        const back = heldBack(plan, this.context);
        if (back === undefined) this.answer(plan, `${why}${heldFor(heldMs)}`);
        else this.silent(mac, back, plan);
      },
    });
    if (isNew) this.silent(mac, heldBecause(wait.why), plan);
    return true;
  }

  private answer(plan: BootPlan, why: string): void {
    const { context } = this;
    const { macOctets, mac } = plan.machine;
    const event = `who is ${mac}?`;
    const arrivedMs = context.clock.now();
    this.sender
      .prepareNeighbour(plan.address, macOctets)
      .then(() => {
        this.send(plan);
        context.journal.note({
          ...whoIs(plan, context),
          protocol: "rarp",
          event,
          decision: why,
          reply: `you are ${formatIpv4(plan.address)}, I am ${formatIpv4(plan.server)}`,
          outcome: "answered",
          octets: ARP_LEN,
          ms: context.clock.now() - arrivedMs,
        });
      })
      .catch((error: unknown) => {
        const words = error instanceof Error ? error.message : String(error);
        const decision = `the answer could not be sent: ${words}`;
        const who = whoIs(plan, context);
        context.journal.note({ ...who, protocol: "rarp", event, decision, outcome: "failed" });
      });
  }

  private send(plan: BootPlan): void {
    const { macOctets: tha } = plan.machine;
    const { server: spa, address: tpa } = plan;
    const { mac: sha } = this.sender;
    this.sender.sendFrame((tx) => {
      const len = emitEthernet({ dst: tha, src: sha, etherType: ETHERTYPE_RARP }, tx, 0);
      emitArp({ op: RARP_REPLY, sha, spa, tha, tpa }, tx, ETHERNET_HEADER_LEN);
      return padFrame(tx, 0, len + ARP_LEN);
    });
  }

  private silent(mac: string, decision: string, plan?: BootPlan): void {
    this.context.journal.note({
      ...(plan ? whoIs(plan, this.context) : {}),
      protocol: "rarp",
      mac,
      event: `who is ${mac}?`,
      decision,
      outcome: "silent",
    });
  }
}

import { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DhcpMessageType,
  DhcpOption,
} from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import type { UdpView } from "../../../protocols/udp/datagram.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { DhcpMode } from "../../site/site.ts";
import type { ServiceContext } from "../context.ts";
import type { FrameSender } from "../link-server.ts";
import { RateLimit } from "../rate-limit.ts";
import { emitDhcpFrame, MESSAGE_AT, toEverybody } from "./frame.ts";
import { type Conduct, DhcpConduct, type SeenServer, type SeenServerMemory } from "./mode.ts";
import {
  GIVES_ADDRESSES,
  type OtherServer,
  OtherServers,
  PROBE_CLASS,
  PROBE_LIMITS,
} from "./other-servers.ts";

const EVENT = "another DHCP server";
/** Answers to one agent's probes: it sends three in a row, every few minutes. */
const PROBE_ANSWERS = { burst: 6, perSecond: 0.1 } as const;
/** An agent that asks is told of once an hour. */
const PROBE_NEWS = { burst: 1, perSecond: 1 / 3_600 } as const;
/** Agents that are told apart; there are few on a link. */
const MAX_AGENTS = 16;

/** What the watch of a link needs. */
export interface DhcpWatchInput {
  readonly context: Pick<ServiceContext, "journal" | "counters" | "clock">;
  readonly sender: FrameSender;
  readonly mode: DhcpMode;
  /** Ours. */
  readonly address: Ipv4;
  readonly memory: SeenServerMemory;
  /** A random unsigned 32-bit number. */
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** What is wrong, in sentences; none: all is well. The part "foreign" of the agent's health. */
  readonly health: (...reasons: readonly string[]) => void;
  /** Told which address a card got from another server. */
  readonly located: (mac: MacText, address: Ipv4) => void;
  /** Told when what is known could not be written down: after a restart it is forgotten. */
  readonly problem: (error: unknown) => void;
}

/** What is known of DHCP on the link, for status and commands. */
export interface DhcpWatchStatus {
  readonly mode: DhcpMode;
  readonly conduct: Conduct;
  readonly why: string;
  /** The server that `auto` is a proxy for; it may have been seen before a restart alone. */
  readonly kept: SeenServer | undefined;
  /** Heard of late. */
  readonly servers: readonly OtherServer[];
}

/**
 * Watches a link for other DHCP servers, says at once when one appears, and decides by it what we do about addresses.
 *
 * None is ever fought: beside `authoritative` it is told of, in `auto` we become a proxy.
 */
export class DhcpWatch {
  private readonly o: DhcpWatchInput;
  private readonly state: DhcpConduct;
  private readonly others: OtherServers;
  private readonly view = new DhcpView();
  private readonly writer = new DhcpWriter();
  private readonly answers: RateLimit;
  private readonly news: RateLimit;
  private stopped = false;

  constructor(input: DhcpWatchInput) {
    this.o = input;
    const { context, sender, mode, address, random, memory } = input;
    const { clock } = context;
    this.state = new DhcpConduct(mode, memory);
    this.others = new OtherServers({
      sender,
      clock,
      random,
      ours: address,
      found: (server) => this.found(server),
      gone: (server) => this.gone(server),
    });
    const now = (): number => clock.now();
    this.answers = new RateLimit(PROBE_ANSWERS, MAX_AGENTS, now);
    this.news = new RateLimit(PROBE_NEWS, MAX_AGENTS, now);
  }

  /** What we do about addresses now. */
  get conduct(): Conduct {
    return this.state.now;
  }

  get status(): DhcpWatchStatus {
    const { mode } = this.o;
    const { now: conduct, why, kept } = this.state;
    return { mode, conduct, why, kept, servers: [...this.others.seen()] };
  }

  /** Begins to ask, where the answer matters; in the other modes it only listens. */
  start(): void {
    const { mode } = this.o;
    if (mode === "auto" || mode === "authoritative") this.others.start();
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.others.stop();
    this.o.health();
  }

  /** Somebody says that the other server is gone for good. Resolves when that is durable; false: none was kept. */
  async forget(by: string): Promise<boolean> {
    const { kept } = this.state;
    if (!kept || !(await this.state.forget())) return false;
    const words = `${formatIpv4(kept.address)} is forgotten, as ${by} said`;
    this.note(kept.address, words);
    this.others.forget();
    return true;
  }

  /** Takes a server's message off the link. */
  handleReply(o: Octets, udp: UdpView): void {
    if (this.o.mode === "off") return;
    const { view } = this;
    const status = view.reset(o, udp.payloadAt, udp.payloadLen);
    if (status) {
      this.o.context.counters.add("dhcp", statusName(status));
      return;
    }
    if (view.op !== BOOTREPLY || view.hlen !== MAC_LEN) return;
    this.others.reply(view);
    const foreign = view.optionIpv4(DhcpOption.ServerIdentifier) !== this.o.address;
    if (foreign && view.messageType === DhcpMessageType.Ack) {
      this.o.located(macText(o, view.chaddrAt), view.yiaddr);
    }
  }

  /** Whether a message is a probe, of whichever agent. */
  isProbe(v: DhcpView): boolean {
    return this.others.isProbe(v);
  }

  /**
   * Takes a client's message if it is an agent's probe, and answers it if it is another agent's. False: it is a client's, and
   * somebody else's affair.
   */
  takesProbe(v: DhcpView, o: Octets): boolean {
    const { others } = this;
    if (!others.isProbe(v)) return false;
    if (this.o.mode === "off" || others.isOurs(v, o)) return true;
    if (v.giaddr !== 0 || v.hlen !== MAC_LEN || v.messageType !== DhcpMessageType.Discover) {
      return true;
    }
    const mac = macText(o, v.chaddrAt);
    if (this.answers.admits(mac)) this.answerProbe(v, o, mac);
    return true;
  }

  /** An offer that nobody but an agent takes for one: it has no address and no file. */
  private answerProbe(v: DhcpView, o: Octets, mac: MacText): void {
    const { writer } = this;
    const { sender, address, context } = this.o;
    const gives = this.conduct === "all";
    sender.sendFrame((tx) => {
      const chaddr = { o, at: v.chaddrAt };
      const header = { op: BOOTREPLY, xid: v.xid, flags: v.flags, chaddr };
      writer.begin(header, tx, MESSAGE_AT, PROBE_LIMITS);
      writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Offer);
      writer.ipv4(DhcpOption.ServerIdentifier, address);
      writer.text(DhcpOption.VendorClassIdentifier, PROBE_CLASS);
      if (gives) writer.text(DhcpOption.Message, GIVES_ADDRESSES);
      const route = toEverybody(sender.mac, address, DHCP_SERVER_PORT, DHCP_CLIENT_PORT);
      return emitDhcpFrame(route, writer.end(), tx);
    });
    if (!this.news.admits(mac)) return;
    context.journal.note({
      protocol: "dhcp",
      mac,
      event: "another agent asks who gives addresses",
      decision: gives ? "we do" : `we do not: ${this.state.why}`,
      reply: "OFFER without an address",
      outcome: "answered",
    });
  }

  private found({ address, givesAddresses }: OtherServer): void {
    if (!givesAddresses) {
      this.note(address, `${formatIpv4(address)} offers something to boot, and no addresses`);
      return;
    }
    this.state.found(address, this.o.wallMs()).then(
      ({ words }) => this.note(address, words),
      (error: unknown) => {
        this.note(address, `${formatIpv4(address)} gives addresses here: ${this.state.why}`);
        this.o.problem(error);
      },
    );
    this.tellHealth();
  }

  private gone({ address, givesAddresses }: OtherServer): void {
    const rest = givesAddresses ? `; ${this.state.why}` : "";
    this.note(address, `${formatIpv4(address)} is not heard any more${rest}`);
    this.tellHealth();
  }

  /** Two that give addresses are a fault, if one of them is to be the only one. */
  private tellHealth(): void {
    const { mode, health } = this.o;
    if (mode !== "authoritative") return;
    const rivals = [...this.others.seen()].filter((s) => s.givesAddresses);
    const who = rivals.map(({ address }) => formatIpv4(address)).join(", ");
    if (rivals.length === 0) health();
    else health(`another DHCP server gives addresses here as well: ${who}`);
  }

  private note(address: Ipv4, decision: string): void {
    const { journal } = this.o.context;
    journal.note({ protocol: "dhcp", address, event: EVENT, decision, outcome: "noted" });
  }
}

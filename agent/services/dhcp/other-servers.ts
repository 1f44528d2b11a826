import { type DhcpLimits, DhcpWriter } from "../../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  BOOTREQUEST,
  BROADCAST_FLAG,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DhcpMessageType,
  DhcpOption,
} from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { IPV4_ANY, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { sameMac } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { Clock } from "../../link/clock.ts";
import type { FrameSender } from "../link-server.ts";
import { emitDhcpFrame, MESSAGE_AT, toEverybody } from "./frame.ts";
import { probeMacOf } from "./probe-mac.ts";

/** Option 60 of our own probes, by which agents know each other's and answer them whatever they would answer a stranger. */
export const PROBE_CLASS = "pilotlight:probe";
/** Option 56 of an agent's answer to a probe, when it gives addresses; the answer itself has none. */
export const GIVES_ADDRESSES = "gives addresses";

/** A probe is repeated after so long each, since a frame may be lost and a server be slow; then they rest, ms. */
const TRIES_MS: readonly number[] = [0, 2_000, 5_000];
const REST_MS: number = 3 * 60_000;
/** A server that was not heard for so long, although it was asked twice over, is gone. */
const GONE_MS: number = 8 * 60_000;
/** Other servers remembered; a network has one or two. */
const MAX_SERVERS = 8;

/** How large a probe and its answer may be. */
export const PROBE_LIMITS: DhcpLimits = { maxLen: 548, overload: false };

/** A server that is not this agent. */
export interface OtherServer {
  /** Its server identifier. */
  readonly address: Ipv4;
  /** Whether it gives addresses; else it only offers something to boot. */
  readonly givesAddresses: boolean;
  /** When it was heard first and last, milliseconds of the monotonic clock. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What looking for other servers needs. */
export interface OtherServersInput {
  readonly sender: FrameSender;
  readonly clock: Clock;
  /** A random unsigned 32-bit number. */
  readonly random: () => number;
  /** Our address: what carries it is our own. */
  readonly ours: Ipv4;
  /** Told when a server is seen for the first time, and when one that gave none begins to give addresses. */
  readonly found: (server: OtherServer) => void;
  /** Told when a server was not heard for several rounds of questions. */
  readonly gone?: (server: OtherServer) => void;
}

/**
 * Looks for other DHCP servers on the link: by a DISCOVER of its own now and then, and by listening to what others answer.
 *
 * The probe comes from a locally administered address that no machine has, made from ours so that it is the same after a
 * restart and no server's pool is used up by it; what is offered is never taken.
 */
export class OtherServers {
  private readonly o: OtherServersInput;
  private readonly probeMac: Uint8Array;
  private readonly servers = new Map<Ipv4, OtherServer>();
  private readonly writer = new DhcpWriter();
  private xid = 0;
  private cancel: (() => void) | undefined;

  constructor(input: OtherServersInput) {
    this.o = input;
    this.probeMac = probeMacOf(input.sender.mac);
  }

  /** Asks now, and then every few minutes. */
  start(): void {
    this.round(0);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  /** The servers seen so far. */
  seen(): Iterable<OtherServer> {
    return this.servers.values();
  }

  /** Forgets all of them, and asks at once where it asks at all: those that are still there are found anew. */
  forget(): void {
    this.servers.clear();
    if (!this.cancel) return;
    this.stop();
    this.start();
  }

  /** Whether a message is a probe of this or another agent. */
  isProbe(v: DhcpView): boolean {
    if (v.optionLen(DhcpOption.VendorClassIdentifier) !== PROBE_CLASS.length) return false;
    return v.op === BOOTREQUEST && v.optionText(DhcpOption.VendorClassIdentifier) === PROBE_CLASS;
  }

  /** Whether a request is the probe of this agent. */
  isOurs(v: DhcpView, o: Octets): boolean {
    return sameMac(o, v.chaddrAt, this.probeMac);
  }

  /** Takes a server's message that was seen on the link: an answer to our probe, or to somebody else. */
  reply(v: DhcpView): void {
    if (v.op !== BOOTREPLY) return;
    const type = v.messageType;
    const offers = type === DhcpMessageType.Offer || type === DhcpMessageType.Ack;
    const address = v.optionIpv4(DhcpOption.ServerIdentifier);
    if (!offers || address === 0 || address === this.o.ours) return;
    const givesAddresses = v.yiaddr !== 0 || isAgentWithAddresses(v);
    const known = this.servers.get(address);
    if (!known && this.servers.size >= MAX_SERVERS) return;
    const nowMs = this.o.clock.now();
    const server = {
      address,
      givesAddresses: givesAddresses || (known?.givesAddresses ?? false),
      firstMs: known?.firstMs ?? nowMs,
      lastMs: nowMs,
    };
    this.servers.set(address, server);
    if (!known || known.givesAddresses !== server.givesAddresses) this.o.found(server);
  }

  private round(n: number): void {
    if (n === 0) this.forgetGone();
    const wait = TRIES_MS[n + 1];
    this.probe(n === 0);
    const gapMs = wait === undefined ? REST_MS : wait - (TRIES_MS[n] ?? 0);
    this.cancel = this.o.clock.after(gapMs, () => this.round(wait === undefined ? 0 : n + 1));
  }

  private forgetGone(): void {
    const nowMs = this.o.clock.now();
    for (const server of [...this.servers.values()]) {
      if (nowMs - server.lastMs <= GONE_MS) continue;
      this.servers.delete(server.address);
      this.o.gone?.(server);
    }
  }

  private probe(anew: boolean): void {
    if (anew) this.xid = this.o.random();
    this.o.sender.sendFrame((tx) => this.emit(tx));
  }

  private emit(tx: Octets): number {
    const { writer, probeMac } = this;
    const header = { op: BOOTREQUEST, xid: this.xid, flags: BROADCAST_FLAG, chaddr: probeMac };
    writer.begin(header, tx, MESSAGE_AT, PROBE_LIMITS);
    writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Discover);
    writer.text(DhcpOption.VendorClassIdentifier, PROBE_CLASS);
    const { mac } = this.o.sender;
    const route = toEverybody(mac, IPV4_ANY, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
    return emitDhcpFrame(route, writer.end(), tx);
  }
}

/** Another agent's answer to a probe. */
function isAgentWithAddresses(v: DhcpView): boolean {
  return (
    v.optionText(DhcpOption.VendorClassIdentifier) === PROBE_CLASS &&
    v.optionText(DhcpOption.Message) === GIVES_ADDRESSES
  );
}

import { DhcpWriter } from "../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  BOOTREQUEST,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DhcpMessageType,
  DhcpOption,
  messageTypeName,
  PXE_BOOT_SERVER_PORT,
} from "../../protocols/dhcp/options.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { encodePxeVendor, PxeVendorView, writePxeVendor } from "../../protocols/dhcp/pxe.ts";
import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { sameMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status, statusName } from "../../protocols/wire/status.ts";
import type { BootContext } from "../boot-machine.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { HostStack } from "../stack/host-stack.ts";
import type { ReceivedDatagram, UdpPort } from "../stack/udp-port.ts";

const LIMITS = { maxLen: 1_472, overload: false } as const;
const REQUEST_TRIES = 4;
const REQUEST_WAIT_MS = 4_000;

/** How one DHCP client of a PXE machine behaves: the ROM's, and iPXE's. */
export interface DhcpProfile {
  readonly stage: string;
  readonly flags: number;
  /** Waits for offers after each DISCOVER; the boot fails after the last. */
  readonly waitsMs: readonly number[];
  /** How long ProxyDHCP offers are waited for from the first DISCOVER on. */
  readonly proxyWindowMs: number;
  /** Offers are looked at when the wait after a DISCOVER is over, and not when they come (EDK2). */
  readonly choosesLate?: boolean;
  /** Writes the options that are in every message, after the message type. */
  readonly options: (w: DhcpWriter) => void;
  /** Whether an offer is so good that no other need be waited for. */
  readonly satisfiedBy: (offer: DhcpView) => boolean;
}

/** The offers of one discovery; `proxy` has no address for us. */
export interface Offers {
  readonly address: readonly DhcpView[];
  readonly proxy: readonly DhcpView[];
}

/** Option 60 "PXEClient…", by which a server says that its reply is meant for PXE. */
export function isPxeReply(reply: DhcpView): boolean {
  return reply.optionText(DhcpOption.VendorClassIdentifier).startsWith("PXEClient");
}

/** The boot file of a reply: the `file` field, else option 67; "" when there is none. */
export function bootFileOf(reply: DhcpView): string {
  return reply.fileText() || reply.optionText(DhcpOption.BootfileName);
}

/** Option 43 of a reply; undefined: it has none, or one that is damaged. */
export function vendorOf(reply: DhcpView): (PxeVendorView & { readonly o: Octets }) | undefined {
  const o = Octets.alloc(1_024);
  const len = reply.optionJoined(DhcpOption.VendorSpecific, o);
  const vendor = new PxeVendorView();
  return len < 0 || vendor.reset(o, 0, len) !== 0 ? undefined : Object.assign(vendor, { o });
}

/** One transaction of DISCOVER, OFFER, REQUEST and ACK on port 68. Close it when done. */
export class DhcpExchange {
  private readonly context: BootContext;
  private readonly host: HostStack;
  private readonly profile: DhcpProfile;
  private readonly port: UdpPort;
  private readonly xid: number;
  private readonly startMs: number;
  private readonly writer: DhcpWriter = new DhcpWriter();
  /** Why the last reply was ignored: the explanation of a failure. */
  private ignored = "";

  constructor(context: BootContext, profile: DhcpProfile) {
    this.context = context;
    this.host = context.host;
    this.profile = profile;
    this.port = this.host.openUdp(DHCP_CLIENT_PORT);
    this.xid = this.host.random();
    this.startMs = this.host.nowMs;
  }

  close(): void {
    this.port.close();
  }

  /** Broadcasts DISCOVER until there is an address and the window for ProxyDHCP is over, or an offer satisfies. */
  *discover(): BootScript<Offers> {
    const { host, profile } = this;
    const address: DhcpView[] = [];
    const proxy: DhcpView[] = [];
    const windowEndMs = this.startMs + profile.proxyWindowMs;
    for (const [i, waitMs] of profile.waitsMs.entries()) {
      if (i > 0) host.repeats += 1;
      this.send(IPV4_BROADCAST, DHCP_SERVER_PORT, DhcpMessageType.Discover, () => {});
      const untilMs = host.nowMs + waitMs;
      while (host.nowMs < untilMs) {
        const chosen = address.length > 0 && !profile.choosesLate;
        if (chosen && host.nowMs >= windowEndMs) return { address, proxy };
        const endMs = chosen ? Math.min(untilMs, windowEndMs) : untilMs;
        const offer = yield* this.reply(DhcpMessageType.Offer, endMs);
        if (!offer) continue;
        if (offer.yiaddr !== 0) address.push(offer);
        else if (isPxeReply(offer)) proxy.push(offer);
        else this.ignored = "an offer of 0.0.0.0 that is not a ProxyDHCP offer";
        if (address.some(profile.satisfiedBy)) return { address, proxy };
      }
      if (address.length > 0 && profile.choosesLate) return { address, proxy };
    }
    if (address.length > 0) return { address, proxy };
    throw this.failure("no offer");
  }

  /** Asks for the address of an offer, and configures the stack with what the ACK says. */
  *request(offer: DhcpView): BootScript<DhcpView> {
    const { host } = this;
    const serverId = offer.optionIpv4(DhcpOption.ServerIdentifier);
    if (serverId === 0) throw this.failure("the offer has no server identifier (54)");
    for (let tries = 0; tries < REQUEST_TRIES; tries++) {
      if (tries > 0) host.repeats += 1;
      this.send(IPV4_BROADCAST, DHCP_SERVER_PORT, DhcpMessageType.Request, (w) => {
        w.ipv4(DhcpOption.RequestedIpAddress, offer.yiaddr);
        w.ipv4(DhcpOption.ServerIdentifier, serverId);
      });
      const untilMs = host.nowMs + REQUEST_WAIT_MS;
      while (host.nowMs < untilMs) {
        const ack = yield* this.reply(DhcpMessageType.Ack, untilMs);
        if (!ack) continue;
        if (ack.optionIpv4(DhcpOption.ServerIdentifier) !== serverId) {
          this.ignored = "an ACK of another server";
          continue;
        }
        if (ack.yiaddr !== offer.yiaddr) {
          throw this.failure(
            `the ACK gives ${formatIpv4(ack.yiaddr)}, the offer was ${formatIpv4(offer.yiaddr)}`,
          );
        }
        host.address = ack.yiaddr;
        host.mask = ack.optionIpv4(DhcpOption.SubnetMask);
        host.router = ack.optionIpv4(DhcpOption.Router);
        this.say(`I am ${formatIpv4(ack.yiaddr)}, server ${formatIpv4(serverId)}`);
        return ack;
      }
    }
    throw this.failure("no ACK");
  }

  /**
   * Asks a boot server on port 4011 for the boot file (PXE 2.1 section 2.2.3), unicast from port 68. `item`: the type of what was
   * chosen from a menu; the answer has to say it again.
   */
  *askBootServer(server: Ipv4, item?: number): BootScript<DhcpView> {
    const { host } = this;
    yield* host.resolve(server);
    this.say(`asking ${formatIpv4(server)}:${PXE_BOOT_SERVER_PORT}`);
    for (let tries = 0; tries < REQUEST_TRIES; tries++) {
      if (tries > 0) host.repeats += 1;
      this.send(server, PXE_BOOT_SERVER_PORT, DhcpMessageType.Request, (w) => {
        const chosen = item === undefined ? undefined : { type: item, layer: 0 };
        const vendor = chosen && encodePxeVendor({ bootItem: chosen });
        if (vendor) writePxeVendor(w, vendor);
      });
      const untilMs = host.nowMs + REQUEST_WAIT_MS;
      while (host.nowMs < untilMs) {
        const ack = yield* this.reply(DhcpMessageType.Ack, untilMs);
        const other = ack && item !== undefined && vendorOf(ack)?.bootItemType !== item;
        if (ack && !other && bootFileOf(ack) !== "") return ack;
        if (ack) this.ignored = other ? "an ACK of another item" : "an ACK without a boot file";
      }
    }
    throw this.failure(`no boot file from ${formatIpv4(server)}:${PXE_BOOT_SERVER_PORT}`);
  }

  failure(reason: string): BootFailure {
    const why = this.ignored === "" ? "" : `; the last reply ignored: ${this.ignored}`;
    return new BootFailure(this.profile.stage, `${reason}${why}${this.host.explainRefusals()}`);
  }

  private say(text: string): void {
    this.context.say({ kind: "step", stage: this.profile.stage, text });
  }

  private send(dst: Ipv4, dstPort: number, type: number, more: (w: DhcpWriter) => void): void {
    const { host, writer, profile, xid } = this;
    const secs = Math.min(0xffff, Math.floor((host.nowMs - this.startMs) / 1_000));
    const { address: ciaddr, mac: chaddr } = host;
    this.port.send(dst, dstPort, (o, at) => {
      writer.begin(
        { op: BOOTREQUEST, xid, secs, flags: profile.flags, ciaddr, chaddr },
        o,
        at,
        LIMITS,
      );
      writer.u8(DhcpOption.DhcpMessageType, type);
      profile.options(writer);
      more(writer);
      return writer.end();
    });
  }

  /** The next reply of that type for this transaction, until `untilMs`. A NAK ends the boot. */
  private *reply(type: number, untilMs: number): BootScript<DhcpView | undefined> {
    for (;;) {
      const datagram = yield* this.port.receive(untilMs);
      if (!datagram) return undefined;
      const view = new DhcpView();
      const refusal = this.judge(view, datagram, type);
      if (refusal === "") return view;
      this.ignored = refusal;
    }
  }

  private judge(view: DhcpView, { octets }: ReceivedDatagram, type: number): string {
    const status = view.reset(octets, 0, octets.u8.length);
    if (status !== Status.Ok) return `malformed: ${statusName(status)}`;
    if (view.op !== BOOTREPLY) return "not a reply";
    if (view.xid !== this.xid) return "another xid";
    if (!sameMac(octets, view.chaddrAt, this.host.mac)) return "another machine's chaddr";
    if (view.isBootp) return "no message type (53)";
    if (view.messageType === DhcpMessageType.Nak && type === DhcpMessageType.Ack) {
      throw this.failure(`NAK: ${view.optionText(DhcpOption.Message) || "no reason given"}`);
    }
    if (view.messageType !== type) {
      return `${messageTypeName(view.messageType)} where ${messageTypeName(type)} is due`;
    }
    return "";
  }
}

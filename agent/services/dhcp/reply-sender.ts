import {
  BROADCAST_FLAG,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
} from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { IPV4_BROADCAST, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { TxSlab, UdpPort } from "../../link/datagram.ts";
import type { FrameSender } from "../link-server.ts";
import { ETHERNET_BROADCAST, emitDhcpFrame, MESSAGE_AT } from "./frame.ts";
import { hearsOnSourcePort } from "./question.ts";

/** Where a reply goes, as RFC 2131 section 4.1 has it. */
export type Destination =
  | { readonly lane: "link"; readonly mac: Uint8Array; readonly address: Ipv4 }
  | { readonly lane: "udp"; readonly address: Ipv4; readonly port: number };

/** What decides where a reply goes, beside the request. */
export interface ReplyAim {
  readonly nak: boolean;
  /** The client's card. */
  readonly mac: Uint8Array;
  /** What the client was given; 0: nothing. */
  readonly address: Ipv4;
  /** Whether the client is on our link. */
  readonly onLink: boolean;
  /** The port that the request came from; 0: it came by the link. */
  readonly srcPort: number;
}

/**
 * Where the reply to a request goes: to the relay that it came by, to everybody when the client's address is not to be believed or
 * it asks for that, and else straight to the client's card, which needs no ARP.
 */
export function destinationOf(request: DhcpView, aim: ReplyAim): Destination {
  const { giaddr, ciaddr, flags } = request;
  if (giaddr !== 0) {
    const port = hearsOnSourcePort(request) ? aim.srcPort : DHCP_SERVER_PORT;
    return { lane: "udp", address: giaddr, port: port || DHCP_SERVER_PORT };
  }
  if (aim.nak) return { lane: "link", mac: ETHERNET_BROADCAST, address: IPV4_BROADCAST };
  if (ciaddr !== 0) {
    return aim.onLink
      ? { lane: "link", mac: aim.mac, address: ciaddr }
      : { lane: "udp", address: ciaddr, port: DHCP_CLIENT_PORT };
  }
  if (flags & BROADCAST_FLAG || aim.address === 0) {
    return { lane: "link", mac: ETHERNET_BROADCAST, address: IPV4_BROADCAST };
  }
  return { lane: "link", mac: aim.mac, address: aim.address };
}

/** Sends DHCP messages by the link, to cards, or by the kernel, to relays. */
export class ReplySender {
  private readonly sender: FrameSender;
  private port: UdpPort | undefined;

  constructor(sender: FrameSender) {
    this.sender = sender;
  }

  /** The port that messages to relays leave by. */
  use(port: UdpPort): void {
    this.port = port;
  }

  /** `src`: our address. False: the kernel has not taken yet what was sent before; try again in another turn, or let it be. */
  send(to: Destination, slab: TxSlab, len: number, src: Ipv4): boolean {
    if (to.lane === "udp") return this.sendUdp(to, slab, len);
    const macs = { srcMac: this.sender.mac, dstMac: to.mac };
    const ports = { srcPort: DHCP_SERVER_PORT, dstPort: DHCP_CLIENT_PORT };
    this.sender.sendFrame((tx) => {
      tx.u8.set(slab.octets.u8.subarray(0, len), MESSAGE_AT);
      return emitDhcpFrame({ ...macs, ...ports, src, dst: to.address }, len, tx);
    });
    return true;
  }

  private sendUdp(
    to: { readonly address: Ipv4; readonly port: number },
    slab: TxSlab,
    len: number,
  ): boolean {
    if (!this.port) return true;
    const out = this.port.borrow();
    if (!out) return false;
    out.octets.u8.set(slab.octets.u8.subarray(0, len));
    this.port.send(out, len, to.address, to.port);
    return true;
  }
}

import {
  BROADCAST_FLAG,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
} from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  emitEthernet,
} from "../../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, IPV4_HEADER_LEN } from "../../../protocols/ipv4/packet.ts";
import { emitUdp, UDP_HEADER_LEN } from "../../../protocols/udp/datagram.ts";
import { IPV4_BROADCAST, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { TxSlab, UdpPort } from "../../link/datagram.ts";
import type { FrameSender } from "../link-server.ts";
import { hearsOnSourcePort } from "./question.ts";

const ETHERNET_BROADCAST: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);
/** Where a DHCP message begins in a frame of ours. */
const MESSAGE_AT = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN;

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

  /** `src`: our address. */
  send(to: Destination, slab: TxSlab, len: number, src: Ipv4): void {
    if (to.lane === "udp") this.sendUdp(to, slab, len);
    else this.sender.sendFrame((tx) => emitFrame(to, this.sender.mac, src, slab, len, tx));
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
}

function emitFrame(
  to: { readonly mac: Uint8Array; readonly address: Ipv4 },
  mac: Uint8Array,
  src: Ipv4,
  slab: TxSlab,
  len: number,
  tx: Octets,
): number {
  const dst = to.address;
  tx.u8.set(slab.octets.u8.subarray(0, len), MESSAGE_AT);
  let at = emitEthernet({ dst: to.mac, src: mac, etherType: ETHERTYPE_IPV4 }, tx, 0);
  at += emitIpv4({ src, dst, protocol: IPPROTO_UDP }, UDP_HEADER_LEN + len, tx, at);
  const ports = { srcPort: DHCP_SERVER_PORT, dstPort: DHCP_CLIENT_PORT };
  emitUdp(ports, len, src, dst, tx, at);
  return MESSAGE_AT + len;
}

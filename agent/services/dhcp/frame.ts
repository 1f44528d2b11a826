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

/** Where a DHCP message begins in a frame of ours. */
export const MESSAGE_AT: number = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN;
export const ETHERNET_BROADCAST: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);

/** From whom a message goes to whom. */
export interface FrameRoute {
  readonly srcMac: Uint8Array;
  readonly dstMac: Uint8Array;
  readonly src: Ipv4;
  readonly dst: Ipv4;
  readonly srcPort: number;
  readonly dstPort: number;
}

/** A route to everybody on the link. */
export function toEverybody(
  srcMac: Uint8Array,
  src: Ipv4,
  srcPort: number,
  dstPort: number,
): FrameRoute {
  return { srcMac, dstMac: ETHERNET_BROADCAST, src, dst: IPV4_BROADCAST, srcPort, dstPort };
}

/** Puts the headers in front of a message of `len` octets at `MESSAGE_AT`; returns the octets of the frame. */
export function emitDhcpFrame(r: FrameRoute, len: number, tx: Octets): number {
  let at = emitEthernet({ dst: r.dstMac, src: r.srcMac, etherType: ETHERTYPE_IPV4 }, tx, 0);
  at += emitIpv4({ src: r.src, dst: r.dst, protocol: IPPROTO_UDP }, UDP_HEADER_LEN + len, tx, at);
  emitUdp({ srcPort: r.srcPort, dstPort: r.dstPort }, len, r.src, r.dst, tx, at);
  return MESSAGE_AT + len;
}

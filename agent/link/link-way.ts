import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  emitEthernet,
} from "../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, IPV4_HEADER_LEN } from "../../protocols/ipv4/packet.ts";
import { emitUdp, UDP_HEADER_LEN } from "../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { type MacText, parseMac } from "../../protocols/wire/mac-address.ts";
import { append } from "./append.ts";
import type { FrameLane } from "./frame-lane.ts";

const PAYLOAD_AT: number = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN;

/** What datagrams are put on the link with. */
export interface LinkWayInput {
  /** Undefined while there is none. */
  readonly lane: () => Pick<FrameLane, "tx" | "offer"> | undefined;
  /** The card by which the host reaches an address of this link now; undefined: it does not. */
  readonly cardOf: (address: Ipv4) => Promise<MacText | undefined>;
  /** Ours. */
  readonly src: Ipv4;
  readonly mac: Uint8Array;
  /** Octets of a packet at most. */
  readonly mtu: number;
}

/**
 * Sends datagrams to neighbours as frames of our own, past the host's sockets: half of what a socket costs. For bulk, since the
 * host knows nothing of it: it asks for no address, keeps no record of the connection, and does not wait for room.
 */
export class LinkWay {
  private readonly o: LinkWayInput;

  constructor(input: LinkWayInput) {
    this.o = input;
  }

  /** The way to a neighbour with whom the host has spoken; undefined: there is none. Never rejects. */
  async to(dst: Ipv4): Promise<LinkRoute | undefined> {
    const card = await this.o.cardOf(dst);
    const mac = card === undefined ? undefined : parseMac(card);
    return mac && new LinkRoute(this.o, dst, mac);
  }
}

/** The way to one neighbour. */
export class LinkRoute {
  readonly dst: Ipv4;
  private readonly o: LinkWayInput;
  private readonly card: Uint8Array;

  constructor(input: LinkWayInput, dst: Ipv4, card: Uint8Array) {
    this.o = input;
    this.dst = dst;
    this.card = card;
  }

  /** Sends `len` octets of `head` and then `payload`. False: it is too long, or there is no room on the link; nothing was sent. */
  send(
    srcPort: number,
    dstPort: number,
    head: Uint8Array,
    len: number,
    payload: readonly Uint8Array[],
  ): boolean {
    const { src, mac, mtu } = this.o;
    const lane = this.o.lane();
    if (!lane?.offer) return false;
    const { tx } = lane;
    const end = append(payload, tx.u8, PAYLOAD_AT + len);
    if (end < 0 || end - ETHERNET_HEADER_LEN > mtu) return false;
    tx.u8.set(len === head.length ? head : head.subarray(0, len), PAYLOAD_AT);
    const size = end - PAYLOAD_AT;
    const { dst } = this;
    emitEthernet({ dst: this.card, src: mac, etherType: ETHERTYPE_IPV4 }, tx, 0);
    const ip = { src, dst, protocol: IPPROTO_UDP, dontFragment: true };
    emitIpv4(ip, UDP_HEADER_LEN + size, tx, ETHERNET_HEADER_LEN);
    emitUdp({ srcPort, dstPort }, size, src, dst, tx, ETHERNET_HEADER_LEN + IPV4_HEADER_LEN);
    return lane.offer(end);
  }
}

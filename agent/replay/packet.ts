import { ArpView } from "../../protocols/arp/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_RARP, EthernetView } from "../../protocols/ethernet/frame.ts";
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  Ipv4View,
} from "../../protocols/ipv4/packet.ts";
import { Ipv4Reassembler, Reassembled } from "../../protocols/ipv4/reassembly.ts";
import { TcpView } from "../../protocols/tcp/segment.ts";
import { UdpView } from "../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { MAC_LEN } from "../../protocols/wire/mac-address.ts";
import { NO_OCTETS, type Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type CapturedFrame, LinkType } from "../capture/captured-frame.ts";
import { LinkHeaderView } from "../capture/link-layer.ts";

const MAX_FRAGMENTED = 16;
/** Offset of the checksum in an IPv4 header (RFC 791 section 3.1). */
export const HEADER_CHECKSUM = 10;
const NO_MAC: Uint8Array = new Uint8Array(MAC_LEN);

/** What a frame is to the replay; "none": nothing that the agent would see, or not all of it is in the capture. */
export type PacketKind = "none" | "rarp" | "udp" | "tcp";

/**
 * Takes frames apart as far as the agent's lanes do: to RARP, or to the payload of a whole UDP datagram or a TCP segment.
 *
 * One that is re-pointed: what it shows is valid until the next `read`.
 */
export class PacketReader {
  kind: PacketKind = "none";
  /** The sender's hardware address; all zeros when the link layer has none. */
  srcMac: Uint8Array = NO_MAC;
  etherType = 0;
  /** What lies in the frame: a RARP packet or the whole IPv4 packet. */
  packet: Uint8Array = NO_OCTETS.u8;
  src: Ipv4 = 0;
  dst: Ipv4 = 0;
  srcPort = 0;
  dstPort = 0;
  /** The payload of the datagram or segment. */
  octets: Octets = NO_OCTETS;
  at = 0;
  len = 0;
  /** Octets at the end of a segment that the capture lacks. */
  lost = 0;
  readonly arp: ArpView = new ArpView();
  readonly tcp: TcpView = new TcpView();
  private readonly ethernet: EthernetView = new EthernetView();
  private readonly link: LinkHeaderView = new LinkHeaderView();
  private readonly ip: Ipv4View = new Ipv4View();
  private readonly udp: UdpView = new UdpView();
  private readonly reassembler: Ipv4Reassembler = new Ipv4Reassembler({ packets: MAX_FRAGMENTED });

  read(f: CapturedFrame): void {
    this.kind = "none";
    const { octets: o } = f;
    let at: number;
    let len: number;
    if (f.linkType === LinkType.Ethernet) {
      const { ethernet } = this;
      if (ethernet.reset(o, f.at, f.len) !== Status.Ok) return;
      this.srcMac = o.u8.subarray(ethernet.srcAt, ethernet.srcAt + MAC_LEN);
      this.etherType = ethernet.etherType;
      at = ethernet.payloadAt;
      len = ethernet.payloadLen;
    } else {
      const { link } = this;
      if (link.reset(f.linkType, o, f.at, f.len) !== Status.Ok) return;
      const { addressAt } = link;
      const hasMac = addressAt >= 0 && link.addressLen === MAC_LEN;
      this.srcMac = hasMac ? o.u8.subarray(addressAt, addressAt + MAC_LEN) : NO_MAC;
      this.etherType = link.etherType;
      at = link.payloadAt;
      len = link.payloadLen;
    }
    this.packet = o.u8.subarray(at, at + len);
    if (this.etherType === ETHERTYPE_RARP) this.readRarp(o, at, len);
    else if (this.etherType === ETHERTYPE_IPV4) this.readIpv4(o, at, len, f);
  }

  private readRarp(o: Octets, at: number, len: number): void {
    if (this.arp.reset(o, at, len) !== Status.Ok) return;
    this.kind = "rarp";
    this.octets = o;
    this.at = at;
    this.len = len;
  }

  private readIpv4(o: Octets, at: number, len: number, f: CapturedFrame): void {
    const { ip } = this;
    // Of a packet that the network card was to sum up, the capture may show 0.
    const isSummed = len >= IPV4_HEADER_LEN && o.dv.getUint16(at + HEADER_CHECKSUM) !== 0;
    if (ip.resetCut(o, at, len, isSummed) !== Status.Ok) return;
    this.src = ip.src;
    this.dst = ip.dst;
    const lost = ip.totalLen - ip.headerLen - ip.payloadLen;
    if (!ip.isFragment) this.readTransport(o, ip.payloadAt, ip.payloadLen, lost);
    else if (lost === 0 && this.reassembler.add(ip, o, f.timeMs) === Reassembled.Complete) {
      const { octets, at: from, len: whole } = this.reassembler;
      this.readTransport(octets, from, whole, 0);
    }
  }

  private readTransport(o: Octets, at: number, len: number, lost: number): void {
    const { ip, udp, tcp } = this;
    this.octets = o;
    this.lost = lost;
    if (ip.protocol === IPPROTO_UDP) {
      if (lost > 0 || udp.reset(o, at, len) !== Status.Ok) return;
      this.kind = "udp";
      this.srcPort = udp.srcPort;
      this.dstPort = udp.dstPort;
      this.at = udp.payloadAt;
      this.len = udp.payloadLen;
    } else if (ip.protocol === IPPROTO_TCP) {
      if (tcp.reset(o, at, len) !== Status.Ok) return;
      this.kind = "tcp";
      this.srcPort = tcp.srcPort;
      this.dstPort = tcp.dstPort;
      this.at = tcp.payloadAt;
      this.len = tcp.payloadLen;
    }
  }
}

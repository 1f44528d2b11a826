import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../protocols/dhcp/options.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_RARP,
  EthernetView,
} from "../../protocols/ethernet/frame.ts";
import { IPPROTO_UDP, Ipv4View } from "../../protocols/ipv4/packet.ts";
import { Ipv4Reassembler, Reassembled } from "../../protocols/ipv4/reassembly.ts";
import { UdpView } from "../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac, sameMac } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { statusName } from "../../protocols/wire/status.ts";
import type { StatusCounters } from "./context.ts";
import { probeMacOf } from "./dhcp/probe-mac.ts";

/** How services put frames on the rack's link. */
export interface FrameSender {
  /** Our hardware address. */
  readonly mac: Uint8Array;
  /** Emits a frame at offset 0 of the lane's slab and sends it; `emit` returns its octets, 0 to send nothing. */
  sendFrame(emit: (tx: Octets) => number): void;
  /** Makes the host's own UDP and TCP reach a machine that cannot answer ARP yet; resolves when it is done. */
  prepareNeighbour(address: Ipv4, mac: Uint8Array): Promise<void>;
}

/** What the link lane hands on. Views are valid until the handler returns. */
export interface LinkHandlers {
  rarp(o: Octets, frame: EthernetView): void;
  bootp(o: Octets, udp: UdpView): void;
  /** What another DHCP server broadcast, or answered to our probe. */
  bootpReply?(o: Octets, udp: UdpView): void;
  /** ARP that came to our card alone, which are answers. */
  arp?(o: Octets, frame: EthernetView): void;
}

/**
 * The pcap filter that fits the `LinkServer` of a card: what hosts without an address send, what servers answer them and our probe,
 * the later fragments of both, and who answers our ARP probes.
 */
export function linkFilter(mac: Uint8Array): string {
  const probe = `(udp dst port 68 and ether dst ${formatMac(probeMacOf(mac))})`;
  const arp = `(arp[6:2] = 2 and ether dst ${formatMac(mac)})`;
  const bootp = "(ip and ether multicast and (udp dst port 67 or 68 or ip[6:2] & 0x1fff != 0))";
  return `rarp or ${bootp} or ${probe} or ${arp}`;
}
/** Broadcast messages that may be incomplete at a time. No firmware sends fragments; a relay's long options may be. */
const MAX_INCOMPLETE = 4;

/**
 * Takes the link lane's frames apart: RARP, BOOTP/DHCP that was broadcast, and what answers our probes.
 *
 * Unicast BOOTP and DHCP for us come by the UDP lane, so each message is seen once. UDP checksums are not required: virtual links
 * leave them partial. Fragments are put together, a few packets at a time. Tagged frames belong to other networks and are not
 * ours.
 */
export class LinkServer {
  private readonly frame = new EthernetView();
  private readonly ip = new Ipv4View();
  private readonly udp = new UdpView();
  private readonly reassembler = new Ipv4Reassembler({ packets: MAX_INCOMPLETE });
  private readonly now: () => number;
  private readonly mac: Uint8Array;
  private readonly probeMac: Uint8Array;
  private readonly counters: StatusCounters;
  private readonly handlers: LinkHandlers;

  /** `now`: monotonic milliseconds. */
  constructor(
    mac: Uint8Array,
    counters: StatusCounters,
    now: () => number,
    handlers: LinkHandlers,
  ) {
    this.mac = mac;
    this.probeMac = probeMacOf(mac);
    this.now = now;
    this.counters = counters;
    this.handlers = handlers;
  }

  /** Takes one frame of `len` octets at offset 0. */
  handle(o: Octets, len: number): void {
    const { frame } = this;
    const status = frame.reset(o, 0, len);
    if (status) {
      this.counters.add("ethernet", statusName(status));
      return;
    }
    // libpcap shows us our own frames too.
    if (frame.vlanId >= 0 || sameMac(o, frame.srcAt, this.mac)) return;
    if (frame.etherType === ETHERTYPE_RARP) this.handlers.rarp(o, frame);
    else if (frame.etherType === ETHERTYPE_IPV4) this.handleIp(o);
    else if (frame.etherType === ETHERTYPE_ARP && sameMac(o, frame.dstAt, this.mac)) {
      this.handlers.arp?.(o, frame);
    }
  }

  private handleIp(o: Octets): void {
    const { frame, ip } = this;
    if (!frame.dstIsMulticast && !sameMac(o, frame.dstAt, this.probeMac)) return;
    const status = ip.reset(o, frame.payloadAt, frame.payloadLen);
    if (status) {
      this.counters.add("ipv4", statusName(status));
      return;
    }
    if (ip.protocol !== IPPROTO_UDP) return;
    if (!ip.isFragment) this.handleUdp(o, ip.payloadAt, ip.payloadLen);
    else if (this.reassembler.add(ip, o, this.now()) === Reassembled.Complete) {
      const { octets, at, len } = this.reassembler;
      this.handleUdp(octets, at, len);
    }
  }

  private handleUdp(o: Octets, at: number, len: number): void {
    const { udp } = this;
    const status = udp.reset(o, at, len);
    if (status) this.counters.add("udp", statusName(status));
    else if (udp.dstPort === DHCP_CLIENT_PORT) this.handlers.bootpReply?.(o, udp);
    else if (udp.dstPort === DHCP_SERVER_PORT && this.frame.dstIsMulticast) {
      this.handlers.bootp(o, udp);
    }
  }
}

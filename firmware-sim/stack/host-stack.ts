import {
  ARP_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  type ArpRepr,
  ArpView,
  emitArp,
  RARP_REPLY,
  RARP_REQUEST,
} from "../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_RARP,
  EthernetView,
  emitEthernet,
  padFrame,
} from "../../protocols/ethernet/frame.ts";
import {
  emitIpv4,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  Ipv4View,
} from "../../protocols/ipv4/packet.ts";
import {
  emitUdp,
  UDP_HEADER_LEN,
  UdpView,
  verifyUdpChecksum,
} from "../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../protocols/wire/checksum.ts";
import {
  formatIpv4,
  IPV4_ANY,
  IPV4_BROADCAST,
  type Ipv4,
  sameNetwork,
} from "../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, sameMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript, Inbox, type ScriptClock } from "../boot-script.ts";
import { copyOctets } from "./copy-octets.ts";
import { UdpPort } from "./udp-port.ts";

/** The largest frame that is sent: an MTU of 1500 octets and the Ethernet header. */
export const MAX_FRAME_LEN = 1514;

const BROADCAST_MAC: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);
const NO_MAC: Uint8Array = new Uint8Array(MAC_LEN);
const IP_AT = ETHERNET_HEADER_LEN;
const TRANSPORT_AT = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN;
const TCP_CHECKSUM = 16;
/** ARP as a boot program does it: a few requests, then it gives up. */
const ARP_TRIES = 5;
const ARP_INTERVAL_MS = 1_000;

/** A RARP reply that was meant for this machine. */
export interface RarpReply {
  /** Our address: tpa. */
  readonly address: Ipv4;
  /** The responder's address: spa. */
  readonly server: Ipv4;
  /** The responder's Ethernet address: sha. */
  readonly serverMac: Uint8Array;
}

/** Takes the TCP segments of one local port. `at` and `len` are the segment; the checksum was verified. */
export type SegmentHandler = (src: Ipv4, o: Octets, at: number, len: number) => void;

/** What the stack refused and why, for the explanation of a boot that got no answer. */
export interface StackRefusals {
  fragments: number;
  badChecksums: number;
  /** Unicast IPv4 to our Ethernet address, but to another IPv4 address. */
  otherAddress: number;
}

/**
 * The network of a machine that is booting: one interface, ARP, IPv4 without reassembly, UDP ports, TCP demultiplexing.
 *
 * Quirks that boot firmware shares and this keeps: fragments are dropped; before an address is known any unicast to our
 * Ethernet address is taken; a PROM does not answer ARP (`answersArp`).
 */
export class HostStack implements ScriptClock {
  readonly mac: Uint8Array;
  readonly random: () => number;
  nowMs = 0;
  address: Ipv4 = IPV4_ANY;
  mask: Ipv4 = 0;
  router: Ipv4 = IPV4_ANY;
  /** Time to live of what is sent; some boot clients use 255. */
  ttl = 64;
  answersArp = true;
  /** Whether datagrams to a broadcast address are taken once an address is known; libsa takes none. */
  takesBroadcast = true;
  /** Whether the sender of an IPv4 packet becomes a neighbour, as in a PROM that sends back to where a frame came from. */
  gleansNeighbours = false;
  readonly rarpReplies: Inbox<RarpReply> = new Inbox<RarpReply>(this);
  readonly refused: StackRefusals = { fragments: 0, badChecksums: 0, otherAddress: 0 };
  /** What was said once more because no answer came, in all protocols. */
  repeats = 0;

  private readonly partialChecksums: boolean;
  private readonly queue: Uint8Array[] = [];
  private readonly tx: Octets = Octets.alloc(MAX_FRAME_LEN);
  private readonly neighbours: Map<Ipv4, Uint8Array> = new Map<Ipv4, Uint8Array>();
  private readonly udpPorts: Map<number, UdpPort> = new Map<number, UdpPort>();
  private readonly tcpPorts: Map<number, SegmentHandler> = new Map<number, SegmentHandler>();
  private readonly ethernet: EthernetView = new EthernetView();
  private readonly arp: ArpView = new ArpView();
  private readonly ipv4: Ipv4View = new Ipv4View();
  private readonly udp: UdpView = new UdpView();
  private nextId: number;

  constructor(mac: Uint8Array, random: () => number, partialChecksums = false) {
    this.mac = mac;
    this.random = random;
    this.partialChecksums = partialChecksums;
    this.nextId = random() & 0xffff;
  }

  handleFrame(o: Octets, at: number, len: number): void {
    const { ethernet } = this;
    if (ethernet.reset(o, at, len) !== Status.Ok || ethernet.vlanId > 0) return;
    if (!ethernet.dstIsBroadcast && !sameMac(o, ethernet.dstAt, this.mac)) return;
    const { etherType, payloadAt, payloadLen } = ethernet;
    if (etherType === ETHERTYPE_IPV4) this.handleIpv4(o, payloadAt, payloadLen);
    else if (etherType === ETHERTYPE_ARP) this.handleArp(o, payloadAt, payloadLen);
    else if (etherType === ETHERTYPE_RARP) this.handleRarp(o, payloadAt, payloadLen);
  }

  pollTransmit(o: Octets, at: number): number {
    const frame = this.queue.shift();
    if (!frame) return 0;
    o.u8.set(frame, at);
    return frame.length;
  }

  /** A port for datagrams; 0 takes a free one from 1024 on. Throws when taken: that is a mistake of the simulation. */
  openUdp(port = 0): UdpPort {
    let chosen = port;
    while (chosen === 0 || (port === 0 && this.udpPorts.has(chosen))) {
      chosen = 1_024 + (this.random() % 31_744);
    }
    if (this.udpPorts.has(chosen)) throw new Error(`UDP port ${chosen} is open already`);
    const opened = new UdpPort(this, chosen);
    this.udpPorts.set(chosen, opened);
    return opened;
  }

  closeUdp(port: UdpPort): void {
    this.udpPorts.delete(port.port);
  }

  /** Routes the segments that arrive for a local TCP port; undefined ends that. */
  routeTcp(port: number, handler: SegmentHandler | undefined): void {
    if (handler) this.tcpPorts.set(port, handler);
    else this.tcpPorts.delete(port);
  }

  /** Records an Ethernet address that was learnt otherwise than by ARP. */
  learn(address: Ipv4, mac: Uint8Array): void {
    this.neighbours.set(address, mac);
  }

  /** Forgets neighbours, as the handover from one boot stage to the next does. */
  forgetNeighbours(): void {
    this.neighbours.clear();
  }

  /** Makes sure that datagrams to `address` can be sent: asks by ARP for it, or for the router on the way to it. */
  *resolve(address: Ipv4): BootScript<void> {
    const hop = this.nextHop(address);
    if (this.isBroadcast(hop)) return;
    for (let tries = 0; !this.neighbours.has(hop); tries++) {
      if (tries === ARP_TRIES) {
        throw new BootFailure("arp", `no ARP answer from ${formatIpv4(hop)}`);
      }
      if (tries > 0) this.repeats += 1;
      this.sendArp(ETHERTYPE_ARP, BROADCAST_MAC, {
        op: ARP_REQUEST,
        sha: this.mac,
        spa: this.address,
        tha: NO_MAC,
        tpa: hop,
      });
      const untilMs = this.nowMs + ARP_INTERVAL_MS;
      while (!this.neighbours.has(hop) && this.nowMs < untilMs) yield untilMs;
    }
  }

  /** Broadcasts "who am I?" (RFC 903) with 0.0.0.0 in both address fields, as PROMs and Linux do. */
  sendRarpRequest(): void {
    this.sendArp(ETHERTYPE_RARP, BROADCAST_MAC, {
      op: RARP_REQUEST,
      sha: this.mac,
      spa: IPV4_ANY,
      tha: this.mac,
      tpa: IPV4_ANY,
    });
  }

  /**
   * Sends one datagram; `write` puts the payload into `o` at `at` and returns its octets. `resolve` must have succeeded for
   * the destination, or it is a broadcast; otherwise the datagram is lost, as it is on a real interface.
   */
  sendUdp(
    srcPort: number,
    dst: Ipv4,
    dstPort: number,
    write: (o: Octets, at: number) => number,
  ): void {
    const { tx, address } = this;
    const payloadLen = write(tx, TRANSPORT_AT + UDP_HEADER_LEN);
    emitUdp({ srcPort, dstPort }, payloadLen, address, dst, tx, TRANSPORT_AT);
    this.sendIpv4(IPPROTO_UDP, dst, UDP_HEADER_LEN + payloadLen);
  }

  /** Sends one TCP segment that `write` puts into `o` at `at`; nothing when it writes 0 octets. */
  sendTcp(dst: Ipv4, write: (o: Octets, at: number) => number): void {
    const len = write(this.tx, TRANSPORT_AT);
    if (len > 0) this.sendIpv4(IPPROTO_TCP, dst, len);
  }

  /** For a timeout's explanation: what came and was refused since the stack was made, or "". */
  explainRefusals(): string {
    const { fragments, badChecksums, otherAddress } = this.refused;
    const parts: string[] = [];
    if (fragments > 0) parts.push(`${fragments} IP fragments dropped, there is no reassembly`);
    if (badChecksums > 0) parts.push(`${badChecksums} packets with a wrong checksum dropped`);
    if (otherAddress > 0) parts.push(`${otherAddress} packets were for another IP address`);
    return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
  }

  isBroadcast(a: Ipv4): boolean {
    if (a === IPV4_BROADCAST) return true;
    return this.mask !== 0 && this.address !== IPV4_ANY && a === (this.address | ~this.mask);
  }

  private nextHop(dst: Ipv4): Ipv4 {
    if (this.mask === 0 || this.router === IPV4_ANY || dst === IPV4_BROADCAST) return dst;
    return sameNetwork(dst, this.address, this.mask) ? dst : this.router;
  }

  private sendIpv4(protocol: number, dst: Ipv4, payloadLen: number): void {
    const { tx } = this;
    const hop = this.nextHop(dst);
    const mac = this.isBroadcast(hop) ? BROADCAST_MAC : this.neighbours.get(hop);
    if (!mac) return;
    const id = this.nextId++ & 0xffff;
    emitIpv4({ src: this.address, dst, protocol, ttl: this.ttl, id }, payloadLen, tx, IP_AT);
    emitEthernet({ dst: mac, src: this.mac, etherType: ETHERTYPE_IPV4 }, tx, 0);
    this.enqueue(TRANSPORT_AT + payloadLen);
  }

  private sendArp(etherType: number, dst: Uint8Array, r: ArpRepr): void {
    emitEthernet({ dst, src: this.mac, etherType }, this.tx, 0);
    emitArp(r, this.tx, ETHERNET_HEADER_LEN);
    this.enqueue(ETHERNET_HEADER_LEN + ARP_LEN);
  }

  private enqueue(len: number): void {
    this.queue.push(copyOctets(this.tx, 0, padFrame(this.tx, 0, len)));
  }

  private handleArp(o: Octets, at: number, len: number): void {
    const { arp } = this;
    if (arp.reset(o, at, len) !== Status.Ok) return;
    const sender = copyOctets(o, arp.shaAt, MAC_LEN);
    if (arp.op === ARP_REPLY && sameMac(o, arp.thaAt, this.mac)) {
      this.neighbours.set(arp.spa, sender);
      return;
    }
    if (arp.op !== ARP_REQUEST || this.address === IPV4_ANY || arp.tpa !== this.address) return;
    if (!this.answersArp) return;
    this.neighbours.set(arp.spa, sender);
    this.sendArp(ETHERTYPE_ARP, sender, {
      op: ARP_REPLY,
      sha: this.mac,
      spa: this.address,
      tha: sender,
      tpa: arp.spa,
    });
  }

  private handleRarp(o: Octets, at: number, len: number): void {
    const { arp } = this;
    if (arp.reset(o, at, len) !== Status.Ok || !sameMac(o, arp.thaAt, this.mac)) return;
    if (arp.op !== RARP_REPLY) return; // our own broadcast comes back on a shared medium
    const serverMac = copyOctets(o, arp.shaAt, MAC_LEN);
    this.rarpReplies.push({ address: arp.tpa, server: arp.spa, serverMac });
  }

  private handleIpv4(o: Octets, at: number, len: number): void {
    const { ipv4, ethernet } = this;
    const status = ipv4.reset(o, at, len);
    if (status === Status.BadChecksum) this.refused.badChecksums++;
    if (status !== Status.Ok) return;
    if (ipv4.isFragment) {
      this.refused.fragments++;
      return;
    }
    const { dst, src, payloadAt, payloadLen } = ipv4;
    // Without an address yet, a server's unicast to the address it is about to give us is ours.
    const taken = dst === this.address || (this.takesBroadcast && this.isBroadcast(dst));
    if (this.address !== IPV4_ANY && !taken) {
      if (!ethernet.dstIsBroadcast) this.refused.otherAddress++;
      return;
    }
    if (this.gleansNeighbours) {
      this.neighbours.set(src, copyOctets(o, ethernet.srcAt, MAC_LEN));
    }
    if (ipv4.protocol === IPPROTO_UDP) this.handleUdp(o, payloadAt, payloadLen, src, dst);
    else if (ipv4.protocol === IPPROTO_TCP) this.handleTcp(o, payloadAt, payloadLen, src, dst);
  }

  private handleUdp(o: Octets, at: number, len: number, src: Ipv4, dst: Ipv4): void {
    const { udp } = this;
    if (udp.reset(o, at, len) !== Status.Ok) return;
    const good =
      verifyUdpChecksum(o, at, udp.length, src, dst) ||
      this.isPartial(udp.checksum, IPPROTO_UDP, udp.length, src, dst);
    if (!good) {
      this.refused.badChecksums++;
      return;
    }
    const octets = new Octets(copyOctets(o, udp.payloadAt, udp.payloadLen));
    this.udpPorts.get(udp.dstPort)?.inbox.push({ src, srcPort: udp.srcPort, dst, octets });
  }

  private handleTcp(o: Octets, at: number, len: number, src: Ipv4, dst: Ipv4): void {
    if (len < TCP_CHECKSUM + 4) return;
    const sum = sum16(o, at, len, pseudoHeader(IPPROTO_TCP, len, src, dst));
    const good =
      foldChecksum(sum) === 0 ||
      this.isPartial(o.dv.getUint16(at + TCP_CHECKSUM), IPPROTO_TCP, len, src, dst);
    if (!good) {
      this.refused.badChecksums++;
      return;
    }
    this.tcpPorts.get(o.dv.getUint16(at + 2))?.(src, o, at, len);
  }

  private isPartial(
    checksum: number,
    protocol: number,
    len: number,
    src: Ipv4,
    dst: Ipv4,
  ): boolean {
    if (!this.partialChecksums) return false;
    return checksum === (~foldChecksum(pseudoHeader(protocol, len, src, dst)) & 0xffff);
  }
}

/** Sum of the pseudo header of UDP (RFC 768) and TCP (RFC 9293 section 3.1), not folded. */
function pseudoHeader(protocol: number, len: number, src: Ipv4, dst: Ipv4): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + len;
}

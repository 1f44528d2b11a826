import { copyOctets } from "../../firmware-sim/stack/copy-octets.ts";
import { ARP_LEN, ARP_REPLY, ARP_REQUEST, ArpView, emitArp } from "../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
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
import { emitUdp, UDP_HEADER_LEN, UdpView } from "../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../protocols/wire/checksum.ts";
import {
  IPV4_BROADCAST,
  type Ipv4,
  maskOf,
  sameNetwork,
} from "../../protocols/wire/ipv4-address.ts";
import { sameMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type VirtualStream, VirtualTcp } from "./virtual-tcp.ts";
import type { WireNode } from "./virtual-wire.ts";

/** A datagram for a port of the host: the shape of the agent's own. Valid until the handler returns. */
export interface VirtualDatagram {
  readonly octets: Octets;
  readonly at: number;
  readonly len: number;
  readonly src: Ipv4;
  readonly srcPort: number;
  /** It was sent to the subnet's broadcast address or to 255.255.255.255. */
  readonly broadcast: boolean;
}

/** Sends `len` octets of `head` from `at`, and `payload` behind them. */
export type Reply = (head: Octets, at: number, len: number, payload?: Uint8Array) => void;

/** Takes what arrives on a port; `reply` answers the sender from this port. */
export type DatagramHandler = (d: VirtualDatagram, reply: Reply) => void;

/** An open UDP port of a `VirtualHost`. */
export interface VirtualSocket {
  readonly port: number;
  send(
    dst: Ipv4,
    dstPort: number,
    head: Octets,
    at: number,
    len: number,
    payload?: Uint8Array,
  ): void;
  close(): void;
}

/** Whole frames in and out beside the host's own stack: the shape of the agent's link lane. */
export interface VirtualFrameLane {
  /** Holds the frame while a handler runs. */
  readonly rx: Octets;
  onFrame(handler: (len: number) => void): void;
  readonly tx: Octets;
  /** Sends the first `len` octets of `tx`. */
  send(len: number): void;
  close(): void;
}

/** The address of a host. */
export interface VirtualHostOptions {
  readonly mac: Uint8Array;
  readonly address: Ipv4;
  /** Default 24. */
  readonly prefixLen?: number;
}

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

interface Unresolved {
  frames: Uint8Array[];
  tries: number;
  dueMs: number;
}

const BROADCAST_MAC: Uint8Array = new Uint8Array(6).fill(0xff);
const NO_MAC: Uint8Array = new Uint8Array(6);
const IP_AT = ETHERNET_HEADER_LEN;
const BODY_AT = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN;
const MTU = 1_500;
const FRAGMENT_LEN = (MTU - IPV4_HEADER_LEN) & ~7;
const SLAB_LEN = 65_600;
const ARP_TRIES = 3;
const ARP_INTERVAL_MS = 1_000;
const MORE_FRAGMENTS = 0x2000;

/**
 * A server on a `VirtualWire`, as its kernel would be: it answers ARP, resolves whom it sends to, fragments what is longer
 * than the MTU, and gives datagrams and byte streams to handlers. It decides nothing itself.
 *
 * As on Linux, a neighbour is learnt from ARP alone, never from the IP packets it sends: a client that does not answer ARP
 * gets nothing until `setNeighbour`.
 */
export class VirtualHost implements WireNode {
  readonly mac: Uint8Array;
  readonly address: Ipv4;
  readonly mask: Ipv4;
  /** The wire's time, as of the last call of a handler. */
  nowMs = 0;
  /** Packets that were never sent because the destination did not answer ARP. */
  unreachable = 0;

  private readonly broadcast: Ipv4;
  private readonly queue: Uint8Array[] = [];
  private readonly slab: Octets = Octets.alloc(SLAB_LEN);
  private readonly handlers: Map<number, { handler: DatagramHandler; reply: VirtualSocket }> =
    new Map();
  private readonly lanes: Set<{ rx: Octets; handlers: ((len: number) => void)[] }> = new Set();
  private readonly neighbours: Map<Ipv4, Uint8Array> = new Map();
  private readonly unresolved: Map<Ipv4, Unresolved> = new Map();
  private timers: Timer[] = [];
  private readonly tcp: VirtualTcp;
  private readonly ethernet = new EthernetView();
  private readonly arp = new ArpView();
  private readonly ipv4 = new Ipv4View();
  private readonly udp = new UdpView();
  private nextId = 1;
  private nextPort = 32_000;

  constructor({ mac, address, prefixLen = 24 }: VirtualHostOptions) {
    this.mac = mac;
    this.address = address;
    this.mask = maskOf(prefixLen);
    this.broadcast = address | ~this.mask;
    this.tcp = new VirtualTcp(address, (dst, write) => {
      const len = write(this.slab, BODY_AT);
      if (len > 0) this.sendIpv4(IPPROTO_TCP, dst, len);
    });
  }

  /** Opens a port for unicast and broadcast datagrams; 0 chooses a free one. */
  openUdp(port: number, handler: DatagramHandler): VirtualSocket {
    const chosen = port === 0 ? this.nextPort++ : port;
    if (this.handlers.has(chosen)) throw new Error(`UDP port ${chosen} is open already`);
    const socket: VirtualSocket = {
      port: chosen,
      send: (dst, dstPort, head, at, len, payload) =>
        this.sendUdp(chosen, dst, dstPort, head, at, len, payload),
      close: () => {
        this.handlers.delete(chosen);
      },
    };
    this.handlers.set(chosen, { handler, reply: socket });
    return socket;
  }

  /** Accepts TCP connections on a port. */
  listen(port: number, accept: (stream: VirtualStream) => void): void {
    this.tcp.listen(port, accept);
  }

  /** A lane of whole frames: every frame on the wire, also those for other hosts. */
  frameLane(): VirtualFrameLane {
    const rx = new Octets(Buffer.alloc(SLAB_LEN)); // as the real lane's: Buffers slice without copying
    const tx = new Octets(Buffer.alloc(SLAB_LEN));
    const lane = { rx, handlers: [] as ((len: number) => void)[] };
    this.lanes.add(lane);
    return {
      rx,
      tx,
      onFrame: (handler) => {
        lane.handlers.push(handler);
      },
      send: (len) => {
        this.queue.push(copyOctets(tx, 0, len));
      },
      close: () => {
        this.lanes.delete(lane);
      },
    };
  }

  /** Installs a neighbour entry, as `ip neigh replace` does. */
  setNeighbour(address: Ipv4, mac: Uint8Array): void {
    this.neighbours.set(address, mac.slice());
  }

  /** Calls `run` after `ms` of virtual time; the result cancels it. */
  setTimer(ms: number, run: () => void): () => void {
    const timer = { dueMs: this.nowMs + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  sendUdp(
    srcPort: number,
    dst: Ipv4,
    dstPort: number,
    head: Octets,
    at: number,
    len: number,
    payload?: Uint8Array,
  ): void {
    const { slab } = this;
    slab.u8.set(head.u8.subarray(at, at + len), BODY_AT + UDP_HEADER_LEN);
    if (payload) slab.u8.set(payload, BODY_AT + UDP_HEADER_LEN + len);
    const total = len + (payload?.length ?? 0);
    emitUdp({ srcPort, dstPort }, total, this.address, dst, slab, BODY_AT);
    this.sendIpv4(IPPROTO_UDP, dst, UDP_HEADER_LEN + total);
  }

  handleFrame(o: Octets, at: number, len: number, nowMs: number): void {
    this.nowMs = nowMs;
    for (const lane of this.lanes) {
      lane.rx.u8.set(o.u8.subarray(at, at + len));
      for (const handler of lane.handlers) handler(len);
    }
    const { ethernet } = this;
    if (ethernet.reset(o, at, len) !== Status.Ok) return;
    if (!ethernet.dstIsBroadcast && !sameMac(o, ethernet.dstAt, this.mac)) return;
    const { etherType, payloadAt, payloadLen } = ethernet;
    if (etherType === ETHERTYPE_ARP) this.handleArp(o, payloadAt, payloadLen);
    else if (etherType === ETHERTYPE_IPV4) this.handleIpv4(o, payloadAt, payloadLen);
  }

  pollTransmit(o: Octets, at: number, nowMs: number): number {
    this.nowMs = nowMs;
    const frame = this.queue.shift();
    if (!frame) return 0;
    o.u8.set(frame, at);
    return frame.length;
  }

  pollTimeout(): number {
    let next = this.tcp.pollTimeout();
    for (const timer of this.timers) next = Math.min(next, timer.dueMs);
    for (const { dueMs } of this.unresolved.values()) next = Math.min(next, dueMs);
    return next;
  }

  handleTimeout(nowMs: number): void {
    this.nowMs = nowMs;
    const due = this.timers.filter((timer) => timer.dueMs <= nowMs);
    this.timers = this.timers.filter((timer) => timer.dueMs > nowMs);
    for (const timer of due) timer.run();
    for (const [address, entry] of this.unresolved) {
      if (entry.dueMs > nowMs) continue;
      if (entry.tries < ARP_TRIES) {
        this.ask(address, entry);
      } else {
        this.unreachable += entry.frames.length;
        this.unresolved.delete(address);
      }
    }
    this.tcp.handleTimeout(nowMs);
  }

  private sendIpv4(protocol: number, dst: Ipv4, len: number): void {
    const { slab } = this;
    const id = this.nextId++ & 0xffff;
    if (IPV4_HEADER_LEN + len <= MTU) {
      emitIpv4({ src: this.address, dst, protocol, id }, len, slab, IP_AT);
      this.route(dst, copyOctets(slab, 0, BODY_AT + len));
      return;
    }
    for (let from = 0; from < len; from += FRAGMENT_LEN) {
      const part = Math.min(FRAGMENT_LEN, len - from);
      const frame = Octets.alloc(BODY_AT + part);
      frame.u8.set(slab.u8.subarray(BODY_AT + from, BODY_AT + from + part), BODY_AT);
      emitIpv4({ src: this.address, dst, protocol, id }, part, frame, IP_AT);
      frame.dv.setUint16(IP_AT + 6, (from + part < len ? MORE_FRAGMENTS : 0) | (from >> 3));
      frame.dv.setUint16(IP_AT + 10, 0);
      frame.dv.setUint16(IP_AT + 10, foldChecksum(sum16(frame, IP_AT, IPV4_HEADER_LEN, 0)));
      this.route(dst, frame.u8);
    }
  }

  /** Puts the Ethernet header on and queues the frame, or asks by ARP first. */
  private route(dst: Ipv4, frame: Uint8Array): void {
    const mac = this.isBroadcast(dst) ? BROADCAST_MAC : this.neighbours.get(dst);
    if (mac) {
      this.queueTo(mac, frame);
      return;
    }
    if (!sameNetwork(dst, this.address, this.mask)) {
      this.unreachable += 1; // there is no router on this wire
      return;
    }
    const entry = this.unresolved.get(dst);
    if (entry) {
      entry.frames.push(frame);
      return;
    }
    const started: Unresolved = { frames: [frame], tries: 0, dueMs: 0 };
    this.unresolved.set(dst, started);
    this.ask(dst, started);
  }

  private queueTo(mac: Uint8Array, frame: Uint8Array): void {
    const padded = Octets.alloc(Math.max(frame.length, 60));
    padded.u8.set(frame);
    emitEthernet({ dst: mac, src: this.mac, etherType: ETHERTYPE_IPV4 }, padded, 0);
    this.queue.push(padded.u8);
  }

  private ask(address: Ipv4, entry: Unresolved): void {
    entry.tries += 1;
    entry.dueMs = this.nowMs + ARP_INTERVAL_MS;
    this.sendArp(ARP_REQUEST, BROADCAST_MAC, NO_MAC, address);
  }

  private sendArp(op: number, dst: Uint8Array, tha: Uint8Array, tpa: Ipv4): void {
    const frame = Octets.alloc(60);
    emitEthernet({ dst, src: this.mac, etherType: ETHERTYPE_ARP }, frame, 0);
    emitArp({ op, sha: this.mac, spa: this.address, tha, tpa }, frame, ETHERNET_HEADER_LEN);
    padFrame(frame, 0, ETHERNET_HEADER_LEN + ARP_LEN);
    this.queue.push(frame.u8);
  }

  private handleArp(o: Octets, at: number, len: number): void {
    const { arp } = this;
    if (arp.reset(o, at, len) !== Status.Ok || arp.tpa !== this.address) return;
    const sender = copyOctets(o, arp.shaAt, 6);
    if (arp.spa !== 0) {
      this.neighbours.set(arp.spa, sender);
      for (const frame of this.unresolved.get(arp.spa)?.frames ?? []) this.queueTo(sender, frame);
      this.unresolved.delete(arp.spa);
    }
    if (arp.op === ARP_REQUEST) this.sendArp(ARP_REPLY, sender, sender, arp.spa);
  }

  private handleIpv4(o: Octets, at: number, len: number): void {
    const { ipv4 } = this;
    if (ipv4.reset(o, at, len) !== Status.Ok || ipv4.isFragment) return;
    const { src, dst, payloadAt, payloadLen } = ipv4;
    const broadcast = this.isBroadcast(dst);
    if (dst !== this.address && !broadcast) return;
    if (ipv4.protocol === IPPROTO_TCP) {
      this.tcp.handleSegment(src, o, payloadAt, payloadLen, this.nowMs);
      return;
    }
    const { udp } = this;
    if (ipv4.protocol !== IPPROTO_UDP) return;
    if (udp.reset(o, payloadAt, payloadLen) !== Status.Ok) return;
    const { srcPort } = udp;
    const port = this.handlers.get(udp.dstPort);
    port?.handler(
      { octets: o, at: udp.payloadAt, len: udp.payloadLen, src, srcPort, broadcast },
      (head, headAt, headLen, payload) =>
        port.reply.send(src, srcPort, head, headAt, headLen, payload),
    );
  }

  private isBroadcast(a: Ipv4): boolean {
    return a === IPV4_BROADCAST || a === this.broadcast;
  }
}

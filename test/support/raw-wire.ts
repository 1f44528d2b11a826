import { fileURLToPath } from "node:url";
import {
  ARP_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  emitArp,
  RARP_REPLY,
  RARP_REQUEST,
} from "../../protocols/arp/packet.ts";
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../protocols/dhcp/options.ts";
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
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  Ipv4View,
} from "../../protocols/ipv4/packet.ts";
import { TcpFlag, TcpView } from "../../protocols/tcp/segment.ts";
import { emitUdp, UDP_HEADER_LEN, UdpView } from "../../protocols/udp/datagram.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { macText, parseMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { Namespace, PipedChild } from "./netns.ts";
import { until } from "./until.ts";

const TAP = fileURLToPath(new URL("wire-tap.mjs", import.meta.url));
const HEADER = 3;
const READY = 255;
const SLAB_LEN = 2_048;
export const BROADCAST_MAC: Uint8Array = new Uint8Array(6).fill(0xff);

/** An address that the test wrote itself. */
export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

/** A hardware address that the test wrote itself. */
export function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (!octets) throw new Error(`not a hardware address: ${text}`);
  return octets;
}

/** A frame that came out of the agent's side, taken apart. */
export interface Seen {
  readonly dstMac: string;
  readonly kind: "arp" | "rarp" | "icmp" | "udp" | "tcp" | "other";
  readonly src: Ipv4;
  readonly dst: Ipv4;
  readonly srcPort: number;
  readonly dstPort: number;
  /** UDP and TCP: what is inside. ARP and RARP: the packet. */
  readonly payload: Octets;
  /** The whole segment of TCP. */
  readonly segment: Octets;
  readonly tcpFlags: number;
}

/** Whether a frame says anything that a program said: ARP, ICMP and TCP without data are the kernel's own. */
export function isAnswer(s: Seen): boolean {
  if (s.kind === "arp" || s.kind === "icmp") return false;
  // The agent itself asks whether there are other DHCP servers.
  if (s.kind === "udp" && s.srcPort === DHCP_CLIENT_PORT && s.dstPort === DHCP_SERVER_PORT) {
    return false;
  }
  return s.kind !== "tcp" || s.payload.u8.length > 0;
}

/** For the message of a failed test. */
export function describeSeen(s: Seen): string {
  const text = Buffer.from(s.payload.u8.subarray(0, 48))
    .toString("latin1")
    .replace(/[^ -~]/g, ".");
  return `${s.kind} ${formatIpv4(s.src)}:${s.srcPort} > ${formatIpv4(s.dst)}:${s.dstPort} (${s.dstMac}) ${s.payload.u8.length} octets: ${text}`;
}

/** The far ends of an agent's interfaces: what arrives there is kept, and any frame can be put there. */
export class RawWires {
  private readonly tap: PipedChild;
  private readonly wires: readonly RawWire[];
  private waiting: Buffer = Buffer.alloc(0);
  private ready = false;

  private constructor(tap: PipedChild, count: number) {
    this.tap = tap;
    this.wires = Array.from(
      { length: count },
      (_, i) => new RawWire((frame) => this.inject(i, frame)),
    );
    tap.stdout.on("data", (piece: Buffer) => this.take(piece));
    tap.stdin.on("error", () => {});
  }

  /** Opens interfaces of a namespace, in the order of `wire(i)`. */
  static async open(ns: Namespace, ...interfaces: readonly string[]): Promise<RawWires> {
    const tap = ns.spawn(process.execPath, TAP, ...interfaces);
    let complaint = "";
    tap.stderr.on("data", (piece: Buffer) => {
      complaint += piece.toString();
    });
    const wires = new RawWires(tap, interfaces.length);
    await until(
      () => `raw frames of ${interfaces.join(", ")}: ${complaint}`,
      () => wires.ready,
    );
    return wires;
  }

  wire(index: number): RawWire {
    const wire = this.wires[index];
    if (!wire) throw new Error(`there is no wire ${index}`);
    return wire;
  }

  close(): void {
    this.tap.stdin.end();
  }

  private inject(index: number, frame: Uint8Array): void {
    const head = Buffer.alloc(HEADER);
    head.writeUInt8(index, 0);
    head.writeUInt16BE(frame.length, 1);
    this.tap.stdin.write(Buffer.concat([head, frame]));
  }

  private take(piece: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, piece]);
    while (this.waiting.length >= HEADER) {
      const end = HEADER + this.waiting.readUInt16BE(1);
      if (this.waiting.length < end) return;
      const index = this.waiting.readUInt8(0);
      const frame = Uint8Array.from(this.waiting.subarray(HEADER, end));
      this.waiting = this.waiting.subarray(end);
      if (index === READY) this.ready = true;
      else this.wires[index]?.arrived(frame);
    }
  }
}

/** One wire with the agent at its other end and hosts of the test at this one. */
export class RawWire {
  /** Everything that the agent's host sent, in order. */
  readonly seen: Seen[] = [];
  private readonly put: (frame: Uint8Array) => void;
  private readonly own = new Set<string>();
  private readonly listeners: ((s: Seen) => void)[] = [];

  constructor(put: (frame: Uint8Array) => void) {
    this.put = put;
  }

  onSeen(listener: (s: Seen) => void): void {
    this.listeners.push(listener);
  }

  /** What programs on the agent's host sent since `from`, an earlier `seen.length`. */
  answers(from: number): readonly string[] {
    return this.seen.slice(from).filter(isAnswer).map(describeSeen);
  }

  /** Sends a frame; `emit` writes what follows the Ethernet header and returns its octets. */
  send(
    src: Uint8Array,
    dst: Uint8Array,
    etherType: number,
    emit: (o: Octets, at: number) => number,
  ): void {
    this.own.add(Buffer.from(src).toString("hex"));
    const o = Octets.alloc(SLAB_LEN);
    emitEthernet({ dst, src, etherType }, o, 0);
    const len = padFrame(o, 0, ETHERNET_HEADER_LEN + emit(o, ETHERNET_HEADER_LEN));
    this.put(o.u8.subarray(0, len));
  }

  /** A frame off the tap, which shows what the test sent as well. */
  arrived(frame: Uint8Array): void {
    if (this.own.has(Buffer.from(frame.subarray(6, 12)).toString("hex"))) return;
    const s = dissect(new Octets(frame));
    if (!s) return;
    this.seen.push(s);
    for (const listener of this.listeners) listener(s);
  }
}

/** A host on a wire: it answers ARP, and lets a test say anything in anybody's name. */
export class RawHost {
  readonly wire: RawWire;
  readonly mac: Uint8Array;
  readonly ip: Ipv4;

  constructor(wire: RawWire, macAddress: string, address: string) {
    this.wire = wire;
    this.mac = mac(macAddress);
    this.ip = ip(address);
    wire.onSeen((s) => this.answerArp(s));
  }

  get macText(): string {
    return macText(new Octets(this.mac), 0);
  }

  /** Whether a frame was meant for this host. */
  hears(s: Seen): boolean {
    return s.dst === this.ip || s.dstMac === this.macText;
  }

  rarpRequest(): void {
    const r = { op: RARP_REQUEST, sha: this.mac, spa: 0, tha: this.mac, tpa: 0 };
    this.wire.send(this.mac, BROADCAST_MAC, ETHERTYPE_RARP, (o, at) => emitArp(r, o, at));
  }

  /** Asks for `target`'s hardware address; the kernel's answer shows that all before it was taken. */
  arpRequest(target: Ipv4): void {
    const r = { op: ARP_REQUEST, sha: this.mac, spa: this.ip, tha: new Uint8Array(6), tpa: target };
    this.wire.send(this.mac, BROADCAST_MAC, ETHERTYPE_ARP, (o, at) => emitArp(r, o, at));
  }

  udp(
    to: { readonly mac: Uint8Array; readonly ip: Ipv4; readonly port: number },
    srcPort: number,
    payload: Uint8Array,
    src: Ipv4 = this.ip,
  ): void {
    this.wire.send(this.mac, to.mac, ETHERTYPE_IPV4, (o, at) => {
      const udpAt = at + IPV4_HEADER_LEN;
      o.u8.set(payload, udpAt + UDP_HEADER_LEN);
      const len = UDP_HEADER_LEN + payload.length;
      emitUdp({ srcPort, dstPort: to.port }, payload.length, src, to.ip, o, udpAt);
      emitIpv4({ src, dst: to.ip, protocol: IPPROTO_UDP }, len, o, at);
      return IPV4_HEADER_LEN + len;
    });
  }

  /** Sends a TCP segment that `emit` writes. */
  tcp(
    to: { readonly mac: Uint8Array; readonly ip: Ipv4 },
    emit: (o: Octets, at: number) => number,
  ): boolean {
    const segment = Octets.alloc(SLAB_LEN);
    const len = emit(segment, 0);
    if (len === 0) return false;
    this.wire.send(this.mac, to.mac, ETHERTYPE_IPV4, (o, at) => {
      o.u8.set(segment.u8.subarray(0, len), at + IPV4_HEADER_LEN);
      emitIpv4({ src: this.ip, dst: to.ip, protocol: IPPROTO_TCP }, len, o, at);
      return IPV4_HEADER_LEN + len;
    });
    return true;
  }

  private answerArp(s: Seen): void {
    if (s.kind !== "arp" || s.dst !== this.ip) return;
    const request = new ArpView();
    const { payload } = s;
    if (request.reset(payload, 0, payload.u8.length) || request.op !== ARP_REQUEST) return;
    const asker = payload.u8.slice(request.shaAt, request.shaAt + 6);
    const r = { op: ARP_REPLY, sha: this.mac, spa: this.ip, tha: asker, tpa: request.spa };
    this.wire.send(this.mac, asker, ETHERTYPE_ARP, (o, at) => emitArp(r, o, at));
  }
}

function dissect(o: Octets): Seen | undefined {
  const frame = new EthernetView();
  if (frame.reset(o, 0, o.u8.length) !== Status.Ok) return undefined;
  const cut = (at: number, len: number): Octets => new Octets(o.u8.slice(at, at + len));
  const none = new Octets(new Uint8Array(0));
  const base = {
    dstMac: macText(o, frame.dstAt),
    kind: "other" as const,
    src: 0,
    dst: 0,
    srcPort: 0,
    dstPort: 0,
    payload: cut(frame.payloadAt, frame.payloadLen),
    segment: none,
    tcpFlags: 0,
  };
  if (frame.etherType === ETHERTYPE_ARP || frame.etherType === ETHERTYPE_RARP) {
    const arp = new ArpView();
    if (arp.reset(o, frame.payloadAt, frame.payloadLen) !== Status.Ok) return base;
    const kind = arp.op >= RARP_REQUEST && arp.op <= RARP_REPLY ? "rarp" : "arp";
    return { ...base, kind, src: arp.spa, dst: arp.tpa, payload: cut(frame.payloadAt, ARP_LEN) };
  }
  const packet = new Ipv4View();
  if (frame.etherType !== ETHERTYPE_IPV4) return base;
  if (packet.reset(o, frame.payloadAt, frame.payloadLen) !== Status.Ok) return base;
  const { src, dst, payloadAt, payloadLen } = packet;
  if (packet.protocol === IPPROTO_ICMP) return { ...base, kind: "icmp", src, dst };
  const udp = new UdpView();
  if (packet.protocol === IPPROTO_UDP && !udp.reset(o, payloadAt, payloadLen)) {
    const { srcPort, dstPort } = udp;
    const payload = cut(udp.payloadAt, udp.payloadLen);
    return { ...base, kind: "udp", src, dst, srcPort, dstPort, payload };
  }
  const tcp = new TcpView();
  if (packet.protocol === IPPROTO_TCP && !tcp.reset(o, payloadAt, payloadLen)) {
    const { srcPort, dstPort, flags } = tcp;
    const payload = cut(tcp.payloadAt, tcp.payloadLen);
    const segment = cut(payloadAt, payloadLen);
    return { ...base, kind: "tcp", src, dst, srcPort, dstPort, payload, segment, tcpFlags: flags };
  }
  return { ...base, src, dst };
}

/** Whether a segment accepts a connection. */
export function isSynAck(s: Seen): boolean {
  const both = TcpFlag.Syn | TcpFlag.Ack;
  return s.kind === "tcp" && (s.tcpFlags & both) === both;
}

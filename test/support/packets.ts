import { CapturedFrame, LinkType } from "../../agent/capture/captured-frame.ts";
import { Dissector } from "../../agent/capture/dissector.ts";
import type { DecodedMessage } from "../../agent/capture/message.ts";
import { emitEthernet } from "../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_TCP, IPPROTO_UDP } from "../../protocols/ipv4/packet.ts";
import { emitTcp, type TcpRepr, tcpHeaderLen } from "../../protocols/tcp/segment.ts";
import { emitUdp, UDP_HEADER_LEN } from "../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../protocols/wire/checksum.ts";
import { parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";

const MAC_A = Uint8Array.of(2, 0, 0, 0, 0, 1);
const MAC_B = Uint8Array.of(2, 0, 0, 0, 0, 2);

/** One end of a conversation, "192.168.77.1:69". */
export type End = string;

/** Gives frames to a dissector as if they came from a capture. */
export class FrameFeed {
  readonly messages: DecodedMessage[] = [];
  private readonly dissector: Dissector = new Dissector((m) => this.messages.push(m), {
    octets: true,
  });
  private readonly frame: CapturedFrame = new CapturedFrame();

  /** Gives one frame; returns the messages that it completed. `cut`: octets at its end that were not captured. */
  give(data: Uint8Array, linkType: number = LinkType.Ethernet, cut = 0): DecodedMessage[] {
    const { frame } = this;
    const before = this.messages.length;
    frame.number += 1;
    frame.octets = new Octets(data.slice(0, data.length - cut));
    frame.at = 0;
    frame.len = data.length - cut;
    frame.originalLen = data.length;
    frame.linkType = linkType;
    frame.seconds = 1_700_000_000 + frame.number;
    this.dissector.frame(frame);
    return this.messages.slice(before);
  }

  /** Ends the capture. */
  end(): void {
    this.dissector.end();
  }

  /** Protocol and status of every message so far. */
  get kinds(): string[] {
    return this.messages.map((m) => `${m.frame} ${m.protocol} ${m.status}`);
  }
}

/** An IPv4 packet. */
export function ipv4Packet(
  src: string,
  dst: string,
  protocol: number,
  body: Uint8Array,
): Uint8Array {
  const o = Octets.alloc(20 + body.length);
  o.u8.set(body, 20);
  emitIpv4({ src: address(src), dst: address(dst), protocol, id: 7 }, body.length, o, 0);
  return o.u8;
}

/** An IPv4 packet with a datagram in it. */
export function udpPacket(from: End, to: End, payload: Uint8Array): Uint8Array {
  const [src, srcPort] = endOf(from);
  const [dst, dstPort] = endOf(to);
  const o = Octets.alloc(UDP_HEADER_LEN + payload.length);
  o.u8.set(payload, UDP_HEADER_LEN);
  emitUdp({ srcPort, dstPort }, payload.length, address(src), address(dst), o, 0);
  return ipv4Packet(src, dst, IPPROTO_UDP, o.u8);
}

/** An IPv4 packet with a segment in it. */
export function tcpPacket(
  from: End,
  to: End,
  segment: Pick<TcpRepr, "seq" | "flags"> & { readonly ack?: number },
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const [src, srcPort] = endOf(from);
  const [dst, dstPort] = endOf(to);
  const repr: TcpRepr = { srcPort, dstPort, ack: 0, window: 1_000, mss: 0, ...segment };
  const o = Octets.alloc(tcpHeaderLen(repr) + payload.length);
  o.u8.set(payload, tcpHeaderLen(repr));
  emitTcp(repr, payload.length, address(src), address(dst), o, 0);
  return ipv4Packet(src, dst, IPPROTO_TCP, o.u8);
}

/** The packet in fragments of `size` octets of payload, a multiple of eight. */
export function fragments(packet: Uint8Array, size: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  const payload = packet.slice(20);
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.slice(at, at + size);
    const o = new Octets(Uint8Array.of(...packet.slice(0, 20), ...part));
    const more = at + size < payload.length ? 0x2000 : 0;
    o.dv.setUint16(2, 20 + part.length);
    o.dv.setUint16(6, more | (at / 8));
    o.dv.setUint16(10, 0);
    o.dv.setUint16(10, foldChecksum(sum16(o, 0, 20, 0)));
    list.push(o.u8);
  }
  return list;
}

/** An Ethernet frame around a packet; `tags` are VLANs, outermost first. */
export function frame(
  packet: Uint8Array,
  etherType = 0x0800,
  tags: readonly number[] = [],
): Uint8Array {
  const o = Octets.alloc(14 + 4 * tags.length + packet.length);
  emitEthernet({ dst: MAC_B, src: MAC_A, etherType }, o, 0);
  let at = 12;
  for (const [i, tag] of tags.entries()) {
    o.dv.setUint16(at, i === 0 && tags.length > 1 ? 0x88a8 : 0x8100);
    o.dv.setUint16(at + 2, tag);
    at += 4;
  }
  o.dv.setUint16(at, etherType);
  o.u8.set(packet, at + 2);
  return o.u8;
}

function endOf(end: End): readonly [string, number] {
  const [host, port] = end.split(":");
  return [host ?? "", Number(port)];
}

function address(text: string): number {
  const found = parseIpv4(text);
  if (found === undefined) throw new Error(`no address: ${text}`);
  return found;
}

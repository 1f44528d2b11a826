import {
  emitIpv4,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
} from "../../protocols/ipv4/packet.ts";
import { emitTcp, TCP_HEADER_LEN, TcpFlag } from "../../protocols/tcp/segment.ts";
import { emitUdp, UDP_HEADER_LEN } from "../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { CapturedFrame, LinkType } from "../capture/captured-frame.ts";
import { Dissector } from "../capture/dissector.ts";
import { type ReplayMessage, replayMessage } from "./message.ts";
import type { SentDatagram } from "./replay-udp.ts";

/** The largest IPv4 packet: our replies are never fragmented here. */
const SLAB_LEN = 65_535;
/** What is sent on a stream goes in segments of this much. */
const SEGMENT_LEN = 32_768;

/** Whose port a stream of ours leads from and to. */
export interface StreamEnds {
  readonly srcPort: number;
  readonly dst: Ipv4;
  readonly dstPort: number;
  /** Where the next octet stands; kept up to date. */
  seq: number;
}

/**
 * Our replies as messages: they are put into packets again and read by the dissector that reads the capture, so that both
 * sides are seen with the same eyes. It follows the clients' requests, too, as RPC replies mean nothing without their calls.
 */
export class OurMessages {
  private readonly address: Ipv4;
  private readonly dissector: Dissector;
  private readonly frame: CapturedFrame = new CapturedFrame();
  private readonly slab: Octets = Octets.alloc(SLAB_LEN);
  private readonly sent: ((packet: CapturedFrame) => void) | undefined;
  private listening = false;
  private payload: Uint8Array | undefined;

  /** `give` gets each reply as it is found, `sent` each packet before that. */
  constructor(
    address: Ipv4,
    give: (message: ReplayMessage) => void,
    sent?: (packet: CapturedFrame) => void,
  ) {
    this.address = address;
    this.sent = sent;
    this.dissector = new Dissector(
      (m) => {
        if (this.listening) give(replayMessage(m, this.payload));
      },
      { octets: true },
    );
  }

  /** What we send from now on bears the number and the time of this frame. */
  begin({ number, seconds, nanoseconds, timeDigits }: CapturedFrame): void {
    Object.assign(this.frame, { number, seconds, nanoseconds, timeDigits });
  }

  /** A frame of a client, to be understood and not told. */
  follow(frame: CapturedFrame): void {
    this.listening = false;
    this.dissector.frame(frame);
  }

  ethernet(octets: Uint8Array): void {
    this.give(LinkType.Ethernet, new Octets(octets), octets.length, undefined);
  }

  datagram({ srcPort, dst, dstPort, octets }: SentDatagram): void {
    const { slab, address } = this;
    const len = octets.u8.length;
    const at = IPV4_HEADER_LEN + UDP_HEADER_LEN;
    if (at + len > SLAB_LEN) return;
    slab.u8.set(octets.u8, at);
    emitUdp({ srcPort, dstPort }, len, address, dst, slab, IPV4_HEADER_LEN);
    emitIpv4({ src: address, dst, protocol: IPPROTO_UDP }, UDP_HEADER_LEN + len, slab, 0);
    this.give(LinkType.Raw, slab, at + len, octets.u8);
  }

  /** A stream begins: without its SYN it would be taken for what was sent before between the same ports. */
  beginStream({ srcPort, dst, dstPort, seq }: StreamEnds): void {
    const { slab, address } = this;
    const flags = TcpFlag.Syn | TcpFlag.Ack;
    const repr = { srcPort, dstPort, seq: seq - 1, ack: 0, flags, window: 0, mss: 0 };
    const len = emitTcp(repr, 0, address, dst, slab, IPV4_HEADER_LEN);
    emitIpv4({ src: address, dst, protocol: IPPROTO_TCP }, len, slab, 0);
    this.give(LinkType.Raw, slab, IPV4_HEADER_LEN + len, undefined);
  }

  stream(ends: StreamEnds, octets: Uint8Array): void {
    const { slab, address } = this;
    const { srcPort, dst, dstPort } = ends;
    const at = IPV4_HEADER_LEN + TCP_HEADER_LEN;
    for (let from = 0; from < octets.length; from += SEGMENT_LEN) {
      const piece = octets.subarray(from, from + SEGMENT_LEN);
      slab.u8.set(piece, at);
      const repr = {
        srcPort,
        dstPort,
        seq: ends.seq,
        ack: 0,
        flags: TcpFlag.Psh,
        window: 0,
        mss: 0,
      };
      emitTcp(repr, piece.length, address, dst, slab, IPV4_HEADER_LEN);
      const len = TCP_HEADER_LEN + piece.length;
      emitIpv4({ src: address, dst, protocol: IPPROTO_TCP }, len, slab, 0);
      ends.seq = (ends.seq + piece.length) | 0;
      this.give(LinkType.Raw, slab, IPV4_HEADER_LEN + len, undefined);
    }
  }

  private give(
    linkType: number,
    octets: Octets,
    len: number,
    payload: Uint8Array | undefined,
  ): void {
    const { frame } = this;
    Object.assign(frame, { linkType, octets, at: 0, len, originalLen: len });
    this.payload = payload;
    this.sent?.(frame);
    this.listening = true;
    this.dissector.frame(frame);
    this.listening = false;
  }
}

import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  Ipv4View,
} from "../../protocols/ipv4/packet.ts";
import { Ipv4Reassembler, Reassembled } from "../../protocols/ipv4/reassembly.ts";
import { formatIpv6, Ipv6View } from "../../protocols/ipv6/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { icmpFields, ipv4Fields } from "./ipv4-fields.ts";
import type { MessageSink } from "./message.ts";
import { type PutPacket, TransportDissector } from "./transport-dissector.ts";

/** Where an IPv4 header has its checksum. It is 0 in what a machine sends whose network card fills it in. */
const CHECKSUM = 10;

/** Packets that may be waiting for fragments: 64 slabs of 64 KiB at most. */
const MAX_FRAGMENTED = 64;

/** Goes through IPv4, putting fragments together, and IPv6. */
export class IpDissector {
  private readonly sink: MessageSink;
  private readonly ipv4: Ipv4View = new Ipv4View();
  private readonly ipv6: Ipv6View = new Ipv6View();
  private readonly reassembler: Ipv4Reassembler = new Ipv4Reassembler({ packets: MAX_FRAGMENTED });
  private readonly transport: TransportDissector;

  constructor(sink: MessageSink) {
    this.sink = sink;
    this.transport = new TransportDissector(sink);
  }

  /** `cut`: the frame was longer on the wire than it is here. */
  takeIpv4(o: Octets, at: number, len: number, cut: boolean): void {
    const { ipv4, sink } = this;
    const verify = len >= IPV4_HEADER_LEN && o.dv.getUint16(at + CHECKSUM) !== 0;
    let status = ipv4.resetCut(o, at, len, verify);
    if (status === Status.Ok && !cut && ipv4.totalLen > len) status = Status.Truncated;
    if (status !== Status.Ok) {
      sink.put("ipv4", status, {});
      return;
    }
    sink.from = formatIpv4(ipv4.src);
    sink.to = formatIpv4(ipv4.dst);
    sink.cut = ipv4.totalLen > len;
    if (ipv4.isFragment) this.takeFragment(o);
    else this.takeProtocol(o, ipv4.payloadAt, ipv4.payloadLen, ipv4.totalLen - ipv4.headerLen);
  }

  /** IPv6 is walked through to UDP and TCP; what is something else is shown by `putLink`. */
  takeIpv6(o: Octets, at: number, len: number, cut: boolean, putLink: PutPacket): void {
    const { ipv6, sink } = this;
    const status = cut ? ipv6.resetCut(o, at, len) : ipv6.reset(o, at, len);
    if (status !== Status.Ok) {
      putLink(status, {});
      return;
    }
    const src = formatIpv6(o, ipv6.srcAt);
    const dst = formatIpv6(o, ipv6.dstAt);
    sink.from = src;
    sink.to = dst;
    const { payloadAt, payloadLen, missing } = ipv6;
    sink.cut = missing > 0;
    const protocol = ipv6.isFragment ? -1 : ipv6.protocol;
    if (protocol === IPPROTO_UDP) {
      this.transport.takeUdp(src, dst, o, payloadAt, payloadLen);
    } else if (protocol === IPPROTO_TCP) {
      const sent = payloadLen + missing;
      this.transport.takeTcp(src, dst, o, payloadAt, payloadLen, sent, putLink);
    } else putLink(Status.Ok, {});
  }

  /** At the end of the capture. */
  end(): void {
    this.transport.end();
  }

  /** The fragment that completes its packet is shown as what is in the packet, each other one as a packet of its own. */
  private takeFragment(o: Octets): void {
    const { sink, reassembler } = this;
    const found = sink.cut ? Reassembled.Waiting : reassembler.add(this.ipv4, o, sink.nowMs);
    if (found === Reassembled.Complete) {
      const { octets, at, len } = reassembler;
      this.takeProtocol(octets, at, len, len);
    } else this.putIpv4(found === Reassembled.Refused ? Status.BadLength : Status.Ok, {});
  }

  /** `sent`: octets of the payload on the wire. */
  private takeProtocol(o: Octets, at: number, len: number, sent: number): void {
    const { transport, putIpv4 } = this;
    const { from, to } = this.sink;
    switch (this.ipv4.protocol) {
      case IPPROTO_UDP:
        transport.takeUdp(from, to, o, at, len);
        break;
      case IPPROTO_TCP:
        transport.takeTcp(from, to, o, at, len, sent, putIpv4);
        break;
      case IPPROTO_ICMP: {
        // The checksum covers what was cut off as well.
        const { status, fields } = icmpFields(o, at, len);
        putIpv4(len < sent ? Status.Truncated : status, fields);
        break;
      }
      default:
        putIpv4(Status.Ok, {});
    }
  }

  private readonly putIpv4: PutPacket = (status, inner) => {
    this.sink.put("ipv4", status, { ...ipv4Fields(this.ipv4), ...inner });
  };
}

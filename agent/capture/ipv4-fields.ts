import { IcmpView, icmpName } from "../../protocols/icmp/message.ts";
import type { Ipv4View } from "../../protocols/ipv4/packet.ts";
import type { TcpView } from "../../protocols/tcp/segment.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { Fields } from "./message.ts";

const icmp: IcmpView = new IcmpView();

/** What the header of a packet says (RFC 791), for packets that end in no protocol of a boot. */
export function ipv4Fields(v: Ipv4View): Fields {
  return {
    src: formatIpv4(v.src),
    dst: formatIpv4(v.dst),
    protocol: v.protocol,
    id: v.id,
    ttl: v.ttl,
    totalLength: v.totalLen,
    ...(v.isFragment ? { moreFragments: v.moreFragments, fragmentOffset: v.fragmentOffset } : {}),
  };
}

/** What a TCP segment says (RFC 9293), beside the fields of its packet. Sequence numbers are unsigned, as tcpdump -S has them. */
export function tcpFields(v: TcpView): Fields {
  return {
    srcPort: v.srcPort,
    dstPort: v.dstPort,
    seq: v.seq >>> 0,
    ack: v.ack >>> 0,
    flags: v.flags,
    window: v.window,
    length: v.payloadLen,
  };
}

/** The fields of an ICMP message and its status. `about` is the packet that an error is about: a closed port, mostly. */
export function icmpFields(
  o: Octets,
  at: number,
  len: number,
): { readonly status: Status; readonly fields: Fields } {
  const status = icmp.reset(o, at, len);
  if (status !== Status.Ok) return { status, fields: {} };
  const { type, code } = icmp;
  const about = {
    src: formatIpv4(icmp.innerSrc),
    dst: formatIpv4(icmp.innerDst),
    protocol: icmp.innerProtocol,
    srcPort: icmp.innerSrcPort,
    dstPort: icmp.innerDstPort,
  };
  const fields: Fields = {
    icmp: {
      type,
      code,
      name: icmpName(type, code),
      ...(icmp.nextHopMtu > 0 ? { nextHopMtu: icmp.nextHopMtu } : {}),
      ...(icmp.hasInner ? { about } : {}),
    },
  };
  return { status, fields };
}

import { IPPROTO_TCP, IPPROTO_UDP, IPV4_HEADER_LEN } from "../ipv4/packet.ts";
import { foldChecksum, sum16 } from "../wire/checksum.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 792: offsets in octets from the type. What the second word holds depends on the type.
const TYPE = 0;
const CODE = 1;
const NEXT_HOP_MTU = 6;
const BODY = 8;

// The header of the packet that an error is about, RFC 791 section 3.1.
const INNER_PROTOCOL = 9;
const INNER_SRC = 12;
const INNER_DST = 16;
/** An error repeats at least the header and the first eight octets behind it, which hold the ports. */
const PORTS_LEN = 4;

/** Types that say why a boot got stuck (RFC 792). */
export const IcmpType = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  Redirect: 5,
  Echo: 8,
  TimeExceeded: 11,
  ParameterProblem: 12,
} as const;

/** Codes of DestinationUnreachable (RFC 792, RFC 1122 section 3.2.2.1). */
const UNREACHABLE: readonly string[] = [
  "network unreachable",
  "host unreachable",
  "protocol unreachable",
  "port unreachable",
  "fragmentation needed",
  "source route failed",
  "network unknown",
  "host unknown",
  "source host isolated",
  "network prohibited",
  "host prohibited",
  "network unreachable for service",
  "host unreachable for service",
  "communication prohibited",
];

const NAMES: ReadonlyMap<number, string> = new Map([
  [IcmpType.EchoReply, "echo reply"],
  [IcmpType.Redirect, "redirect"],
  [IcmpType.Echo, "echo request"],
  [IcmpType.TimeExceeded, "time exceeded"],
  [IcmpType.ParameterProblem, "parameter problem"],
]);

/**
 * Re-pointable view of an ICMP message (RFC 792): type code checksum(2) word(4) body.
 *
 * In errors the body repeats the header and the first octets of the packet that they are about; the `inner…` members read
 * that and are 0 where there is nothing to read.
 */
export class IcmpView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  /** Offset of the ports behind the inner header; 0 when they are not there. */
  private portsAt = 0;
  private inner = false;

  reset(o: Octets, at: number, len: number): Status {
    if (len < BODY) return Status.Truncated;
    if (foldChecksum(sum16(o, at, len, 0)) !== 0) return Status.BadChecksum;
    const { dv } = o;
    this.dv = dv;
    this.at = at;
    this.portsAt = 0;
    const room = len - BODY;
    this.inner = this.isError && room >= IPV4_HEADER_LEN && dv.getUint8(at + BODY) >> 4 === 4;
    if (!this.inner) return Status.Ok;
    const headerLen = (dv.getUint8(at + BODY) & 15) * 4;
    const { innerProtocol } = this;
    const hasPorts = innerProtocol === IPPROTO_UDP || innerProtocol === IPPROTO_TCP;
    if (hasPorts && headerLen >= IPV4_HEADER_LEN && headerLen + PORTS_LEN <= room) {
      this.portsAt = at + BODY + headerLen;
    }
    return Status.Ok;
  }

  get type(): number {
    return this.dv.getUint8(this.at + TYPE);
  }
  get code(): number {
    return this.dv.getUint8(this.at + CODE);
  }
  /** Whether this is about another packet. */
  get isError(): boolean {
    const { type } = this;
    return (
      type === IcmpType.DestinationUnreachable ||
      type === IcmpType.Redirect ||
      type === IcmpType.TimeExceeded ||
      type === IcmpType.ParameterProblem
    );
  }
  /** Destination unreachable, of any code. */
  get isUnreachable(): boolean {
    return this.type === IcmpType.DestinationUnreachable;
  }
  /** What the next hop can carry, of "fragmentation needed" (RFC 1191); 0 otherwise. */
  get nextHopMtu(): number {
    return this.isUnreachable && this.code === 4 ? this.dv.getUint16(this.at + NEXT_HOP_MTU) : 0;
  }
  /** Whether the packet in question can be read. */
  get hasInner(): boolean {
    return this.inner;
  }
  get innerProtocol(): number {
    return this.inner ? this.dv.getUint8(this.at + BODY + INNER_PROTOCOL) : 0;
  }
  get innerSrc(): number {
    return this.inner ? this.dv.getInt32(this.at + BODY + INNER_SRC) : 0;
  }
  get innerDst(): number {
    return this.inner ? this.dv.getInt32(this.at + BODY + INNER_DST) : 0;
  }
  get innerSrcPort(): number {
    return this.portsAt === 0 ? 0 : this.dv.getUint16(this.portsAt);
  }
  get innerDstPort(): number {
    return this.portsAt === 0 ? 0 : this.dv.getUint16(this.portsAt + 2);
  }
}

/** What a message says, in words. */
export function icmpName(type: number, code: number): string {
  if (type === IcmpType.DestinationUnreachable) return UNREACHABLE[code] ?? "unreachable";
  return NAMES.get(type) ?? `type ${type}`;
}

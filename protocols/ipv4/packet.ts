import { foldChecksum, sum16 } from "../wire/checksum.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 791 section 3.1: offsets in octets from the version.
const VERSION_IHL = 0;
const TOS = 1;
const TOTAL_LEN = 2;
const ID = 4;
const FLAGS_OFFSET = 6;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SRC = 12;
const DST = 16;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
/** The 13-bit fragment offset, in units of eight octets. */
const OFFSET_MASK = 0x1fff;
const MAX_PACKET_LEN = 0xffff;
const DEFAULT_TTL = 64;

/** RFC 792. */
export const IPPROTO_ICMP = 1;
/** RFC 9293. */
export const IPPROTO_TCP = 6;
/** RFC 768. */
export const IPPROTO_UDP = 17;

/** Octets of a header without options. */
export const IPV4_HEADER_LEN = 20;

/**
 * Re-pointable view of an IPv4 packet (RFC 791).
 *
 *     version/ihl tos totalLen(2) id(2) flags/offset(2) ttl protocol checksum(2) src(4) dst(4) options payload
 *
 * The payload ends where `totalLen` says, so Ethernet padding is left out. Fragments are recognised and not reassembled: of
 * a fragment, the payload is this fragment's part. Options are located and not interpreted.
 */
export class Ipv4View {
  private dv: DataView = NO_VIEW;
  private at = 0;
  // Kept, since payloadAt and payloadLen are asked for more often than anything else.
  private headerOctets = 0;
  private totalOctets = 0;
  /** Where the packet ends, or what is there of it. */
  private end = 0;

  /** Checks version, lengths and the header checksum, and that a fragment ends within the largest packet. */
  reset(o: Octets, at: number, len: number): Status {
    const status = this.resetCut(o, at, len, true);
    return status === Status.Ok && this.totalLen > len ? Status.Truncated : status;
  }

  /**
   * As `reset`, but for captures that cut frames off: the header must be there, `payloadLen` is what is there. Without
   * `verify` the checksum is not looked at: where a network card was to fill it in, the capture shows 0.
   */
  resetCut(o: Octets, at: number, len: number, verify: boolean): Status {
    if (len < IPV4_HEADER_LEN) return Status.Truncated;
    const { dv } = o;
    const first = dv.getUint8(at + VERSION_IHL);
    if (first >> 4 !== 4) return Status.BadVersion;
    const headerLen = (first & 15) * 4;
    const totalLen = dv.getUint16(at + TOTAL_LEN);
    if (headerLen < IPV4_HEADER_LEN || totalLen < headerLen) return Status.BadLength;
    if (headerLen > len) return Status.Truncated;
    if (verify && foldChecksum(sum16(o, at, headerLen, 0)) !== 0) return Status.BadChecksum;
    const offset = (dv.getUint16(at + FLAGS_OFFSET) & OFFSET_MASK) * 8;
    if (offset + totalLen > MAX_PACKET_LEN) return Status.BadLength;
    this.dv = dv;
    this.at = at;
    this.headerOctets = headerLen;
    this.totalOctets = totalLen;
    this.end = at + Math.min(totalLen, len);
    return Status.Ok;
  }

  /** Octets including options, 20 to 60. */
  get headerLen(): number {
    return this.headerOctets;
  }
  /** Octets of header and payload. */
  get totalLen(): number {
    return this.totalOctets;
  }
  get id(): number {
    return this.dv.getUint16(this.at + ID);
  }
  get dontFragment(): boolean {
    return (this.dv.getUint16(this.at + FLAGS_OFFSET) & DONT_FRAGMENT) !== 0;
  }
  get moreFragments(): boolean {
    return (this.dv.getUint16(this.at + FLAGS_OFFSET) & MORE_FRAGMENTS) !== 0;
  }
  /** Where this fragment's payload belongs, in octets. */
  get fragmentOffset(): number {
    return (this.dv.getUint16(this.at + FLAGS_OFFSET) & OFFSET_MASK) * 8;
  }
  /** True for every fragment of a fragmented packet, the first and the last included. */
  get isFragment(): boolean {
    return (this.dv.getUint16(this.at + FLAGS_OFFSET) & (MORE_FRAGMENTS | OFFSET_MASK)) !== 0;
  }
  get ttl(): number {
    return this.dv.getUint8(this.at + TTL);
  }
  get protocol(): number {
    return this.dv.getUint8(this.at + PROTOCOL);
  }
  get src(): number {
    return this.dv.getInt32(this.at + SRC);
  }
  get dst(): number {
    return this.dv.getInt32(this.at + DST);
  }
  get optionsAt(): number {
    return this.at + IPV4_HEADER_LEN;
  }
  get optionsLen(): number {
    return this.headerOctets - IPV4_HEADER_LEN;
  }
  get payloadAt(): number {
    return this.at + this.headerOctets;
  }
  get payloadLen(): number {
    return this.end - this.at - this.headerOctets;
  }
}

/** What a sender decides about a packet. Addresses are int32; fragments and options are never sent. */
export interface Ipv4Repr {
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  /** 64 unless told; the BOOTP clients of U-Boot, SLOF and GRUB send 255. */
  readonly ttl?: number;
  readonly id?: number;
  /** False unless told: PROMs of the nineties fail on packets with it set (SGI, NetBSD sgimips boot(8)). */
  readonly dontFragment?: boolean;
}

/** Writes the header for `payloadLen` octets with its checksum; returns its 20 octets. */
export function emitIpv4(r: Ipv4Repr, payloadLen: number, o: Octets, at: number): number {
  const { dv } = o;
  dv.setUint8(at + VERSION_IHL, 0x45);
  dv.setUint8(at + TOS, 0);
  dv.setUint16(at + TOTAL_LEN, IPV4_HEADER_LEN + payloadLen);
  dv.setUint16(at + ID, r.id ?? 0);
  dv.setUint16(at + FLAGS_OFFSET, r.dontFragment ? DONT_FRAGMENT : 0);
  dv.setUint8(at + TTL, r.ttl ?? DEFAULT_TTL);
  dv.setUint8(at + PROTOCOL, r.protocol);
  dv.setUint16(at + CHECKSUM, 0);
  dv.setInt32(at + SRC, r.src);
  dv.setInt32(at + DST, r.dst);
  dv.setUint16(at + CHECKSUM, foldChecksum(sum16(o, at, IPV4_HEADER_LEN, 0)));
  return IPV4_HEADER_LEN;
}

import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 8200 section 3: offsets in octets from the version.
const PAYLOAD_LEN = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SRC = 8;
const DST = 24;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const FRAGMENT_OFFSET_AND_MORE = 0xfff9;
const FRAGMENT_HEADER_LEN = 8;
/** Extension headers walked in one packet. Each occurs once at most, and destination options twice (section 4.1). */
const MAX_EXTENSIONS = 8;

/** RFC 8200. */
export const ETHERTYPE_IPV6 = 0x86dd;
/** Octets of a header without extensions. */
export const IPV6_HEADER_LEN = 40;

/**
 * Re-pointable view of an IPv6 packet (RFC 8200), as much as it takes to walk through to what is inside.
 *
 *     version/class/flow(4) payloadLen(2) nextHeader hopLimit src(16) dst(16) [extension headers] payload
 *
 * Hop-by-hop, routing, destination and authentication headers are stepped over, not interpreted. Fragments are recognised
 * and not reassembled: the payload is this fragment's part.
 */
export class Ipv6View {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;
  private upper = 0;
  private upperAt = 0;
  private fragment = false;

  /** `TooMany` for more extension headers than there can be; `BadLength` for one that leaves the packet. */
  reset(o: Octets, at: number, len: number): Status {
    const status = this.resetCut(o, at, len);
    return status === Status.Ok && this.missing > 0 ? Status.Truncated : status;
  }

  /** As `reset`, but for captures that cut frames off: the headers must be there, `payloadLen` is what is there. */
  resetCut(o: Octets, at: number, len: number): Status {
    if (len < IPV6_HEADER_LEN) return Status.Truncated;
    const { dv } = o;
    if (dv.getUint8(at) >> 4 !== 6) return Status.BadVersion;
    this.dv = dv;
    this.at = at;
    this.end = at + Math.min(len, IPV6_HEADER_LEN + dv.getUint16(at + PAYLOAD_LEN));
    this.fragment = false;
    return this.walk(dv.getUint8(at + NEXT_HEADER), at + IPV6_HEADER_LEN);
  }

  get hopLimit(): number {
    return this.dv.getUint8(this.at + HOP_LIMIT);
  }
  /** Offset of 16 octets. */
  get srcAt(): number {
    return this.at + SRC;
  }
  /** Offset of 16 octets. */
  get dstAt(): number {
    return this.at + DST;
  }
  /** The protocol behind the extension headers, an IP protocol number. */
  get protocol(): number {
    return this.upper;
  }
  /** True for a part of a larger packet; not for the "atomic fragments" of RFC 6946. */
  get isFragment(): boolean {
    return this.fragment;
  }
  get payloadAt(): number {
    return this.upperAt;
  }
  get payloadLen(): number {
    return this.end - this.upperAt;
  }

  /** Octets of the packet that are not there: 0 after `reset`. */
  get missing(): number {
    return this.at + IPV6_HEADER_LEN + this.dv.getUint16(this.at + PAYLOAD_LEN) - this.end;
  }

  private walk(first: number, from: number): Status {
    const { dv, end } = this;
    let header = first;
    let at = from;
    for (let n = 0; isExtension(header); n++) {
      if (n === MAX_EXTENSIONS) return Status.TooMany;
      if (at + FRAGMENT_HEADER_LEN > end) return Status.BadLength;
      const size = dv.getUint8(at + 1);
      const next = dv.getUint8(at);
      if (header === FRAGMENT) {
        if ((dv.getUint16(at + 2) & FRAGMENT_OFFSET_AND_MORE) !== 0) this.fragment = true;
        at += FRAGMENT_HEADER_LEN;
      } else {
        at += header === AUTHENTICATION ? (size + 2) * 4 : (size + 1) * 8;
      }
      if (at > end) return Status.BadLength;
      header = next;
      // What follows the header of a later fragment is data from the middle of the packet.
      if (this.fragment) break;
    }
    this.upper = header;
    this.upperAt = at;
    return Status.Ok;
  }
}

/** RFC 5952 text of the 16 octets at `at` (allocates): lower case, the longest run of zeros as "::". */
export function formatIpv6(o: Octets, at: number): string {
  const words: number[] = [];
  for (let i = 0; i < 8; i++) words.push(o.dv.getUint16(at + 2 * i));
  let bestAt = -1;
  let best = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > best) {
      best = n;
      bestAt = i;
    }
  }
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(":");
  return bestAt < 0 ? hex(0, 8) : `${hex(0, bestAt)}::${hex(bestAt + best, 8)}`;
}

function isExtension(header: number): boolean {
  return (
    header === HOP_BY_HOP ||
    header === ROUTING ||
    header === FRAGMENT ||
    header === AUTHENTICATION ||
    header === DESTINATION_OPTIONS
  );
}

import { MAC_LEN } from "../wire/mac-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 826, "Packet format", with the lengths of Ethernet and IPv4: offsets in octets from ar$hrd.
const HTYPE = 0;
const PTYPE = 2;
const HLEN = 4;
const PLEN = 5;
const OP = 6;
const SHA = 8;
const SPA = 14;
const THA = 18;
const TPA = 24;

const HTYPE_ETHERNET = 1;
const PTYPE_IPV4 = 0x0800;
const PLEN_IPV4 = 4;

/** Who has tpa? RFC 826. */
export const ARP_REQUEST = 1;
/** sha has spa. RFC 826. */
export const ARP_REPLY = 2;
/** What is the IPv4 address of tha? RFC 903. */
export const RARP_REQUEST = 3;
/** The address of tha is tpa. RFC 903. */
export const RARP_REPLY = 4;

/** Octets of an ARP packet for Ethernet and IPv4. */
export const ARP_LEN = 28;

/**
 * Re-pointable view of an ARP (RFC 826) or RARP (RFC 903) packet for Ethernet and IPv4.
 *
 *     htype(2)=1 ptype(2)=0x0800 hlen=6 plen=4 op(2) sha(6) spa(4) tha(6) tpa(4)
 *
 * Which of the two protocols it is follows from the EtherType and from `op`. In a RARP request the addresses are whatever
 * the client's buffer held: Linux sends tpa 0.0.0.0, U-Boot 255.255.255.255; only `tha` means something.
 */
export class ArpView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  /** `BadCode` for other hardware or protocols, `BadLength` for other address lengths. Trailing padding is allowed. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < ARP_LEN) return Status.Truncated;
    const { dv } = o;
    if (dv.getUint16(at + HTYPE) !== HTYPE_ETHERNET) return Status.BadCode;
    if (dv.getUint16(at + PTYPE) !== PTYPE_IPV4) return Status.BadCode;
    if (dv.getUint8(at + HLEN) !== MAC_LEN) return Status.BadLength;
    if (dv.getUint8(at + PLEN) !== PLEN_IPV4) return Status.BadLength;
    this.dv = dv;
    this.at = at;
    return Status.Ok;
  }

  /** One of the four operations above; other codes are kept as they are. */
  get op(): number {
    return this.dv.getUint16(this.at + OP);
  }
  get shaAt(): number {
    return this.at + SHA;
  }
  get spa(): number {
    return this.dv.getInt32(this.at + SPA);
  }
  get thaAt(): number {
    return this.at + THA;
  }
  get tpa(): number {
    return this.dv.getInt32(this.at + TPA);
  }
}

/** What a sender decides about an ARP or RARP packet. Hardware addresses are six octets, protocol addresses int32. */
export interface ArpRepr {
  readonly op: number;
  readonly sha: Uint8Array;
  readonly spa: number;
  readonly tha: Uint8Array;
  readonly tpa: number;
}

/** Writes the packet and returns its 28 octets; the frame around it still wants padding to 60. */
export function emitArp(r: ArpRepr, o: Octets, at: number): number {
  const { u8, dv } = o;
  dv.setUint16(at + HTYPE, HTYPE_ETHERNET);
  dv.setUint16(at + PTYPE, PTYPE_IPV4);
  dv.setUint8(at + HLEN, MAC_LEN);
  dv.setUint8(at + PLEN, PLEN_IPV4);
  dv.setUint16(at + OP, r.op);
  for (let i = 0; i < MAC_LEN; i++) {
    u8[at + SHA + i] = r.sha[i] ?? 0;
    u8[at + THA + i] = r.tha[i] ?? 0;
  }
  dv.setInt32(at + SPA, r.spa);
  dv.setInt32(at + TPA, r.tpa);
  return ARP_LEN;
}

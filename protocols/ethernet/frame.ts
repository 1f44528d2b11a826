import { MAC_LEN } from "../wire/mac-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// Ethernet II, IEEE 802.3 clause 3: offsets in octets from the destination address.
const DST = 0;
const SRC = 6;
const TYPE = 12;
/** A tag is its EtherType and the tag control information, IEEE 802.1Q clause 9.3. */
const TAG_LEN = 4;
const MAX_TAGS = 2;
const VLAN_ID_MASK = 0x0fff;

/** IPv4, RFC 894. */
export const ETHERTYPE_IPV4 = 0x0800;
/** ARP, RFC 826. */
export const ETHERTYPE_ARP = 0x0806;
/** RARP, RFC 903. */
export const ETHERTYPE_RARP = 0x8035;
/** Customer VLAN tag, IEEE 802.1Q. */
export const ETHERTYPE_VLAN = 0x8100;
/** Service VLAN tag (QinQ), IEEE 802.1ad. */
export const ETHERTYPE_QINQ = 0x88a8;
/** Service VLAN tag of switches from before IEEE 802.1ad. */
export const ETHERTYPE_QINQ_OLD = 0x9100;

/** Destination, source and EtherType; without tags and without the frame check sequence. */
export const ETHERNET_HEADER_LEN = 14;
/** The shortest frame a medium carries, without the frame check sequence (IEEE 802.3 clause 4.4.2). */
export const MIN_FRAME_LEN = 60;

/**
 * Re-pointable view of an Ethernet II frame, with up to two VLAN tags (802.1Q, 802.1ad).
 *
 *     dst(6) src(6) [0x88a8 tci(2)] [0x8100 tci(2)] etherType(2) payload
 *
 * `etherType` below 0x0600 is an IEEE 802.3 length, which no boot protocol uses. The payload runs to the end of the frame
 * and so includes the padding up to 60 octets: the protocol inside must carry its own length.
 */
export class EthernetView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;
  private typeAt = 0;

  /** `Truncated` when header or tags are cut off, `TooMany` for a third tag. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < ETHERNET_HEADER_LEN) return Status.Truncated;
    const { dv } = o;
    const end = at + len;
    let typeAt = at + TYPE;
    for (let tags = 0; isVlanTag(dv.getUint16(typeAt)); tags++) {
      if (tags === MAX_TAGS) return Status.TooMany;
      typeAt += TAG_LEN;
      if (typeAt + 2 > end) return Status.Truncated;
    }
    this.dv = dv;
    this.at = at;
    this.end = end;
    this.typeAt = typeAt;
    return Status.Ok;
  }

  get dstAt(): number {
    return this.at + DST;
  }
  get srcAt(): number {
    return this.at + SRC;
  }
  /** The innermost type: what the payload is. */
  get etherType(): number {
    return this.dv.getUint16(this.typeAt);
  }
  /** The innermost VLAN, 0 for a frame that only carries a priority, -1 without a tag. */
  get vlanId(): number {
    if (this.typeAt === this.at + TYPE) return -1;
    return this.dv.getUint16(this.typeAt - 2) & VLAN_ID_MASK;
  }
  get payloadAt(): number {
    return this.typeAt + 2;
  }
  get payloadLen(): number {
    return this.end - this.typeAt - 2;
  }
  get dstIsBroadcast(): boolean {
    const { dv, at } = this;
    return dv.getUint32(at) === 0xffffffff && dv.getUint16(at + 4) === 0xffff;
  }
  /** The group bit; true for broadcast as well. */
  get dstIsMulticast(): boolean {
    return (this.dv.getUint8(this.at) & 1) === 1;
  }
}

/** What a sender decides about a frame. Addresses are six octets. */
export interface EthernetRepr {
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly etherType: number;
  /** 0-4095 puts an 802.1Q tag in front of the type; absent or -1 leaves the frame untagged. */
  readonly vlanId?: number;
}

/** Writes the header and returns its length: 14 octets, or 18 with a tag. */
export function emitEthernet(r: EthernetRepr, o: Octets, at: number): number {
  const { u8, dv } = o;
  for (let i = 0; i < MAC_LEN; i++) {
    u8[at + DST + i] = r.dst[i] ?? 0;
    u8[at + SRC + i] = r.src[i] ?? 0;
  }
  let typeAt = at + TYPE;
  const vlanId = r.vlanId ?? -1;
  if (vlanId >= 0) {
    dv.setUint16(typeAt, ETHERTYPE_VLAN);
    dv.setUint16(typeAt + 2, vlanId & VLAN_ID_MASK);
    typeAt += TAG_LEN;
  }
  dv.setUint16(typeAt, r.etherType);
  return typeAt + 2 - at;
}

/**
 * Zero-fills a frame of `len` octets up to the 60 a medium requires; returns the length to send.
 *
 * A driver that pads by itself may send what lay in its buffer before (CVE-2003-0001), so we do not leave it to the driver.
 */
export function padFrame(o: Octets, at: number, len: number): number {
  if (len >= MIN_FRAME_LEN) return len;
  o.u8.fill(0, at + len, at + MIN_FRAME_LEN);
  return MIN_FRAME_LEN;
}

/** Whether a type is that of a tag, so that another type follows. */
export function isVlanTag(etherType: number): boolean {
  return (
    etherType === ETHERTYPE_VLAN || etherType === ETHERTYPE_QINQ || etherType === ETHERTYPE_QINQ_OLD
  );
}

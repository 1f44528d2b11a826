import { ETHERTYPE_IPV4, isVlanTag } from "../../protocols/ethernet/frame.ts";
import { ETHERTYPE_IPV6 } from "../../protocols/ipv6/packet.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { LinkType } from "./captured-frame.ts";

// Linux cooked capture (LINKTYPE_LINUX_SLL): packet type, ARPHRD, address length, address(8), protocol.
const SLL_ADDRESS_LEN = 4;
const SLL_ADDRESS = 6;
const SLL_PROTOCOL = 14;
const SLL_LEN = 16;

// Version 2 (LINKTYPE_LINUX_SLL2): protocol, reserved, interface(4), ARPHRD, packet type(1), address length(1), address(8).
const SLL2_ADDRESS_LEN = 11;
const SLL2_ADDRESS = 12;
const SLL2_LEN = 20;

const FAMILY_LEN = 4;
const TAG_LEN = 4;
const MAX_TAGS = 2;
/** AF_INET is 2 everywhere; AF_INET6 is another number on each system. */
const AF_INET = 2;
const AF_INET6: ReadonlySet<number> = new Set([10, 24, 28, 30]);

/**
 * Re-pointable view of what lies around a packet in captures that are not of Ethernet: Linux "cooked" captures (`-i any`,
 * tunnels), raw IP, and the loopback of BSD and macOS.
 */
export class LinkHeaderView {
  /** As in an Ethernet frame; 0 when it cannot be told. */
  etherType = 0;
  payloadAt = 0;
  payloadLen = 0;
  /** The sender's address in a cooked capture; -1 when there is none. */
  addressAt = -1;
  addressLen = 0;

  /** `BadCode` for a link type that is not read. */
  reset(linkType: number, o: Octets, at: number, len: number): Status {
    this.etherType = this.payloadLen = this.addressLen = 0;
    this.payloadAt = at;
    this.addressAt = -1;
    switch (linkType) {
      case LinkType.LinuxSll:
        if (len < SLL_LEN) return Status.Truncated;
        this.takeAddress(o, at + SLL_ADDRESS, o.dv.getUint16(at + SLL_ADDRESS_LEN));
        return this.takeTags(o, at + SLL_PROTOCOL, at + SLL_LEN, at + len);
      case LinkType.LinuxSll2:
        if (len < SLL2_LEN) return Status.Truncated;
        this.takeAddress(o, at + SLL2_ADDRESS, o.dv.getUint8(at + SLL2_ADDRESS_LEN));
        return this.takeTags(o, at, at + SLL2_LEN, at + len);
      case LinkType.Raw:
      case LinkType.RawBsd:
      case LinkType.RawOpenBsd:
      case LinkType.Ipv4:
      case LinkType.Ipv6:
        return this.takeIp(o, at, len);
      case LinkType.Null:
      case LinkType.Loop:
        return this.takeFamily(o, at, len);
      default:
        return Status.BadCode;
    }
  }

  private takeAddress(o: Octets, at: number, len: number): void {
    if (len === 0 || len > 8 || at + len > o.u8.length) return;
    this.addressAt = at;
    this.addressLen = len;
  }

  /** VLAN tags stay in front of the packet in cooked captures, too. */
  private takeTags(o: Octets, typeAt: number, from: number, end: number): Status {
    let etherType = o.dv.getUint16(typeAt);
    let at = from;
    for (let n = 0; isVlanTag(etherType); n++) {
      if (n === MAX_TAGS) return Status.TooMany;
      if (at + TAG_LEN > end) return Status.Truncated;
      etherType = o.dv.getUint16(at + 2);
      at += TAG_LEN;
    }
    return this.takePayload(etherType, at, end);
  }

  private takeIp(o: Octets, at: number, len: number): Status {
    if (len < 1) return Status.Truncated;
    const version = o.dv.getUint8(at) >> 4;
    if (version !== 4 && version !== 6) return Status.BadVersion;
    return this.takePayload(version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, at, at + len);
  }

  /** The address family is in the byte order of the machine that captured, which the file does not tell. */
  private takeFamily(o: Octets, at: number, len: number): Status {
    if (len < FAMILY_LEN) return Status.Truncated;
    const big = o.dv.getUint32(at);
    const family = big > 0xffff ? o.dv.getUint32(at, true) : big;
    const from = at + FAMILY_LEN;
    if (family === AF_INET) return this.takePayload(ETHERTYPE_IPV4, from, at + len);
    if (AF_INET6.has(family)) return this.takePayload(ETHERTYPE_IPV6, from, at + len);
    return Status.BadCode;
  }

  private takePayload(etherType: number, at: number, end: number): Status {
    this.etherType = etherType;
    this.payloadAt = at;
    this.payloadLen = end - at;
    return Status.Ok;
  }
}

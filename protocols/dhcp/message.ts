import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_OCTETS, type Octets } from "../wire/octets.ts";
import * as L from "./layout.ts";
import { DhcpOption, Overload } from "./options.ts";
import type { DhcpView } from "./packet.ts";
import { writeText } from "./text.ts";

const HTYPE_ETHERNET = 1;
const ETHERNET_HLEN = 6;
/** Longest value of one option, RFC 2132 section 2; longer ones are split (RFC 3396). */
const MAX_VALUE_LEN = 255;
const OPTION_HEADER_LEN = 2;
const END_LEN = 1;
/** Option 52 with its header. */
const OVERLOAD_LEN = 3;
/** IPv4 and UDP headers: option 57 counts the whole datagram. */
const DATAGRAM_HEADERS = 28;
const MIN_DATAGRAM_LEN = 576;

/** What a sender decides about the fixed part. Addresses are int32; whatever is left out is zero. */
export interface DhcpHeaderRepr {
  readonly op: number;
  /** 1, Ethernet, unless told. */
  readonly htype?: number;
  /** Octets of `chaddr`, at most 16; 6 unless told. */
  readonly hlen?: number;
  readonly hops?: number;
  readonly xid: number;
  readonly secs?: number;
  readonly flags?: number;
  readonly ciaddr?: Ipv4;
  readonly yiaddr?: Ipv4;
  readonly siaddr?: Ipv4;
  readonly giaddr?: Ipv4;
  /** The client's address: octets of our own, or a place in the request. */
  readonly chaddr: Uint8Array | { readonly o: Octets; readonly at: number };
  /** At most 63 characters. */
  readonly sname?: string;
  /** At most 127 characters. */
  readonly file?: string | undefined;
}

/** How large a message may become, and whether options may overflow. */
export interface DhcpLimits {
  /** Octets from `op` to the end option: at least 300. */
  readonly maxLen: number;
  /** Whether options that do not fit may go to `file` and `sname` where those are empty (option 52). */
  readonly overload: boolean;
}

/** For clients without option 53: 64 octets of vendor area, of which the cookie takes four and the end option one. */
export const BOOTP_LIMITS: DhcpLimits = { maxLen: L.BOOTP_MESSAGE_LEN, overload: false };
/** For DHCP clients that do not say how much they accept: 312 octets of options (RFC 2131 section 2). */
export const DHCP_LIMITS: DhcpLimits = { maxLen: L.DHCP_MESSAGE_LEN, overload: true };

/**
 * The longest reply that the sender of `request` accepts, at most `ceiling` octets (1472 fill an Ethernet frame).
 *
 * BOOTP clients get 300: libsa parses 64 octets of vendor area. Option 57 counts the datagram with its headers; values below
 * the legal 576 are taken for 576, since Linux as a BOOTP client says 406. EDK2 says 65280.
 */
export function replyLimit(request: DhcpView, ceiling: number): number {
  if (request.isBootp) return L.BOOTP_MESSAGE_LEN;
  const datagram = request.optionU16(DhcpOption.MaximumDhcpMessageSize, 0);
  return Math.min(Math.max(datagram, MIN_DATAGRAM_LEN) - DATAGRAM_HEADERS, ceiling);
}

/** One place where options can go: the options field, `file` or `sname`. */
interface Area {
  next: number;
  /** Where the end option must fit before. */
  limit: number;
}

/**
 * Writes a BOOTP or DHCP message: `begin`, then options in the order they shall have, then `end`. Long-lived, allocates nothing.
 *
 * An option that does not fit is not written and its method returns false; smaller ones may still fit afterwards. Options go
 * to the options field first, then (where the limits allow it and the field holds no name) to `file`, then to `sname`; three
 * octets are kept for option 52 as long as one of them is free. An option is never torn between two areas, and no pads are
 * put between options: libsa and early Raspberry Pi EEPROMs (rpi-eeprom#82) give up at one. An empty text or list is left out.
 */
export class DhcpWriter {
  private o: Octets = NO_OCTETS;
  private at = 0;
  private overload = 0;
  private readonly options: Area = { next: 0, limit: 0 };
  private readonly file: Area = { next: 0, limit: 0 };
  private readonly sname: Area = { next: 0, limit: 0 };

  /** Where sub-options go: right into `outer`, behind the header that their option gets at the end. */
  private readonly inner: Area = { next: 0, limit: 0 };
  private outer: Area = this.options;
  private innerCode = -1;
  private innerRefused = false;

  /**
   * Starts a message at `at`, where `limits.maxLen` octets must be free. Writes the fixed part and the cookie.
   *
   * False when `sname` or `file` is too long: that field is then left empty, and the message goes on.
   */
  begin(r: DhcpHeaderRepr, o: Octets, at: number, limits: DhcpLimits): boolean {
    this.o = o;
    this.at = at;
    this.overload = 0;
    this.innerCode = -1;
    o.u8.fill(0, at, at + L.BOOTP_HEADER_LEN);
    this.header(r);
    const snameFits = this.name(r.sname ?? "", at + L.SNAME, L.SNAME_LEN);
    const fileFits = this.name(r.file ?? "", at + L.FILE, L.FILE_LEN);
    o.dv.setUint32(at + L.COOKIE, L.MAGIC_COOKIE);
    this.open(this.file, L.FILE, limits.overload && !r.file ? L.FILE_LEN - END_LEN : 0);
    this.open(this.sname, L.SNAME, limits.overload && !r.sname ? L.SNAME_LEN - END_LEN : 0);
    const spare = limits.overload && !(r.file && r.sname) ? OVERLOAD_LEN : 0;
    const maxLen = Math.max(limits.maxLen, L.BOOTP_MESSAGE_LEN);
    this.open(this.options, L.OPTIONS, maxLen - L.OPTIONS - END_LEN - spare);
    return snameFits && fileFits;
  }

  u8(code: number, value: number): boolean {
    const at = this.place(code, 1);
    if (at < 0) return false;
    this.o.dv.setUint8(at, value);
    return true;
  }

  u16(code: number, value: number): boolean {
    const at = this.place(code, 2);
    if (at < 0) return false;
    this.o.dv.setUint16(at, value);
    return true;
  }

  u32(code: number, value: number): boolean {
    const at = this.place(code, 4);
    if (at < 0) return false;
    this.o.dv.setUint32(at, value);
    return true;
  }

  ipv4(code: number, address: Ipv4): boolean {
    return this.u32(code, address);
  }

  /** A list of addresses, at most 63 of them. */
  ipv4s(code: number, addresses: readonly Ipv4[]): boolean {
    const count = addresses.length;
    if (count === 0) return true;
    const at = this.place(code, count * 4);
    if (at < 0) return false;
    for (let i = 0; i < count; i++) this.o.dv.setInt32(at + i * 4, addresses[i] ?? 0);
    return true;
  }

  /** Copies `len` octets; more than 255 are split (RFC 3396), none make an option without value, such as rapid commit. */
  octets(code: number, o: Octets, at: number, len: number): boolean {
    if (!this.fits(len)) return false;
    let from = 0;
    do {
      const part = Math.min(len - from, MAX_VALUE_LEN);
      const to = this.place(code, part);
      if (to < 0) return false;
      for (let i = 0; i < part; i++) this.o.u8[to + i] = o.u8[at + from + i] ?? 0;
      from += part;
    } while (from < len);
    return true;
  }

  /** Text without terminator; more than 255 characters are split (RFC 3396). See text.ts for what is not ASCII. */
  text(code: number, text: string): boolean {
    const len = text.length;
    if (!this.fits(len)) return false;
    for (let from = 0; from < len; from += MAX_VALUE_LEN) {
      const part = Math.min(len - from, MAX_VALUE_LEN);
      const to = this.place(code, part);
      if (to < 0) return false;
      writeText(text, from, part, this.o, to);
    }
    return true;
  }

  /** The options written from here to `endEncapsulated` become the value of option `code`; they do not nest. */
  beginEncapsulated(code: number): void {
    this.innerCode = code;
    this.innerRefused = false;
    this.openInner(this.options);
  }

  /**
   * Ends the encapsulating option; false, and nothing of it is written, when it does not fit or is longer than 255 octets.
   *
   * `terminated` adds an end option inside, as options 43 and 175 carry and option 82 must not. Without a single sub-option
   * nothing is written.
   */
  endEncapsulated(terminated: boolean): boolean {
    const { inner, innerCode } = this;
    this.innerCode = -1;
    if (this.innerLen === 0) return !this.innerRefused;
    const ended = !terminated || inner.next < inner.limit || this.moveInner(END_LEN);
    if (this.innerRefused || !ended) {
      this.clearInner();
      return false;
    }
    if (terminated) this.o.dv.setUint8(inner.next++, DhcpOption.End);
    const { outer, innerLen } = this;
    this.o.dv.setUint8(outer.next, innerCode);
    this.o.dv.setUint8(outer.next + 1, innerLen);
    outer.next = inner.next;
    if (outer === this.file) this.overload |= Overload.File;
    if (outer === this.sname) this.overload |= Overload.Sname;
    return true;
  }

  /** Ends the options, says which fields hold some, zero-fills up to 300 octets; returns the length of the message. */
  end(): number {
    const { o, at, overload, options } = this;
    if (overload !== 0) {
      o.dv.setUint8(options.next, DhcpOption.OptionOverload);
      o.dv.setUint8(options.next + 1, 1);
      o.dv.setUint8(options.next + 2, overload);
      options.next += OVERLOAD_LEN;
      if (overload & Overload.File) o.dv.setUint8(this.file.next, DhcpOption.End);
      if (overload & Overload.Sname) o.dv.setUint8(this.sname.next, DhcpOption.End);
    }
    o.dv.setUint8(options.next, DhcpOption.End);
    const len = options.next + END_LEN - at;
    if (len >= L.BOOTP_MESSAGE_LEN) return len;
    o.u8.fill(0, at + len, at + L.BOOTP_MESSAGE_LEN);
    return L.BOOTP_MESSAGE_LEN;
  }

  private header(r: DhcpHeaderRepr): void {
    const { o, at } = this;
    const { dv, u8 } = o;
    const hlen = Math.min(r.hlen ?? ETHERNET_HLEN, L.CHADDR_LEN);
    dv.setUint8(at + L.OP, r.op);
    dv.setUint8(at + L.HTYPE, r.htype ?? HTYPE_ETHERNET);
    dv.setUint8(at + L.HLEN, hlen);
    dv.setUint8(at + L.HOPS, r.hops ?? 0);
    dv.setUint32(at + L.XID, r.xid);
    dv.setUint16(at + L.SECS, r.secs ?? 0);
    dv.setUint16(at + L.FLAGS, r.flags ?? 0);
    dv.setInt32(at + L.CIADDR, r.ciaddr ?? 0);
    dv.setInt32(at + L.YIADDR, r.yiaddr ?? 0);
    dv.setInt32(at + L.SIADDR, r.siaddr ?? 0);
    dv.setInt32(at + L.GIADDR, r.giaddr ?? 0);
    const { chaddr } = r;
    const own = chaddr instanceof Uint8Array;
    const from = own ? chaddr : chaddr.o.u8;
    const start = own ? 0 : chaddr.at;
    for (let i = 0; i < hlen; i++) u8[at + L.CHADDR + i] = from[start + i] ?? 0;
  }

  /** Writes a name that leaves room for its NUL; the field is already zero. */
  private name(text: string, at: number, fieldLen: number): boolean {
    if (text.length >= fieldLen) return false;
    writeText(text, 0, text.length, this.o, at);
    return true;
  }

  private open(area: Area, field: number, len: number): void {
    area.next = this.at + field;
    area.limit = area.next + len;
  }

  /** Whether a value that must be split has room for all of its fragments; shorter ones are left to `place`. */
  private fits(len: number): boolean {
    if (len <= MAX_VALUE_LEN) return true;
    if (this.innerCode >= 0) return false;
    const { next, limit } = this.options;
    return next + len + Math.ceil(len / MAX_VALUE_LEN) * OPTION_HEADER_LEN <= limit;
  }

  /** Makes room for a value and writes code and length in front of it; returns where it goes, or -1. */
  private place(code: number, len: number): number {
    if (len > MAX_VALUE_LEN) return -1;
    if (this.innerCode >= 0) return this.placeInner(code, len);
    let at = this.take(this.options, code, len);
    if (at < 0) {
      at = this.take(this.file, code, len);
      if (at >= 0) this.overload |= Overload.File;
    }
    if (at < 0) {
      at = this.take(this.sname, code, len);
      if (at >= 0) this.overload |= Overload.Sname;
    }
    return at;
  }

  private placeInner(code: number, len: number): number {
    const at = this.take(this.inner, code, len);
    if (at >= 0) return at;
    const more = OPTION_HEADER_LEN + len;
    if (this.innerLen + more > MAX_VALUE_LEN) return -1;
    if (this.moveInner(more)) return this.take(this.inner, code, len);
    // It would not be too long, but there is no room: then nothing of the whole option is written.
    this.innerRefused = true;
    return -1;
  }

  private take(area: Area, code: number, len: number): number {
    const at = area.next + OPTION_HEADER_LEN;
    if (at + len > area.limit) return -1;
    this.o.dv.setUint8(at - 2, code);
    this.o.dv.setUint8(at - 1, len);
    area.next = at + len;
    return at;
  }

  /** Octets of sub-options so far. */
  private get innerLen(): number {
    return this.inner.next - this.outer.next - OPTION_HEADER_LEN;
  }

  private openInner(outer: Area): void {
    const { inner } = this;
    this.outer = outer;
    inner.next = outer.next + OPTION_HEADER_LEN;
    inner.limit = Math.min(outer.limit, inner.next + MAX_VALUE_LEN);
  }

  /** Moves the sub-options to the next area that has room for them and `more` octets; false when there is none. */
  private moveInner(more: number): boolean {
    const { o, outer, innerLen, file, sname } = this;
    const need = OPTION_HEADER_LEN + innerLen + more;
    if (innerLen + more > MAX_VALUE_LEN || outer === sname) return false;
    const to = outer !== file && file.next + need <= file.limit ? file : sname;
    if (to.next + need > to.limit) return false;
    const from = outer.next + OPTION_HEADER_LEN;
    o.u8.copyWithin(to.next + OPTION_HEADER_LEN, from, from + innerLen);
    this.clearInner();
    this.openInner(to);
    this.inner.next += innerLen;
    return true;
  }

  /** Takes the sub-options away: what is left in `file` or `sname` would be taken for a name. */
  private clearInner(): void {
    if (this.innerLen > 0) this.o.u8.fill(0, this.outer.next, this.inner.next);
  }
}

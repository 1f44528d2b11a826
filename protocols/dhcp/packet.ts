import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_OCTETS, NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import * as L from "./layout.ts";
import { OptionFraming, OptionWalker } from "./option-walker.ts";
import { DhcpOption, Overload } from "./options.ts";
import { lengthToNul, readText } from "./text.ts";

/** No datagram is longer; offsets within a message then fit into the lower half of a word. */
const MAX_LEN = 0xffff;
const OFFSET_MASK = 0xffff;
const STAMP_STEP = 0x10000;
const STAMP_MASK: number = ~OFFSET_MASK;

/** The options field, then `file`, then `sname`: the order in which split options join (RFC 3396 section 5). */
const AREAS = 3;

/**
 * Re-pointable view of a BOOTP (RFC 951, 1542) or DHCP (RFC 2131) message and its options (RFC 2132).
 *
 * Options are found by code in constant time, wherever they lie: option 52 moves some of them into `file` and `sname`, which
 * then hold no names. An option that occurs more than once is one value in fragments (RFC 3396): `optionAt` is the first.
 * A vendor area without the cookie is not looked into. Addresses are int32.
 *
 * What real clients do: klibc sends 236 octets and no vendor area at all, SLOF a vendor area of zeros without cookie. U-Boot
 * and Linux as BOOTP clients send a cookie and options whose values are zero, as place holders for the reply's: an address of
 * zero and a text of NULs therefore count as absent here.
 */
export class DhcpView {
  private o: Octets = NO_OCTETS;
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;
  private overload = 0;
  private split = false;
  private cookie = false;
  /** First value octet of each option relative to `op`, below the number of the message in which it was found. */
  private readonly index: Int32Array = new Int32Array(256);
  /** This message's number in the upper half of a word: entries with another one are old, and need no clearing. */
  private stamp: number = STAMP_STEP;
  private readonly walker: OptionWalker = new OptionWalker();

  /**
   * `Truncated` below 236 octets; `BadLength` above 65535, for hlen above 16, or for an option that runs over its area. In the
   * last case the header and the options before that one may be read nevertheless: `decode` shows them.
   */
  reset(o: Octets, at: number, len: number): Status {
    if (len < L.BOOTP_HEADER_LEN) return Status.Truncated;
    const { dv } = o;
    if (len > MAX_LEN || dv.getUint8(at + L.HLEN) > L.CHADDR_LEN) return Status.BadLength;
    this.o = o;
    this.dv = dv;
    this.at = at;
    this.end = at + len;
    this.overload = 0;
    this.split = false;
    this.stamp = (this.stamp + STAMP_STEP) | 0;
    if (this.stamp === 0) this.restamp();
    this.cookie = len >= L.OPTIONS && dv.getUint32(at + L.COOKIE) === L.MAGIC_COOKIE;
    return this.cookie ? this.scan() : Status.Ok;
  }

  get op(): number {
    return this.dv.getUint8(this.at + L.OP);
  }
  get htype(): number {
    return this.dv.getUint8(this.at + L.HTYPE);
  }
  /** Octets of `chaddr` that count, 0 to 16. */
  get hlen(): number {
    return this.dv.getUint8(this.at + L.HLEN);
  }
  get hops(): number {
    return this.dv.getUint8(this.at + L.HOPS);
  }
  get xid(): number {
    return this.dv.getUint32(this.at + L.XID);
  }
  /** Seconds since the client began, as the client counts them; GRUB sends what was in memory. */
  get secs(): number {
    return this.dv.getUint16(this.at + L.SECS);
  }
  get flags(): number {
    return this.dv.getUint16(this.at + L.FLAGS);
  }
  get ciaddr(): Ipv4 {
    return this.dv.getInt32(this.at + L.CIADDR);
  }
  get yiaddr(): Ipv4 {
    return this.dv.getInt32(this.at + L.YIADDR);
  }
  get siaddr(): Ipv4 {
    return this.dv.getInt32(this.at + L.SIADDR);
  }
  get giaddr(): Ipv4 {
    return this.dv.getInt32(this.at + L.GIADDR);
  }
  get chaddrAt(): number {
    return this.at + L.CHADDR;
  }
  get snameAt(): number {
    return this.at + L.SNAME;
  }
  /** Octets before the NUL; 0 when the field holds options. */
  get snameLen(): number {
    return this.overload & Overload.Sname ? 0 : lengthToNul(this.o, this.snameAt, L.SNAME_LEN);
  }
  get fileAt(): number {
    return this.at + L.FILE;
  }
  /** Octets before the NUL; 0 when the field holds options. */
  get fileLen(): number {
    return this.overload & Overload.File ? 0 : lengthToNul(this.o, this.fileAt, L.FILE_LEN);
  }
  /** The `file` field as a new string. */
  fileText(): string {
    return readText(this.o, this.fileAt, this.fileLen);
  }
  /** The `sname` field as a new string. */
  snameText(): string {
    return readText(this.o, this.snameAt, this.snameLen);
  }

  /** Whether the vendor area starts with the cookie, so that there are options. */
  get hasCookie(): boolean {
    return this.cookie;
  }
  /** No option 53: a BOOTP message, and a request to be answered. */
  get isBootp(): boolean {
    return this.optionAt(DhcpOption.DhcpMessageType) < 0;
  }
  /** Option 53; 0 when absent. */
  get messageType(): number {
    return this.optionU8(DhcpOption.DhcpMessageType, 0);
  }

  /** Absolute offset of the value of the option's first fragment, or -1 when it is absent. */
  optionAt(code: number): number {
    const entry = this.index[code] ?? 0;
    return (entry & STAMP_MASK) === this.stamp ? this.at + (entry & OFFSET_MASK) : -1;
  }
  /** Octets of the option's first fragment; 0 when absent. */
  optionLen(code: number): number {
    const at = this.optionAt(code);
    return at < 0 ? 0 : this.dv.getUint8(at - 1);
  }
  /** The first octet, or `fallback` when the option is absent or empty. */
  optionU8(code: number, fallback: number): number {
    return this.optionLen(code) < 1 ? fallback : this.dv.getUint8(this.optionAt(code));
  }
  /** The first two octets, or `fallback` when there are fewer. */
  optionU16(code: number, fallback: number): number {
    return this.optionLen(code) < 2 ? fallback : this.dv.getUint16(this.optionAt(code));
  }
  /** The first four octets, or `fallback` when there are fewer. */
  optionU32(code: number, fallback: number): number {
    return this.optionLen(code) < 4 ? fallback : this.dv.getUint32(this.optionAt(code));
  }
  /** The first address of the option; 0 when absent, and when a BOOTP client left it zero. */
  optionIpv4(code: number): Ipv4 {
    return this.optionLen(code) < 4 ? 0 : this.dv.getInt32(this.optionAt(code));
  }
  /** The option as a new string, fragments joined, without the NULs that some senders end it with; "" when absent. */
  optionText(code: number): string {
    const { walker } = this;
    let text = "";
    for (let area = 0; area < AREAS && this.enter(area); area++) {
      while (walker.next()) {
        if (walker.code === code) text += readText(this.o, walker.valueAt, walker.valueLen);
      }
    }
    let len = text.length;
    while (len > 0 && text.charCodeAt(len - 1) === 0) len--;
    return text.slice(0, len);
  }
  /**
   * Copies the whole option to the start of `into`, fragments joined in the order of RFC 3396; returns its octets.
   *
   * -1 when the option is absent, or longer than `into`.
   */
  optionJoined(code: number, into: Octets): number {
    if (this.optionAt(code) < 0) return -1;
    const { walker } = this;
    const { u8 } = this.o;
    let len = 0;
    for (let area = 0; area < AREAS && this.enter(area); area++) {
      while (walker.next()) {
        if (walker.code !== code) continue;
        const { valueAt, valueLen } = walker;
        if (len + valueLen > into.u8.length) return -1;
        for (let i = 0; i < valueLen; i++) into.u8[len + i] = u8[valueAt + i] ?? 0;
        len += valueLen;
      }
    }
    return len;
  }

  /** Whether the client asks for `code` in option 55. */
  parameterListContains(code: number): boolean {
    if (!this.split) {
      const at = this.optionAt(DhcpOption.ParameterRequestList);
      return this.contains(at, this.optionLen(DhcpOption.ParameterRequestList), code);
    }
    const { walker } = this;
    for (let area = 0; area < AREAS && this.enter(area); area++) {
      while (walker.next()) {
        if (walker.code !== DhcpOption.ParameterRequestList) continue;
        if (this.contains(walker.valueAt, walker.valueLen, code)) return true;
      }
    }
    return false;
  }

  /**
   * Calls `fn` for every option and fragment in order, known or not; `at` is absolute.
   *
   * One walk at a time: `fn` must not call `optionText`, `optionJoined`, `parameterListContains` or this method.
   */
  forEachOption(fn: (code: number, at: number, len: number) => void): void {
    const { walker } = this;
    for (let area = 0; area < AREAS && this.enter(area); area++) {
      while (walker.next()) fn(walker.code, walker.valueAt, walker.valueLen);
    }
  }

  private contains(at: number, len: number, value: number): boolean {
    for (let i = 0; i < len; i++) if (this.dv.getUint8(at + i) === value) return true;
    return false;
  }

  /** Points the walker at an area; false when neither it nor those after it hold options. */
  private enter(area: number): boolean {
    const { walker, o, at, overload } = this;
    if (!this.cookie) return false;
    if (area === 0) {
      walker.reset(o, at + L.OPTIONS, this.end - at - L.OPTIONS, OptionFraming.Dhcp);
      return true;
    }
    if (overload === 0) return false;
    // Of the two fields, one may hold a name: then there is nothing to walk.
    const inFile = area === 1;
    const used = overload & (inFile ? Overload.File : Overload.Sname);
    const fieldAt = at + (inFile ? L.FILE : L.SNAME);
    const fieldLen = inFile ? L.FILE_LEN : L.SNAME_LEN;
    walker.reset(o, fieldAt, used ? fieldLen : 0, OptionFraming.Dhcp);
    return true;
  }

  /** All numbers are used up: forgets every entry and starts anew, since 0 is what an empty entry holds. */
  private restamp(): void {
    this.index.fill(0);
    this.stamp = STAMP_STEP;
  }

  private scan(): Status {
    const { at, end } = this;
    const status = this.scanArea(at + L.OPTIONS, end);
    // Only the options field can say that the others hold options, too.
    if (status === Status.Ok) this.overload = this.optionU8(DhcpOption.OptionOverload, 0) & 3;
    const { overload } = this;
    if (overload === 0) return status;
    const inFile =
      overload & Overload.File ? this.scanArea(this.fileAt, this.fileAt + L.FILE_LEN) : Status.Ok;
    if (inFile !== Status.Ok || !(overload & Overload.Sname)) return inFile;
    return this.scanArea(this.snameAt, this.snameAt + L.SNAME_LEN);
  }

  /** The walk of OptionWalker with nothing but locals: it is most of the cost of a message. */
  private scanArea(from: number, end: number): Status {
    const { dv, index, stamp } = this;
    const origin = this.at;
    let at = from;
    while (at < end) {
      const code = dv.getUint8(at);
      if (code === DhcpOption.Pad) {
        at += 1;
        continue;
      }
      if (code === DhcpOption.End) return Status.Ok;
      const valueAt = at + 2;
      if (valueAt > end) return Status.BadLength;
      at = valueAt + dv.getUint8(valueAt - 1);
      if (at > end) return Status.BadLength;
      if (((index[code] ?? 0) & STAMP_MASK) === stamp) this.split = true;
      else index[code] = stamp | (valueAt - origin);
    }
    return Status.Ok;
  }
}

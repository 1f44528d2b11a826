import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { DhcpOption } from "./options.ts";

/**
 * How a run of options is framed. Both are code(1) length(1) value(length).
 *
 * `Dhcp`: code 0 is a pad and 255 the end, each a single octet. So are the options themselves, the header fields they may
 * overflow into, and options 43 and 175 (RFC 2132 sections 2 and 8.4).
 * `Bare`: no code is special, the run ends with its last octet. So is option 82 (RFC 3046 section 2.0).
 */
export const OptionFraming = { Dhcp: 0, Bare: 1 } as const;

export type OptionFraming = (typeof OptionFraming)[keyof typeof OptionFraming];

/**
 * Walks a run of options or sub-options; re-pointable.
 *
 *     w.reset(o, at, len, OptionFraming.Dhcp);
 *     while (w.next()) ...w.code, w.valueAt, w.valueLen...
 *     if (w.status) ...an option ran over the end of the run...
 *
 * A missing end option is no error: BOOTP clients leave it out. What follows the end is not looked at.
 */
export class OptionWalker {
  private dv: DataView = NO_VIEW;
  private nextAt = 0;
  private end = 0;
  private padded = true;

  code = 0;
  valueAt = 0;
  valueLen = 0;
  /** `BadLength` once an option did not fit into the run. */
  status: Status = Status.Ok;

  reset(o: Octets, at: number, len: number, framing: OptionFraming): void {
    this.dv = o.dv;
    this.nextAt = at;
    this.end = at + len;
    this.padded = framing === OptionFraming.Dhcp;
    this.status = Status.Ok;
  }

  /** Steps to the next option; false at the end of the run and at a malformed option. */
  next(): boolean {
    const { dv, end } = this;
    let at = this.nextAt;
    if (this.padded) while (at < end && dv.getUint8(at) === DhcpOption.Pad) at++;
    if (at >= end) return this.stop(this.status);
    const code = dv.getUint8(at);
    if (this.padded && code === DhcpOption.End) return this.stop(this.status);
    if (at + 2 > end) return this.stop(Status.BadLength);
    const len = dv.getUint8(at + 1);
    if (at + 2 + len > end) return this.stop(Status.BadLength);
    this.code = code;
    this.valueAt = at + 2;
    this.valueLen = len;
    this.nextAt = at + 2 + len;
    return true;
  }

  private stop(status: Status): false {
    this.nextAt = this.end;
    this.status = status;
    return false;
  }
}

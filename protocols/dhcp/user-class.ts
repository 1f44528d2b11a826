import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

/**
 * Re-pointable view of the user class, option 77.
 *
 *     RFC 3004:  (length(1) value)*
 *     iPXE:      the bare text "iPXE", without lengths
 *
 * What does not add up as RFC 3004 has it is taken as one bare value, which is how iPXE's can be told: its first octet would
 * be a length of 105.
 */
export class UserClassView {
  private dv: DataView = NO_VIEW;
  private nextAt = 0;
  private end = 0;
  private bare = false;
  /** The value that `next` stepped to. */
  valueAt = 0;
  valueLen = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 1) return Status.Truncated;
    this.dv = o.dv;
    this.nextAt = at;
    this.end = at + len;
    this.valueAt = at;
    this.valueLen = 0;
    this.bare = !this.addsUp();
    return Status.Ok;
  }

  /** Whether the option is one value without lengths. */
  get isBare(): boolean {
    return this.bare;
  }

  /** Steps to the next value; false after the last. */
  next(): boolean {
    const { nextAt, end } = this;
    if (nextAt >= end) return false;
    this.valueAt = this.bare ? nextAt : nextAt + 1;
    this.valueLen = this.bare ? end - nextAt : this.dv.getUint8(nextAt);
    this.nextAt = this.valueAt + this.valueLen;
    return true;
  }

  private addsUp(): boolean {
    let at = this.nextAt;
    while (at < this.end) {
      const len = this.dv.getUint8(at);
      if (len === 0) return false; // RFC 3004 section 4: at least one octet
      at += 1 + len;
    }
    return at === this.end;
  }
}

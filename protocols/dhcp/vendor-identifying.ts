import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

const HEADER_LEN = 5;

/**
 * Re-pointable view of vendor-identifying options: 124 (classes) and 125 (specific information), RFC 3925.
 *
 *     (enterprise(4) length(1) data)*
 *
 * In option 125 the data are sub-options, to be walked with `OptionWalker` and `OptionFraming.Bare`.
 */
export class VendorIdentifyingView {
  private dv: DataView = NO_VIEW;
  private nextAt = 0;
  private end = 0;
  /** What `next` stepped to: an IANA enterprise number, and where its data lie. */
  enterprise = 0;
  dataAt = 0;
  dataLen = 0;

  /** Checks the whole list: `BadLength` where data run over the end. */
  reset(o: Octets, at: number, len: number): Status {
    this.dv = o.dv;
    this.nextAt = at;
    this.end = at + len;
    if (len < HEADER_LEN) return Status.Truncated;
    let walk = at;
    while (walk < this.end) {
      if (walk + HEADER_LEN > this.end) return Status.BadLength;
      walk += HEADER_LEN + o.dv.getUint8(walk + 4);
    }
    return walk === this.end ? Status.Ok : Status.BadLength;
  }

  /** Steps to the next vendor; false after the last. */
  next(): boolean {
    const { dv, nextAt } = this;
    if (nextAt >= this.end) return false;
    this.enterprise = dv.getUint32(nextAt);
    this.dataAt = nextAt + HEADER_LEN;
    this.dataLen = dv.getUint8(nextAt + 4);
    this.nextAt = this.dataAt + this.dataLen;
    return true;
  }
}

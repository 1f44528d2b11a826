import { NO_OCTETS, NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { writeText } from "./xdr-text.ts";

/**
 * Octets that an opaque or string of `len` octets, below 2^31 - 3, occupies without its length word (RFC 4506 section 4.9).
 *
 * Written without negating `len`: the -0 of an empty opaque makes V8 calculate in floating point.
 */
export function xdrPadded(len: number): number {
  return (len + 3) & ~3;
}

/** Pad octets after `len` octets of opaque data: 0 to 3. */
export function xdrPad(len: number): number {
  return (4 - (len & 3)) & 3;
}

/**
 * Reads XDR (RFC 4506) from a window of someone else's memory.
 *
 * The first failure is kept in `status` and every later read returns 0, so a caller decodes a whole structure and looks
 * at `status` once. Pad octets must be there but may hold anything: real clients leave old memory in them.
 */
export class XdrCursor {
  private dv: DataView = NO_VIEW;
  /** Absolute offset of the next octet to read. Callers only read it. */
  at = 0;
  /** Absolute offset after the last octet of the window. */
  end = 0;
  /** Length without padding of the opaque that `opaqueVar` read last. */
  len = 0;
  /** The first failure, or Status.Ok. */
  status: Status = Status.Ok;

  /** Points the cursor at `len` octets and forgets any failure. */
  reset(o: Octets, at: number, len: number): void {
    this.dv = o.dv;
    this.at = at;
    this.end = at + len;
    this.len = 0;
    this.status = Status.Ok;
  }

  /** Octets not yet read. */
  get remaining(): number {
    return this.end - this.at;
  }

  /** Unsigned integer (section 4.2); enums are read by it as well. */
  u32(): number {
    const { at } = this;
    if (this.end - at < 4) return this.fail(Status.Truncated);
    this.at = at + 4;
    return this.dv.getUint32(at);
  }

  /** Signed integer (section 4.1). */
  i32(): number {
    return this.u32() | 0;
  }

  /** Boolean (section 4.4), also the "another item follows" word of linked lists (4.19). Neither 0 nor 1: BadMagic. */
  bool(): boolean {
    const n = this.u32();
    if (n > 1) this.fail(Status.BadMagic);
    return n === 1;
  }

  /** Fixed opaque of `n` octets (section 4.9): its absolute offset; steps over the padding. */
  opaqueFixed(n: number): number {
    const { at } = this;
    if (xdrPadded(n) > this.end - at) return this.fail(Status.Truncated);
    this.at = at + xdrPadded(n);
    return at;
  }

  /** Variable opaque or string of at most `max` octets (4.10, 4.11): its absolute offset; the length is then in `len`. */
  opaqueVar(max: number): number {
    this.len = 0;
    const n = this.u32();
    if (this.status !== Status.Ok) return 0;
    const { at } = this;
    // The first comparison keeps n small enough for the padding arithmetic, which is done in 32 bits.
    if (n > max || n > this.end - at || xdrPadded(n) > this.end - at) {
      return this.fail(Status.BadLength);
    }
    this.len = n;
    this.at = at + xdrPadded(n);
    return at;
  }

  /** Records a failure that the caller found; the first one wins. */
  fail(status: Status): 0 {
    if (this.status === Status.Ok) this.status = status;
    this.at = this.end;
    return 0;
  }
}

/**
 * Writes XDR into a caller's slab. Every octet is written, the padding as zeros.
 *
 * The caller has seen to it that there is room: running over the end of the slab is our own bug and throws RangeError.
 */
export class XdrWriter {
  private o: Octets = NO_OCTETS;
  private dv: DataView = NO_VIEW;
  /** Absolute offset of the next octet to write. */
  at = 0;

  /** Points the writer at `at`; returns itself so that calls chain. */
  begin(o: Octets, at: number): this {
    this.o = o;
    this.dv = o.dv;
    this.at = at;
    return this;
  }

  /** Unsigned integer. Signed ones are written in two's complement. */
  u32(n: number): this {
    this.dv.setUint32(this.at, n);
    this.at += 4;
    return this;
  }

  /** Signed integer. */
  i32(n: number): this {
    return this.u32(n);
  }

  /** Boolean, or the "another item follows" word of a linked list. */
  bool(b: boolean): this {
    return this.u32(b ? 1 : 0);
  }

  /** Fixed opaque: no length word. */
  opaqueFixed(octets: Uint8Array): this {
    this.o.u8.set(octets, this.at);
    this.at += octets.length;
    return this.pad(octets.length);
  }

  /** Variable opaque or string from octets. */
  opaque(octets: Uint8Array): this {
    return this.u32(octets.length).opaqueFixed(octets);
  }

  /** String from text, as UTF-8. */
  string(text: string): this {
    const n = writeText(text, this.o, this.at + 4);
    this.u32(n);
    this.at += n;
    return this.pad(n);
  }

  /** The zeros that follow `len` octets of opaque data. */
  pad(len: number): this {
    for (let n = xdrPad(len); n > 0; n--) {
      this.dv.setUint8(this.at, 0);
      this.at += 1;
    }
    return this;
  }
}

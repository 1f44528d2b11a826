import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { XdrCursor } from "./xdr.ts";

// RFC 1833 section 2: rpcbind, which is the port mapper's program with versions 3 and 4. Callers that are refused with
// PROG_MISMATCH 2..2 step down to version 2; these views are for showing what they asked.

export const RPCB_VERS_LOW = 3;
export const RPCB_VERS_HIGH = 4;

/** Procedures of both versions (sections 2.2.1 and 2.2.2); 5 is CALLIT in version 3 and BCAST in version 4. */
export const RpcbProc = {
  Null: 0,
  Set: 1,
  Unset: 2,
  Getaddr: 3,
  Dump: 4,
  Bcast: 5,
  Gettime: 6,
  Uaddr2taddr: 7,
  Taddr2uaddr: 8,
  Getversaddr: 9,
  Indirect: 10,
  Getaddrlist: 11,
  Getstat: 12,
} as const;

/** Longest network id, universal address or owner that is taken, octets; the RFC has no limit. */
const STRING_MAX = 1_024;

const cursor: XdrCursor = new XdrCursor();

/** Re-pointable view of `rpcb`: the argument of SET, UNSET, GETADDR, GETVERSADDR and GETADDRLIST, and an item of DUMP. */
export class RpcbView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private netid = 0;
  private netidOctets = 0;
  private addr = 0;
  private addrOctets = 0;
  private owner = 0;
  private ownerOctets = 0;
  private after = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(8);
    this.dv = o.dv;
    this.at = at;
    this.netid = cursor.opaqueVar(STRING_MAX);
    this.netidOctets = cursor.len;
    this.addr = cursor.opaqueVar(STRING_MAX);
    this.addrOctets = cursor.len;
    this.owner = cursor.opaqueVar(STRING_MAX);
    this.ownerOctets = cursor.len;
    this.after = cursor.at;
    return cursor.status;
  }
  get prog(): number {
    return this.dv.getUint32(this.at);
  }
  get vers(): number {
    return this.dv.getUint32(this.at + 4);
  }
  /** "udp", "tcp", "udp6", "tcp6", "local". */
  get netidAt(): number {
    return this.netid;
  }
  get netidLen(): number {
    return this.netidOctets;
  }
  /** A universal address: "192.168.77.1.0.111" is port 111 of 192.168.77.1 (RFC 5665). */
  get addrAt(): number {
    return this.addr;
  }
  get addrLen(): number {
    return this.addrOctets;
  }
  get ownerAt(): number {
    return this.owner;
  }
  get ownerLen(): number {
    return this.ownerOctets;
  }
  /** Offset behind the last octet. */
  get endAt(): number {
    return this.after;
  }
}

/** Re-pointable view of a list of `rpcb`: the result of DUMP. Call `next` before each item. */
export class RpcbDumpView {
  /** The item that `next` stepped to. */
  readonly item: RpcbView = new RpcbView();
  private o: Octets | undefined;
  private nextAt = 0;
  private end = 0;
  private status: Status = Status.Ok;

  /** Walks the list once; each item takes 24 octets at least, so the walk ends where the octets do. */
  reset(o: Octets, at: number, len: number): Status {
    this.begin(o, at, len);
    while (this.next());
    const { status } = this;
    this.begin(o, at, len);
    return status;
  }

  /** Steps to the next item; false after the last. */
  next(): boolean {
    const { o, item, nextAt, end } = this;
    if (o === undefined || this.status !== Status.Ok) return false;
    cursor.reset(o, nextAt, end - nextAt);
    const more = cursor.bool();
    this.status = cursor.status;
    if (!more || this.status !== Status.Ok) return false;
    this.status = item.reset(o, cursor.at, end - cursor.at);
    this.nextAt = item.endAt;
    return this.status === Status.Ok;
  }

  private begin(o: Octets, at: number, len: number): void {
    this.o = o;
    this.nextAt = at;
    this.end = at + len;
    this.status = Status.Ok;
  }
}

/** Re-pointable view of the result of CALLIT, BCAST and INDIRECT: who answered, and what. The arguments are as in version 2. */
export class RpcbCallitResultView {
  private addr = 0;
  private addrOctets = 0;
  private results = 0;
  private resultsOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.addr = cursor.opaqueVar(STRING_MAX);
    this.addrOctets = cursor.len;
    this.results = cursor.opaqueVar(len);
    this.resultsOctets = cursor.len;
    return cursor.status;
  }
  /** A universal address. */
  get addrAt(): number {
    return this.addr;
  }
  get addrLen(): number {
    return this.addrOctets;
  }
  get resultsAt(): number {
    return this.results;
  }
  get resultsLen(): number {
    return this.resultsOctets;
  }
}

/** The port at the end of a universal address (RFC 5665 section 5.2.3.3); 0 when there is none. */
export function uaddrPort(text: string): number {
  const found = /\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (found === null) return 0;
  const port = Number(found[1]) * 256 + Number(found[2]);
  return port > 0xffff ? 0 : port;
}

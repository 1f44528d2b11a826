import { foldChecksum, sum16 } from "../wire/checksum.ts";
import { NO_OCTETS, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 9293 section 3.1: offsets in octets from the start of the header.
const SRC_PORT = 0;
const DST_PORT = 2;
const SEQ = 4;
const ACK = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;
const URGENT = 18;

const PROTOCOL = 6;
const END = 0;
const NOP = 1;
const MSS = 2;
const WINDOW_SCALE = 3;
const SACK_PERMITTED = 4;
const TIMESTAMPS = 8;

/** Header without options, octets. */
export const TCP_HEADER_LEN = 20;
/** What a peer without the MSS option can take (RFC 9293 section 3.7.1). */
export const TCP_DEFAULT_MSS = 536;

/** Control bits (RFC 9293 section 3.1). */
export const TcpFlag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32 } as const;

/**
 * Re-pointable view of a TCP segment (RFC 9293) and of the options that matter: MSS, window scale (RFC 7323), SACK
 * permitted (RFC 2018), timestamps (RFC 7323). Others are skipped.
 *
 * Sequence numbers are signed 32-bit integers, so that `(a - b) | 0` orders them and nothing is boxed.
 */
export class TcpView {
  private o: Octets = NO_OCTETS;
  private at = 0;
  private len = 0;
  private mssAt = -1;
  private scaleAt = -1;
  private sack = false;
  private timestampsAt = -1;

  /** Points this view at a segment of `len` octets. The checksum is left to `verifyTcpChecksum`. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < TCP_HEADER_LEN) return Status.Truncated;
    const headerLen = (o.dv.getUint8(at + DATA_OFFSET) >> 4) * 4;
    if (headerLen < TCP_HEADER_LEN || headerLen > len) return Status.BadLength;
    this.o = o;
    this.at = at;
    this.len = len;
    return this.readOptions(at + TCP_HEADER_LEN, at + headerLen);
  }

  get srcPort(): number {
    return this.u16(SRC_PORT);
  }
  get dstPort(): number {
    return this.u16(DST_PORT);
  }
  get seq(): number {
    return this.len === 0 ? 0 : this.o.dv.getInt32(this.at + SEQ);
  }
  get ack(): number {
    return this.len === 0 ? 0 : this.o.dv.getInt32(this.at + ACK);
  }
  get headerLen(): number {
    return (this.u16(DATA_OFFSET) >> 12) * 4;
  }
  /** `TcpFlag` bits. */
  get flags(): number {
    return this.u16(DATA_OFFSET) & 0xff;
  }
  /** As it stands, not scaled. */
  get window(): number {
    return this.u16(WINDOW);
  }
  get checksum(): number {
    return this.u16(CHECKSUM);
  }
  get payloadAt(): number {
    return this.at + this.headerLen;
  }
  get payloadLen(): number {
    return this.len - this.headerLen;
  }
  /** The MSS option's value; 0 when absent. */
  get mss(): number {
    return this.mssAt < 0 ? 0 : this.o.dv.getUint16(this.mssAt);
  }
  /** The shift of the window scale option; -1 when absent. */
  get windowScale(): number {
    return this.scaleAt < 0 ? -1 : this.o.dv.getUint8(this.scaleAt);
  }
  get sackPermitted(): boolean {
    return this.sack;
  }
  get hasTimestamps(): boolean {
    return this.timestampsAt >= 0;
  }
  /** The sender's clock; 0 without the option. */
  get tsVal(): number {
    return this.timestampsAt < 0 ? 0 : this.o.dv.getUint32(this.timestampsAt);
  }
  /** The echoed clock; 0 without the option. */
  get tsEcr(): number {
    return this.timestampsAt < 0 ? 0 : this.o.dv.getUint32(this.timestampsAt + 4);
  }

  private u16(field: number): number {
    return this.len === 0 ? 0 : this.o.dv.getUint16(this.at + field);
  }

  private readOptions(from: number, end: number): Status {
    const { dv } = this.o;
    this.mssAt = -1;
    this.scaleAt = -1;
    this.sack = false;
    this.timestampsAt = -1;
    let at = from;
    while (at < end) {
      const kind = dv.getUint8(at);
      if (kind === END) break;
      if (kind === NOP) {
        at += 1;
        continue;
      }
      const optionLen = at + 1 < end ? dv.getUint8(at + 1) : 0;
      if (optionLen < 2 || at + optionLen > end) {
        this.len = 0;
        return Status.BadLength;
      }
      if (kind === MSS && optionLen === 4) this.mssAt = at + 2;
      else if (kind === WINDOW_SCALE && optionLen === 3) this.scaleAt = at + 2;
      else if (kind === SACK_PERMITTED && optionLen === 2) this.sack = true;
      else if (kind === TIMESTAMPS && optionLen === 10) this.timestampsAt = at + 2;
      at += optionLen;
    }
    return Status.Ok;
  }
}

/** Whether the checksum of a segment of `len` octets is right for these addresses. TCP's is never optional. */
export function verifyTcpChecksum(
  o: Octets,
  at: number,
  len: number,
  src: number,
  dst: number,
): boolean {
  return foldChecksum(sum16(o, at, len, pseudoHeader(len, src, dst))) === 0;
}

/** What a sender decides about a segment. Sequence numbers are taken modulo 2^32. */
export interface TcpRepr {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly seq: number;
  /** Sent as 0 without the Ack bit. */
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** 0: no MSS option. It belongs on SYNs only. */
  readonly mss: number;
}

/** Where the payload of a segment begins, octets from its start. */
export function tcpHeaderLen(r: TcpRepr): number {
  return r.mss === 0 ? TCP_HEADER_LEN : TCP_HEADER_LEN + 4;
}

/**
 * Writes the header in front of a payload that is already in place at `at + tcpHeaderLen(r)`; returns the header's octets.
 *
 * The checksum covers the pseudo header and the payload (RFC 9293 section 3.1).
 */
export function emitTcp(
  r: TcpRepr,
  payloadLen: number,
  src: number,
  dst: number,
  o: Octets,
  at: number,
): number {
  const { dv } = o;
  const headerLen = tcpHeaderLen(r);
  const len = headerLen + payloadLen;
  dv.setUint16(at + SRC_PORT, r.srcPort);
  dv.setUint16(at + DST_PORT, r.dstPort);
  dv.setInt32(at + SEQ, r.seq);
  dv.setInt32(at + ACK, r.flags & TcpFlag.Ack ? r.ack : 0);
  dv.setUint8(at + DATA_OFFSET, (headerLen / 4) << 4);
  dv.setUint8(at + FLAGS, r.flags);
  dv.setUint16(at + WINDOW, r.window);
  dv.setUint16(at + CHECKSUM, 0);
  dv.setUint16(at + URGENT, 0);
  if (r.mss !== 0) {
    dv.setUint8(at + TCP_HEADER_LEN, MSS);
    dv.setUint8(at + TCP_HEADER_LEN + 1, 4);
    dv.setUint16(at + TCP_HEADER_LEN + 2, r.mss);
  }
  dv.setUint16(at + CHECKSUM, foldChecksum(sum16(o, at, len, pseudoHeader(len, src, dst))));
  return headerLen;
}

/** The reset that answers a segment for which there is no connection (RFC 9293 section 3.5.2); send none for a reset. */
export function tcpResetFor(v: TcpView): TcpRepr {
  const acked = (v.flags & TcpFlag.Ack) !== 0;
  const control = (v.flags & TcpFlag.Syn ? 1 : 0) + (v.flags & TcpFlag.Fin ? 1 : 0);
  return {
    srcPort: v.dstPort,
    dstPort: v.srcPort,
    seq: acked ? v.ack : 0,
    ack: (v.seq + v.payloadLen + control) | 0,
    flags: acked ? TcpFlag.Rst : TcpFlag.Rst | TcpFlag.Ack,
    window: 0,
    mss: 0,
  };
}

/** Sum of the pseudo header: source, destination, zero and protocol, TCP length. */
function pseudoHeader(len: number, src: number, dst: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + PROTOCOL + len;
}

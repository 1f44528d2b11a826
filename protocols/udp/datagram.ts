import { foldChecksum, sum16 } from "../wire/checksum.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// RFC 768: offsets in octets from the source port.
const SRC_PORT = 0;
const DST_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;

const PROTOCOL = 17;

/** Octets of a UDP header. */
export const UDP_HEADER_LEN = 8;

/**
 * Re-pointable view of a UDP datagram (RFC 768): srcPort(2) dstPort(2) length(2) checksum(2) payload.
 *
 * The payload ends where `length` says. The checksum is not part of `reset`: on virtual links the sender leaves it to a
 * network card that is not there, and what arrives is the sum of the pseudo header alone. Callers that know their link use
 * `verifyUdpChecksum`.
 */
export class UdpView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;

  reset(o: Octets, at: number, len: number): Status {
    const status = this.resetCut(o, at, len);
    return status === Status.Ok && this.length > len ? Status.Truncated : status;
  }

  /** As `reset`, but for captures that cut frames off: the header must be there, `payloadLen` is what is there. */
  resetCut(o: Octets, at: number, len: number): Status {
    if (len < UDP_HEADER_LEN) return Status.Truncated;
    const { dv } = o;
    const length = dv.getUint16(at + LENGTH);
    if (length < UDP_HEADER_LEN) return Status.BadLength;
    this.dv = dv;
    this.at = at;
    this.end = at + Math.min(length, len);
    return Status.Ok;
  }

  get srcPort(): number {
    return this.dv.getUint16(this.at + SRC_PORT);
  }
  get dstPort(): number {
    return this.dv.getUint16(this.at + DST_PORT);
  }
  /** Octets of header and payload. */
  get length(): number {
    return this.dv.getUint16(this.at + LENGTH);
  }
  /** 0 when the sender computed none. */
  get checksum(): number {
    return this.dv.getUint16(this.at + CHECKSUM);
  }
  get payloadAt(): number {
    return this.at + UDP_HEADER_LEN;
  }
  get payloadLen(): number {
    return this.end - this.payloadAt;
  }
}

/**
 * Whether the checksum of a datagram of `len` octets (its own `length`, after an Ok `reset`) is right for these addresses.
 *
 * A checksum of zero means that there is none, and holds.
 */
export function verifyUdpChecksum(
  o: Octets,
  at: number,
  len: number,
  src: number,
  dst: number,
): boolean {
  if (o.dv.getUint16(at + CHECKSUM) === 0) return true;
  return foldChecksum(sum16(o, at, len, pseudoHeader(len, src, dst))) === 0;
}

/** What a sender decides about a datagram. */
export interface UdpRepr {
  readonly srcPort: number;
  readonly dstPort: number;
}

/**
 * Writes the header in front of a payload that is already in place at `at + 8`; returns the header's 8 octets.
 *
 * The checksum covers the payload and the addresses. A sum of zero is sent as 0xffff (RFC 768).
 */
export function emitUdp(
  r: UdpRepr,
  payloadLen: number,
  src: number,
  dst: number,
  o: Octets,
  at: number,
): number {
  const { dv } = o;
  const length = UDP_HEADER_LEN + payloadLen;
  dv.setUint16(at + SRC_PORT, r.srcPort);
  dv.setUint16(at + DST_PORT, r.dstPort);
  dv.setUint16(at + LENGTH, length);
  dv.setUint16(at + CHECKSUM, 0);
  const checksum = foldChecksum(sum16(o, at, length, pseudoHeader(length, src, dst)));
  dv.setUint16(at + CHECKSUM, checksum === 0 ? 0xffff : checksum);
  return UDP_HEADER_LEN;
}

/** Sum of the pseudo header: source, destination, zero and protocol, UDP length (RFC 768). */
function pseudoHeader(length: number, src: number, dst: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + PROTOCOL + length;
}

import { NO_OCTETS, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { asciiText, putAsciiZ, sameAsciiNoCase } from "./text.ts";

/** The port that read requests are sent to (RFC 1350 section 4). Everything later goes between two TIDs. */
export const TFTP_PORT = 69;

/** Length of a DATA header, and of a whole ACK, in octets. */
export const TFTP_HEADER_LEN = 4;

/** What a client that sends no options gets (RFC 1350 section 2). */
export const TFTP_DEFAULT_BLKSIZE = 512;

/** Packet types (RFC 1350 section 5, RFC 2347 for OACK). */
export const TftpOpcode = { Rrq: 1, Wrq: 2, Data: 3, Ack: 4, Error: 5, Oack: 6 } as const;
export type TftpOpcode = (typeof TftpOpcode)[keyof typeof TftpOpcode];

/** Transfer modes (RFC 1350 section 1); the wire carries text of either case. */
export const TftpMode = { Unknown: 0, Octet: 1, Netascii: 2, Mail: 3 } as const;
export type TftpMode = (typeof TftpMode)[keyof typeof TftpMode];

/** Error codes (RFC 1350 appendix; 8 from RFC 2347). Others are kept as numbers. */
export const TftpError = {
  NotDefined: 0,
  FileNotFound: 1,
  AccessViolation: 2,
  DiskFull: 3,
  IllegalOperation: 4,
  UnknownTid: 5,
  FileExists: 6,
  NoSuchUser: 7,
  /** RFC 2347: the options of the OACK are refused. EDK2 sends it to end its size probe. */
  OptionNegotiation: 8,
} as const;
export type TftpError = (typeof TftpError)[keyof typeof TftpError];

const MODE_TEXT: readonly string[] = ["", "octet", "netascii", "mail"];
/** Options walked in one packet. The registry knows seven; a longer list is not a boot client. */
const MAX_OPTIONS = 16;
/** Uint16 slots an option takes in the index: name offset and length, value offset and length. */
const SLOTS = 4;
const BODY = 2;

/**
 * Re-pointable view of a TFTP packet (RFC 1350, RFC 2347).
 *
 *     RRQ, WRQ   opcode(2) filename 0 mode 0 (option 0 value 0)*
 *     DATA       3(2) block(2) data
 *     ACK        4(2) block(2)
 *     ERROR      5(2) code(2) message 0
 *     OACK       6(2) (option 0 value 0)*
 *
 * Members that the packet's opcode does not have read as 0 or as empty. Octets after a complete ACK are ignored, so is a
 * missing terminator after an error message. An unfinished option at the end of a request is treated as not sent (RFC 2347:
 * what is not acknowledged does not exist), and zero padding after the mode ends the list; in an OACK both are `BadText`.
 */
export class TftpView {
  private o: Octets = NO_OCTETS;
  private at = 0;
  private end = 0;
  private filenameEnd = 0;
  private messageEnd = 0;
  private count = 0;
  private modeCode: TftpMode = TftpMode.Unknown;
  private op = 0;
  /** Offsets relative to the packet, which a UDP datagram keeps below 65536. */
  private readonly index: Uint16Array = new Uint16Array(MAX_OPTIONS * SLOTS);

  /** Points this view at one packet; after `Status.Ok` no accessor throws until the memory is reused. */
  reset(o: Octets, at: number, len: number): Status {
    this.count = 0;
    this.op = 0;
    this.modeCode = TftpMode.Unknown;
    if (len < BODY) return Status.Truncated;
    if (len > 0xffff) return Status.BadLength;
    this.o = o;
    this.at = at;
    this.end = at + len;
    this.filenameEnd = at + BODY;
    this.messageEnd = at + TFTP_HEADER_LEN;
    const op = o.dv.getUint16(at);
    let status: Status = Status.Ok;
    switch (op) {
      case TftpOpcode.Rrq:
      case TftpOpcode.Wrq:
        status = this.readRequest();
        break;
      case TftpOpcode.Oack:
        status = this.readOptions(at + BODY, true);
        break;
      case TftpOpcode.Data:
      case TftpOpcode.Ack:
      case TftpOpcode.Error:
        if (len < TFTP_HEADER_LEN) return Status.Truncated;
        if (op === TftpOpcode.Error) this.readMessage();
        break;
      default:
        return Status.BadCode;
    }
    if (status === Status.Ok) this.op = op;
    return status;
  }

  /** A `TftpOpcode`; 0 before the first successful reset. */
  get opcode(): number {
    return this.op;
  }

  get filenameAt(): number {
    return this.at + BODY;
  }

  /** Octets of the file name without its terminator; may be 0. */
  get filenameLen(): number {
    return this.filenameEnd - this.at - BODY;
  }

  /** The file name as sent, one character an octet (allocates). It may hold any octet but zero. */
  filenameText(): string {
    return asciiText(this.o, this.filenameAt, this.filenameLen);
  }

  get mode(): TftpMode {
    return this.modeCode;
  }

  /** Complete options of a request or an OACK, in the order sent. */
  get optionCount(): number {
    return this.count;
  }

  optionNameAt(i: number): number {
    return this.at + this.slot(i, 0);
  }

  optionNameLen(i: number): number {
    return this.slot(i, 1);
  }

  optionValueAt(i: number): number {
    return this.at + this.slot(i, 2);
  }

  optionValueLen(i: number): number {
    return this.slot(i, 3);
  }

  /** Which option has this lower-case name, in whatever case it was sent; -1 when absent. The first of two wins. */
  optionIndex(name: string): number {
    for (let i = 0; i < this.count; i++) {
      if (sameAsciiNoCase(this.o, this.optionNameAt(i), this.optionNameLen(i), name)) return i;
    }
    return -1;
  }

  /** The value's text (allocates), undefined when the option is absent. */
  optionValue(name: string): string | undefined {
    const i = this.optionIndex(name);
    if (i < 0) return undefined;
    return asciiText(this.o, this.optionValueAt(i), this.optionValueLen(i));
  }

  /** The name of option `i` as sent (allocates). */
  optionName(i: number): string {
    return asciiText(this.o, this.optionNameAt(i), this.optionNameLen(i));
  }

  /** Block number of DATA and ACK; wraps at 65536. */
  get block(): number {
    return this.op === TftpOpcode.Data || this.op === TftpOpcode.Ack
      ? this.o.dv.getUint16(this.at + BODY)
      : 0;
  }

  get dataAt(): number {
    return this.at + TFTP_HEADER_LEN;
  }

  get dataLen(): number {
    return this.op === TftpOpcode.Data ? this.end - this.at - TFTP_HEADER_LEN : 0;
  }

  get errorCode(): number {
    return this.op === TftpOpcode.Error ? this.o.dv.getUint16(this.at + BODY) : 0;
  }

  get errorMessageAt(): number {
    return this.at + TFTP_HEADER_LEN;
  }

  get errorMessageLen(): number {
    return this.op === TftpOpcode.Error ? this.messageEnd - this.at - TFTP_HEADER_LEN : 0;
  }

  /** The peer's words (allocates); untrusted text, escape it before it is shown. */
  errorMessageText(): string {
    return asciiText(this.o, this.errorMessageAt, this.errorMessageLen);
  }

  private slot(i: number, k: number): number {
    return i < this.count ? (this.index[i * SLOTS + k] ?? 0) : 0;
  }

  /** Offset of the next zero octet at or after `from`, or -1. */
  private zeroAfter(from: number): number {
    const { u8 } = this.o;
    for (let i = from; i < this.end; i++) if (u8[i] === 0) return i;
    return -1;
  }

  private readRequest(): Status {
    const nameEnd = this.zeroAfter(this.at + BODY);
    if (nameEnd < 0) return Status.BadText;
    this.filenameEnd = nameEnd;
    const modeEnd = this.zeroAfter(nameEnd + 1);
    if (modeEnd < 0) return Status.BadText;
    this.modeCode = modeAt(this.o, nameEnd + 1, modeEnd - nameEnd - 1);
    return this.readOptions(modeEnd + 1, false);
  }

  private readOptions(from: number, strict: boolean): Status {
    let at = from;
    while (at < this.end) {
      const nameEnd = this.zeroAfter(at);
      const valueEnd = nameEnd < 0 ? -1 : this.zeroAfter(nameEnd + 1);
      if (valueEnd < 0 || nameEnd === at) return strict ? Status.BadText : Status.Ok;
      if (this.count === MAX_OPTIONS) return Status.TooMany;
      const base = this.count * SLOTS;
      this.index[base] = at - this.at;
      this.index[base + 1] = nameEnd - at;
      this.index[base + 2] = nameEnd + 1 - this.at;
      this.index[base + 3] = valueEnd - nameEnd - 1;
      this.count += 1;
      at = valueEnd + 1;
    }
    return Status.Ok;
  }

  private readMessage(): void {
    const zero = this.zeroAfter(this.at + TFTP_HEADER_LEN);
    this.messageEnd = zero < 0 ? this.end : zero;
  }
}

/** One option as it goes on the wire (RFC 2347): two ASCII texts. */
export interface TftpOptionRepr {
  readonly name: string;
  readonly value: string;
}

/** What a client decides about a read request. Keep the whole below 512 octets (RFC 2347). */
export interface TftpRequestRepr {
  readonly filename: string;
  readonly mode: Exclude<TftpMode, 0>;
  readonly options: readonly TftpOptionRepr[];
}

/** Writes a read request (RFC 1350 section 5); returns octets written. */
export function emitRrq(r: TftpRequestRepr, o: Octets, at: number): number {
  o.dv.setUint16(at, TftpOpcode.Rrq);
  let next = putAsciiZ(r.filename, o, at + BODY);
  next = putAsciiZ(MODE_TEXT[r.mode] ?? "", o, next);
  return putOptions(r.options, o, next) - at;
}

/** Writes an ACK of `block`, modulo 65536. */
export function emitAck(block: number, o: Octets, at: number): number {
  return putHeader(TftpOpcode.Ack, block, o, at);
}

/** Writes the four octets in front of a block's payload, which the caller gathers. */
export function emitDataHeader(block: number, o: Octets, at: number): number {
  return putHeader(TftpOpcode.Data, block, o, at);
}

/** Writes an ERROR; `message` is ASCII for a person, a PROM prints it on its console. */
export function emitError(code: number, message: string, o: Octets, at: number): number {
  putHeader(TftpOpcode.Error, code, o, at);
  return putAsciiZ(message, o, at + TFTP_HEADER_LEN) - at;
}

/** Writes an OACK (RFC 2347). An OACK without options is nothing a client expects: answer with DATA 1 instead. */
export function emitOack(options: readonly TftpOptionRepr[], o: Octets, at: number): number {
  o.dv.setUint16(at, TftpOpcode.Oack);
  return putOptions(options, o, at + BODY) - at;
}

function modeAt(o: Octets, at: number, len: number): TftpMode {
  if (sameAsciiNoCase(o, at, len, "octet")) return TftpMode.Octet;
  if (sameAsciiNoCase(o, at, len, "netascii")) return TftpMode.Netascii;
  return sameAsciiNoCase(o, at, len, "mail") ? TftpMode.Mail : TftpMode.Unknown;
}

function putHeader(op: TftpOpcode, word: number, o: Octets, at: number): number {
  o.dv.setUint16(at, op);
  o.dv.setUint16(at + BODY, word);
  return TFTP_HEADER_LEN;
}

function putOptions(options: readonly TftpOptionRepr[], o: Octets, at: number): number {
  let next = at;
  for (const { name, value } of options) {
    next = putAsciiZ(name, o, next);
    next = putAsciiZ(value, o, next);
  }
  return next;
}

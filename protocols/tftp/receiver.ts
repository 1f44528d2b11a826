import type { Octets } from "../wire/octets.ts";
import { readTftpOptions, type TftpOptions, tftpOptionReprs } from "./options.ts";
import {
  emitAck,
  emitError,
  emitRrq,
  TFTP_DEFAULT_BLKSIZE,
  TFTP_PORT,
  TftpError,
  TftpMode,
  TftpOpcode,
  type TftpView,
} from "./packet.ts";

/** One read that a client wants. */
export interface TftpReceiverConfig {
  readonly filename: string;
  readonly mode: typeof TftpMode.Octet | typeof TftpMode.Netascii;
  /** What to ask for; `{}` sends a request without options, as PROMs do. */
  readonly options: TftpOptions;
  /** Ask only for the size: refuse the OACK by ERROR 8 as EDK2 does, and end as "probe". Needs `options.tsize`. */
  readonly probe?: boolean;
  /** Milliseconds before the first repetition; doubles up to `maxTimeoutMs`. */
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  /** Repetitions without progress before it gives up. */
  readonly maxRetries: number;
}

/** Where a read is; docs/protocols/tftp.md draws it. */
export type TftpReceiverState = "request" | "data" | "done" | "probe" | "failed";

/** Why a read failed; "" while it did not. */
export type TftpReceiverFailure =
  | ""
  | "timeout"
  /** The server sent an ERROR: `errorCode`, `errorText`. */
  | "server-error"
  /** An OACK that was not asked for, or grants more than was asked (RFC 2347 to 2349, 7440). */
  | "bad-oack"
  /** A block larger than agreed. */
  | "bad-block"
  /** What came is not as long as tsize said. */
  | "size-mismatch"
  /** Our side gave up. */
  | "aborted";

/** What became of a packet that was handed in. */
export const TftpInput = {
  /** Late, repeated, out of order, or not for a client: nothing to do but poll. */
  Ignored: 0,
  /** Payload in order: take `view.dataAt`, `view.dataLen` now; it belongs at `dataOffset`. */
  Data: 1,
  /** The machine moved on without payload. */
  Progress: 2,
  /** From a stranger (RFC 1350 section 4): the transfer goes on, and the sender may be told ERROR 5. */
  WrongTid: 3,
} as const;
export type TftpInput = (typeof TftpInput)[keyof typeof TftpInput];

/**
 * Reads one file as a client (RFC 1350, 2347, 2348, 2349, 7440), as strictly as boot firmware does. Sans-IO.
 *
 * `pollTransmit` until it gives 0, after construction and after each input; send what it writes to `serverPort` (69 until
 * a server has answered). The first to answer is the server: its address and TID are kept, so a broadcast request works.
 */
export class TftpReceiver {
  /** The server's TID; `TFTP_PORT` until it answered. */
  serverPort: number = TFTP_PORT;
  /** The server's address as the caller gave it; 0 until it answered. */
  serverAddress = 0;
  /** Octets a block, as agreed. */
  blksize: number = TFTP_DEFAULT_BLKSIZE;
  /** Blocks a window, as agreed. */
  windowsize = 1;
  /** The size that the server named, -1 when it did not. */
  tsize = -1;
  /** Offset in the file of the payload that was handed in last. */
  dataOffset = 0;
  /** Octets received in order. */
  octets = 0;
  /** The server's error code and words, or what was sent to it. */
  errorCode = 0;
  errorText = "";

  private readonly config: TftpReceiverConfig;
  private phase: TftpReceiverState = "request";
  private why: TftpReceiverFailure = "";
  /** Blocks received, counted from 1 without wrapping, and the last of them that was acknowledged. */
  private got = 0;
  private acked = -1;
  /** The gap that was already answered by an ACK; one is enough, more would overwhelm the server. */
  private nackedAt = -1;
  private due: "" | "rrq" | "ack" | "error" = "rrq";
  private retries = 0;
  private timeoutMs: number;
  private deadline: number = Number.POSITIVE_INFINITY;

  constructor(config: TftpReceiverConfig) {
    this.config = config;
    this.timeoutMs = config.timeoutMs;
  }

  get state(): TftpReceiverState {
    return this.phase;
  }

  get finished(): boolean {
    return this.phase === "done" || this.phase === "probe" || this.phase === "failed";
  }

  get failure(): TftpReceiverFailure {
    return this.why;
  }

  /**
   * A packet for our TID arrived, from `srcAddress` (any number that tells hosts apart) and `srcPort`.
   *
   * A finished read still acknowledges its last block again: the ACK may have been lost (RFC 1350 section 6).
   */
  handlePacket(v: TftpView, srcAddress: number, srcPort: number, nowMs: number): TftpInput {
    const known = this.serverAddress !== 0 || this.serverPort !== TFTP_PORT;
    if (known && (srcPort !== this.serverPort || srcAddress !== this.serverAddress)) {
      return TftpInput.WrongTid;
    }
    switch (v.opcode) {
      case TftpOpcode.Data:
        if (!known && v.block !== 1) return TftpInput.Ignored;
        this.meet(srcAddress, srcPort);
        return this.handleData(v, nowMs);
      case TftpOpcode.Oack:
        this.meet(srcAddress, srcPort);
        return this.handleOack(v, nowMs);
      case TftpOpcode.Error:
        if (this.finished) return TftpInput.Ignored;
        this.meet(srcAddress, srcPort);
        this.errorCode = v.errorCode;
        this.errorText = v.errorMessageText();
        this.end("failed", "server-error");
        return TftpInput.Progress;
      default:
        return TftpInput.Ignored;
    }
  }

  /** Gives up; the server is told by one ERROR. */
  abort(code: number, text: string): void {
    if (!this.finished) this.refuse("aborted", code, text);
  }

  /** Writes the next packet at `at` and returns its octets; 0 when there is none. Room needed: 512. */
  pollTransmit(o: Octets, at: number, nowMs: number): number {
    const what = this.due;
    this.due = "";
    if (what === "") return 0;
    if (what === "error") return emitError(this.errorCode, this.errorText, o, at);
    if (!this.finished) this.deadline = nowMs + this.timeoutMs;
    if (what === "ack") {
      this.acked = this.got;
      return emitAck(this.got & 0xffff, o, at);
    }
    const { filename, mode, options } = this.config;
    return emitRrq({ filename, mode, options: tftpOptionReprs(options) }, o, at);
  }

  /** When `handleTimeout` is due; Infinity when nothing is awaited. */
  pollTimeout(): number {
    return this.deadline;
  }

  /** The request or the last ACK goes out again. */
  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline) return;
    if (this.retries >= this.config.maxRetries) {
      this.end("failed", "timeout");
      return;
    }
    this.retries += 1;
    this.timeoutMs = Math.min(
      this.timeoutMs * 2,
      Math.max(this.config.maxTimeoutMs, this.config.timeoutMs),
    );
    this.deadline = nowMs + this.timeoutMs;
    this.nackedAt = -1;
    this.due = this.phase === "request" ? "rrq" : "ack";
  }

  private meet(address: number, port: number): void {
    this.serverAddress = address;
    this.serverPort = port;
  }

  private handleOack(v: TftpView, nowMs: number): TftpInput {
    if (this.phase === "data" && this.got === 0) {
      this.due = "ack";
      return TftpInput.Ignored;
    }
    if (this.phase !== "request") return TftpInput.Ignored;
    if (!this.agree(v)) {
      this.refuse("bad-oack", TftpError.OptionNegotiation, "options not as asked");
      return TftpInput.Progress;
    }
    if (this.config.probe === true && this.tsize >= 0) {
      this.errorCode = TftpError.OptionNegotiation;
      this.errorText = "User aborted the transfer";
      this.end("probe", "");
      this.due = "error";
      return TftpInput.Progress;
    }
    this.phase = "data";
    this.due = "ack";
    this.moved(nowMs);
    return TftpInput.Progress;
  }

  /** Whether an OACK grants only what was asked; takes its values over. */
  private agree(v: TftpView): boolean {
    const asked = this.config.options;
    const got = readTftpOptions(v);
    if (v.optionCount === 0) return false;
    for (let i = 0; i < v.optionCount; i++) {
      const name = v.optionName(i).toLowerCase();
      if (!Object.hasOwn(asked, name) || !Object.hasOwn(got, name)) return false;
    }
    if (got.blksize !== undefined && got.blksize > (asked.blksize ?? 0)) return false;
    if (got.windowsize !== undefined && got.windowsize > (asked.windowsize ?? 0)) return false;
    if (got.timeout !== undefined && got.timeout !== asked.timeout) return false;
    this.blksize = got.blksize ?? TFTP_DEFAULT_BLKSIZE;
    this.windowsize = got.windowsize ?? 1;
    this.tsize = got.tsize ?? -1;
    return true;
  }

  private handleData(v: TftpView, nowMs: number): TftpInput {
    if (this.phase === "failed" || this.phase === "probe") return TftpInput.Ignored;
    const ahead = (v.block - (this.got + 1)) & 0xffff;
    if (ahead !== 0 || this.phase === "done") {
      this.handleStray(v.block, ahead);
      return TftpInput.Ignored;
    }
    if (v.dataLen > this.blksize) {
      this.refuse("bad-block", TftpError.IllegalOperation, "block larger than agreed");
      return TftpInput.Progress;
    }
    this.phase = "data";
    this.got += 1;
    this.dataOffset = this.octets;
    this.octets += v.dataLen;
    this.moved(nowMs);
    if (v.dataLen < this.blksize) this.complete();
    else if (this.got - Math.max(this.acked, 0) >= this.windowsize) this.due = "ack";
    return TftpInput.Data;
  }

  /** A block that is not the next one. `ahead` counts from the one that is. */
  private handleStray(block: number, ahead: number): void {
    if (ahead >= 0x8000) {
      // A repetition. It is answered when it is the block whose ACK was the last word: that ACK was lost.
      if (block === (this.got & 0xffff) && this.got === this.acked) this.due = "ack";
      return;
    }
    // A gap: the ACK of what arrived makes the server go back (RFC 7440 section 4). Without windows there are none.
    if (this.windowsize === 1 || this.phase === "done" || this.nackedAt === this.got) return;
    this.nackedAt = this.got;
    this.due = "ack";
  }

  private complete(): void {
    if (this.tsize >= 0 && this.config.mode === TftpMode.Octet && this.octets !== this.tsize) {
      this.refuse("size-mismatch", TftpError.NotDefined, "size is not tsize");
      return;
    }
    this.end("done", "");
    this.due = "ack";
  }

  private moved(nowMs: number): void {
    this.retries = 0;
    this.timeoutMs = this.config.timeoutMs;
    this.deadline = nowMs + this.timeoutMs;
  }

  private refuse(why: TftpReceiverFailure, code: number, text: string): void {
    this.errorCode = code;
    this.errorText = text;
    this.end("failed", why);
    // Nobody to tell before a server has answered.
    if (this.serverAddress !== 0 || this.serverPort !== TFTP_PORT) this.due = "error";
  }

  private end(state: TftpReceiverState, why: TftpReceiverFailure): void {
    this.phase = state;
    this.why = why;
    this.due = "";
    this.deadline = Number.POSITIVE_INFINITY;
  }
}

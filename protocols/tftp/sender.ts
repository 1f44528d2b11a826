import {
  TFTP_MAX_BLKSIZE,
  TFTP_MIN_BLKSIZE,
  type TftpOptions,
  tftpOptionReprs,
} from "./options.ts";
import { TFTP_DEFAULT_BLKSIZE, TftpError, type TftpOptionRepr } from "./packet.ts";
import { type RetransmissionPolicy, RetransmissionTime } from "./retransmission.ts";

/** The size of a file whose length on the wire is not known before its end (netascii made on the fly). */
export const TFTP_SIZE_UNKNOWN = -1;

/** Limits of a server. */
export interface TftpSenderPolicy extends RetransmissionPolicy {
  /** Octets of a block at most, 8 to 65464; 1468 keeps DATA in one Ethernet frame. */
  readonly maxBlksize: number;
  /** Blocks in flight at most, 1 to 32767. */
  readonly maxWindow: number;
  /** Without progress the transfer is given up after so long, */
  readonly patienceMs: number;
  /** or, when the client asked for a timeout, after so many retransmissions. */
  readonly maxRetries: number;
}

/** What the agent uses unless told otherwise. */
export const TFTP_SENDER_POLICY: TftpSenderPolicy = {
  maxBlksize: 1_468,
  maxWindow: 64,
  defaultTimeoutMs: 1_000,
  minTimeoutMs: 250,
  // atftp says its last ACK again only when 5 s were silent.
  maxTimeoutMs: 10_000,
  maxRetries: 6,
  patienceMs: 25_000,
};

/** One read to be served. */
export interface TftpSenderConfig {
  /** The request's well-formed options. */
  readonly options: TftpOptions;
  /** Octets on the wire, or `TFTP_SIZE_UNKNOWN`: then no tsize is answered and the caller says `endsAt`. */
  readonly size: number;
  readonly policy: TftpSenderPolicy;
}

/** Where a transfer is; docs/protocols/tftp.md draws it. */
export type TftpSenderState = "oack" | "data" | "done" | "probe" | "failed";

/** Why a transfer failed; "" while it did not. */
export type TftpSenderFailure =
  | ""
  /** Nothing came back for as long as the policy waits. */
  | "timeout"
  /** As timeout, but every block had been sent: a client that jumps at once sends no last ACK. */
  | "unconfirmed"
  /** The client sent an ERROR; `errorCode` is its code. */
  | "peer-error"
  /** The client refused our OACK (ERROR 8, RFC 2347). */
  | "options-refused"
  /** Our side gave up by `abort`; `errorCode` is what was sent. */
  | "aborted";

/** A packet to be sent now. One object, overwritten by the next poll. */
export interface TftpSenderPacket {
  /** data: header and payload; oack: `sender.accepted`; error: `errorCode`, the transfer is over. */
  readonly kind: "data" | "oack" | "error";
  /** Block number as it goes on the wire, 0 to 65535. */
  readonly block: number;
  /** Offset of the payload in the file, octets. */
  readonly at: number;
  /** Octets of payload; less than the block size (0 included) in the last block. */
  readonly len: number;
  readonly errorCode: number;
}

/**
 * Serves one read request (RFC 1350, 2347, 2348, 2349, 7440). Sans-IO: it says which octets go out, and never sees them.
 *
 * Drive it by: `pollTransmit` until it gives undefined, after construction and after each input; `handleTimeout` when the
 * clock reaches `pollTimeout()`. The caller checks that packets come from the client's TID before it hands them in.
 *
 * A window is a go-back-N of blocks. An ACK inside the window means that the client saw a gap behind it, so sending goes
 * back to the block after it and a new window starts there. An ACK of the block before the window start is a duplicate and
 * changes nothing: resending for it would double every later packet (the Sorcerer's Apprentice, RFC 1123 4.2.3.1). A loss of
 * the first block of a window is therefore recovered by the timeout. EDK2 acknowledges every duplicate block too; one more
 * rule, in `handleAck`, keeps a needless return from repeating itself in each later window.
 */
export class TftpSender {
  /** Octets a block. */
  readonly blksize: number;
  /** Blocks a window. */
  readonly windowsize: number;
  /** The options of the OACK; empty when DATA 1 is the answer. */
  readonly accepted: readonly TftpOptionRepr[];

  /** Octets of file that were sent again. */
  retransmittedOctets = 0;
  /** Packets that were sent again, OACKs included. */
  retransmissions = 0;
  /** The code of the ERROR that ended the transfer, ours or the client's; 0 otherwise. */
  errorCode = 0;

  private readonly policy: TftpSenderPolicy;
  private readonly time: RetransmissionTime;
  private readonly answersTsize: boolean;
  private size: number;
  private phase: TftpSenderState;
  private why: TftpSenderFailure = "";
  /** Blocks are counted from 1 without wrapping; the wire has the low 16 bits. All up to `acked` arrived. */
  private acked = 0;
  private next = 1;
  private highest = 0;
  /** The highest block that was out when sending last went back; 0 before. */
  private recover = 0;
  private last: number;
  private oackSent = false;
  private oackDue: boolean;
  private errorDue = false;
  private retries = 0;
  private deadline: number = Number.POSITIVE_INFINITY;
  /** The newest block whose round trip is being measured, 0 for the OACK; -1: none, since it was sent twice (Karn). */
  private timed = 0;
  private timedMs = 0;
  /** When the client answered last, or was answered first; -1 before. */
  private progressMs = -1;
  private readonly packet: { -readonly [K in keyof TftpSenderPacket]: TftpSenderPacket[K] } = {
    kind: "data",
    block: 0,
    at: 0,
    len: 0,
    errorCode: 0,
  };

  constructor({ options, size, policy }: TftpSenderConfig) {
    const { blksize, windowsize, timeout, tsize } = options;
    const cap = Math.max(TFTP_MIN_BLKSIZE, Math.min(policy.maxBlksize, TFTP_MAX_BLKSIZE));
    // At most half of the block numbers may be in flight, else an old ACK looks like a new one.
    const windowCap = Math.max(1, Math.min(policy.maxWindow, 0x7fff));
    this.policy = policy;
    this.blksize = blksize === undefined ? TFTP_DEFAULT_BLKSIZE : Math.min(blksize, cap);
    this.windowsize = windowsize === undefined ? 1 : Math.min(windowsize, windowCap);
    this.answersTsize = tsize !== undefined && size >= 0;
    this.accepted = tftpOptionReprs({
      ...(blksize === undefined ? {} : { blksize: this.blksize }),
      ...(this.answersTsize ? { tsize: size } : {}),
      ...(timeout === undefined ? {} : { timeout }),
      ...(windowsize === undefined ? {} : { windowsize: this.windowsize }),
    });
    this.time = new RetransmissionTime(policy, timeout);
    this.size = size;
    this.last = size < 0 ? Number.POSITIVE_INFINITY : Math.floor(size / this.blksize) + 1;
    this.oackDue = this.accepted.length > 0;
    this.phase = this.oackDue ? "oack" : "data";
  }

  get state(): TftpSenderState {
    return this.phase;
  }

  /** done: the last block was acknowledged. probe: the client only wanted the size. Neither is a fault. */
  get finished(): boolean {
    return this.phase === "done" || this.phase === "probe" || this.phase === "failed";
  }

  get failure(): TftpSenderFailure {
    return this.why;
  }

  /** Octets of the file that the client has acknowledged. */
  get octets(): number {
    const octets = this.acked * this.blksize;
    return this.size >= 0 && octets > this.size ? this.size : octets;
  }

  /** Blocks that the client has acknowledged. */
  get blocks(): number {
    return this.acked;
  }

  /** Time-outs since the client was heard last. */
  get timeouts(): number {
    return this.retries;
  }

  /** Whether every block was sent at least once. */
  get allSent(): boolean {
    return this.highest === this.last;
  }

  /** Whether block numbers wrap in this file: Raspberry Pi 4/5 EEPROMs before 2025-09-23 fail there (rpi-eeprom#720). */
  get rollsOver(): boolean {
    return this.last > 0xffff && this.last !== Number.POSITIVE_INFINITY;
  }

  /**
   * An ACK arrived. Once a transfer has ended this does nothing.
   *
   * `block` is the number on the wire. One that was not sent is ignored, as an older one is.
   */
  handleAck(block: number, nowMs: number): void {
    if (this.phase === "oack") {
      if (block !== 0 || !this.oackSent) return;
      this.progressed(nowMs);
      this.phase = "data";
      this.oackDue = false;
      return;
    }
    if (this.phase !== "data") return;
    const step = (block - this.acked) & 0xffff;
    if (step === 0 || this.acked + step > this.highest) return;
    this.acked += step;
    this.progressed(nowMs);
    if (this.acked >= this.last) {
      this.end("done");
      return;
    }
    // An ACK of exactly what was out before sending went back says that going back was needless: what follows is on its way.
    if (this.acked !== this.recover || this.next <= this.acked) this.goBack();
    this.deadline = nowMs + this.time.ms;
  }

  /** The client sent an ERROR: the transfer is over whatever it was doing. */
  handleError(code: number): void {
    if (this.finished) return;
    this.errorCode = code;
    if (this.phase === "oack" && this.answersTsize && isProbeEnd(code)) {
      this.end("probe");
      return;
    }
    this.fail(
      this.phase === "oack" && code === TftpError.OptionNegotiation
        ? "options-refused"
        : "peer-error",
    );
  }

  /** Our side cannot go on (the file became unreadable): one ERROR packet is polled, then nothing. */
  abort(code: number): void {
    if (this.finished) return;
    this.errorCode = code;
    this.errorDue = true;
    this.fail("aborted");
  }

  /** Says how long a file of unknown size turned out to be, in octets: when its reader met the end. */
  endsAt(octets: number): void {
    if (this.size >= 0) return;
    this.size = octets;
    this.last = Math.floor(octets / this.blksize) + 1;
  }

  /** The next packet to send now, or undefined. The object is valid until the next call. */
  pollTransmit(nowMs: number): TftpSenderPacket | undefined {
    const { packet } = this;
    if (this.errorDue) {
      this.errorDue = false;
      return this.describe("error", 0, 0, 0);
    }
    if (this.phase === "oack") {
      if (!this.oackDue) return undefined;
      if (this.oackSent) {
        this.retransmissions += 1;
        this.timed = -1;
      } else this.timedMs = nowMs;
      this.oackDue = false;
      this.oackSent = true;
      this.awaits(nowMs);
      return this.describe("oack", 0, 0, 0);
    }
    if (this.phase !== "data") return undefined;
    const block = this.next;
    if (block > this.last || block > this.acked + this.windowsize) return undefined;
    const at = (block - 1) * this.blksize;
    const left = this.size < 0 ? this.blksize : this.size - at;
    this.describe("data", block & 0xffff, at, Math.min(left, this.blksize));
    if (block <= this.highest) {
      this.retransmissions += 1;
      this.retransmittedOctets += packet.len;
    } else {
      this.highest = block;
      this.timed = block;
      this.timedMs = nowMs;
    }
    this.next = block + 1;
    this.awaits(nowMs);
    return packet;
  }

  /** When `handleTimeout` is due, in the caller's milliseconds; Infinity when nothing is awaited. */
  pollTimeout(): number {
    return this.deadline;
  }

  /** Call it at `pollTimeout()`; earlier calls do nothing. Afterwards poll: the OACK or the window goes out again. */
  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline) return;
    if (this.isPatienceOver(nowMs)) {
      this.fail(this.phase === "data" && this.allSent ? "unconfirmed" : "timeout");
      return;
    }
    this.retries += 1;
    this.time.backOff();
    this.deadline = nowMs + this.time.ms;
    if (this.phase === "oack") this.oackDue = true;
    else this.goBack();
  }

  private goBack(): void {
    this.next = this.acked + 1;
    if (this.highest <= this.acked) return;
    this.recover = this.highest;
    this.timed = -1;
  }

  /** The client answered something new: its round trip is known when what it answers was sent once. */
  private progressed(nowMs: number): void {
    this.retries = 0;
    this.progressMs = nowMs;
    if (this.timed < 0 || this.acked < this.timed) return;
    this.time.sample(nowMs - this.timedMs);
    this.timed = -1;
  }

  private awaits(nowMs: number): void {
    if (this.progressMs < 0) this.progressMs = nowMs;
    this.deadline = nowMs + this.time.ms;
  }

  private isPatienceOver(nowMs: number): boolean {
    const { maxRetries, patienceMs } = this.policy;
    return this.time.fixed ? this.retries >= maxRetries : nowMs - this.progressMs >= patienceMs;
  }

  private describe(kind: TftpSenderPacket["kind"], block: number, at: number, len: number) {
    const { packet } = this;
    packet.kind = kind;
    packet.block = block;
    packet.at = at;
    packet.len = len;
    packet.errorCode = this.errorCode;
    return packet;
  }

  private fail(why: TftpSenderFailure): void {
    this.why = why;
    this.end("failed");
  }

  private end(state: TftpSenderState): void {
    this.phase = state;
    this.deadline = Number.POSITIVE_INFINITY;
  }
}

/** EDK2 ends a size probe by 8 "User aborted the transfer", older PXE ROMs by 0 "TFTP Aborted". */
function isProbeEnd(code: number): boolean {
  return code === TftpError.OptionNegotiation || code === TftpError.NotDefined;
}

import {
  TFTP_MAX_BLKSIZE,
  TFTP_MIN_BLKSIZE,
  type TftpOptions,
  tftpOptionReprs,
} from "./options.ts";
import {
  TFTP_DEFAULT_BLKSIZE,
  TftpError,
  TftpOpcode,
  type TftpOptionRepr,
  type TftpView,
} from "./packet.ts";
import { TftpInput } from "./receiver.ts";
import { RetransmissionTime } from "./retransmission.ts";
import { TFTP_SENDER_POLICY, type TftpSenderPolicy } from "./sender.ts";

/** Limits of a server that takes files. */
export interface TftpUploadPolicy extends TftpSenderPolicy {
  /** Octets of a window at most: what the caller holds before it stores it. */
  readonly maxWindowLen: number;
  /** After the last ACK, repetitions of the last block are acknowledged for so long. */
  readonly lingerMs: number;
}

/** What the agent uses unless told otherwise. */
export const TFTP_UPLOAD_POLICY: TftpUploadPolicy = {
  ...TFTP_SENDER_POLICY,
  maxWindowLen: 65_536,
  lingerMs: 6_000,
};

/** Where a write is; docs/protocols/tftp.md draws it. */
export type TftpUploadState = "data" | "done" | "failed";

/** A packet to be sent now. One object, overwritten by the next poll. */
export interface TftpUploadPacket {
  /** oack: `accepted`; error: `errorCode`, the transfer is over. */
  readonly kind: "ack" | "oack" | "error";
  /** Block number as it goes on the wire. */
  readonly block: number;
  readonly errorCode: number;
}

/**
 * Takes one file as a server (RFC 1350, 2347 to 2349, 7440). Sans-IO.
 *
 * An ACK promises that what it acknowledges is stored, and the last one that all of it is durable. So the machine never
 * acknowledges by itself: when `storeDue`, the caller stores all payload that it took and says `stored`. Payload that comes
 * meanwhile is left to the client's repetition; no more than a window is ever held.
 */
export class TftpUpload {
  readonly blksize: number;
  readonly windowsize: number;
  /** The options of the OACK; empty when ACK 0 is the answer. */
  readonly accepted: readonly TftpOptionRepr[];
  /** Octets taken, in order. */
  octets = 0;
  /** Packets that were sent again. */
  retransmissions = 0;
  /** The code of the ERROR that ended the transfer, ours or the client's; 0 otherwise. */
  errorCode = 0;
  /** Whether the client ended it by an ERROR. */
  refusedByPeer = false;
  /** Whether the last block has come. */
  complete = false;
  /** Whether nothing goes on before the caller says `stored`. */
  storeDue = false;

  private readonly policy: TftpUploadPolicy;
  private readonly time: RetransmissionTime;
  private phase: TftpUploadState = "data";
  private lingers = true;
  /** Blocks taken and acknowledged, counted from 1 without wrapping. */
  private got = 0;
  private acked = 0;
  /** The gap that was answered already: one answer is enough. */
  private nackedAt = -1;
  private due: "" | "answer" | "error" = "answer";
  private retries = 0;
  private deadline: number = Number.POSITIVE_INFINITY;
  private readonly packet: { -readonly [K in keyof TftpUploadPacket]: TftpUploadPacket[K] } = {
    kind: "ack",
    block: 0,
    errorCode: 0,
  };

  /** `options`: the request's well-formed options. A tsize is the file's length, and is confirmed. */
  constructor(options: TftpOptions, policy: TftpUploadPolicy = TFTP_UPLOAD_POLICY) {
    const { blksize, windowsize, timeout, tsize } = options;
    const cap = Math.max(TFTP_MIN_BLKSIZE, Math.min(policy.maxBlksize, TFTP_MAX_BLKSIZE));
    this.policy = policy;
    this.blksize = blksize === undefined ? TFTP_DEFAULT_BLKSIZE : Math.min(blksize, cap);
    const room = Math.max(1, Math.floor(policy.maxWindowLen / this.blksize));
    this.windowsize =
      windowsize === undefined ? 1 : Math.max(1, Math.min(windowsize, policy.maxWindow, room));
    this.accepted = tftpOptionReprs({
      ...(blksize === undefined ? {} : { blksize: this.blksize }),
      ...(tsize === undefined ? {} : { tsize }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(windowsize === undefined ? {} : { windowsize: this.windowsize }),
    });
    this.time = new RetransmissionTime(policy, timeout);
  }

  /** done: the last ACK may go out, or has. */
  get state(): TftpUploadState {
    return this.phase;
  }

  /** Whether nothing more will be sent: the port can be given back. */
  get finished(): boolean {
    return this.phase === "failed" || (this.phase === "done" && !this.lingers);
  }

  /** Whether the client has sent anything since our first answer. */
  get begun(): boolean {
    return this.got > 0;
  }

  /** A DATA arrived. `TftpInput.Data`: take its payload now, it follows on what was taken before. */
  handleData(v: TftpView, nowMs: number): TftpInput {
    if (v.opcode !== TftpOpcode.Data || this.phase === "failed") return TftpInput.Ignored;
    const ahead = (v.block - (this.got + 1)) & 0xffff;
    if (ahead !== 0 || this.complete) {
      this.handleStray(v.block, ahead);
      return TftpInput.Ignored;
    }
    if (this.storeDue) return TftpInput.Ignored;
    if (v.dataLen > this.blksize) {
      this.abort(TftpError.IllegalOperation);
      return TftpInput.Progress;
    }
    this.got += 1;
    this.octets += v.dataLen;
    this.retries = 0;
    this.complete = v.dataLen < this.blksize;
    if (this.complete || this.got - this.acked >= this.windowsize) this.wantStore();
    else this.deadline = nowMs + this.time.ms;
    return TftpInput.Data;
  }

  /** The client sent an ERROR: what was taken is of no use. */
  handleError(code: number): void {
    if (this.phase !== "data") return;
    this.errorCode = code;
    this.refusedByPeer = true;
    this.fail();
  }

  /** All that was taken is stored; durably, when `complete`. */
  stored(nowMs: number): void {
    if (this.phase !== "data") return;
    this.storeDue = false;
    this.acked = this.got;
    this.due = "answer";
    if (!this.complete) return;
    this.phase = "done";
    this.deadline = nowMs + this.policy.lingerMs;
  }

  /** The request came again before any payload: our first answer was lost. */
  repeat(): void {
    if (this.got === 0 && this.phase === "data") this.answerAgain();
  }

  /** It cannot be stored: one ERROR is polled, then nothing. */
  abort(code: number): void {
    if (this.phase !== "data") return;
    this.errorCode = code;
    this.fail();
    this.due = "error";
  }

  /** The next packet to send now, or undefined. The object is valid until the next call. */
  pollTransmit(nowMs: number): TftpUploadPacket | undefined {
    const { due, packet } = this;
    if (due === "") return undefined;
    this.due = "";
    packet.block = this.acked & 0xffff;
    packet.errorCode = this.errorCode;
    if (due === "error") packet.kind = "error";
    else packet.kind = this.got === 0 && this.accepted.length > 0 ? "oack" : "ack";
    if (this.phase === "data") this.deadline = nowMs + this.time.ms;
    return packet;
  }

  /** When `handleTimeout` is due; Infinity when nothing is awaited. */
  pollTimeout(): number {
    return this.deadline;
  }

  /** The last answer goes out again; after the last ACK, the transfer is forgotten. */
  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline) return;
    this.deadline = Number.POSITIVE_INFINITY;
    if (this.phase === "done") this.lingers = false;
    if (this.phase !== "data") return;
    if (this.retries >= this.policy.maxRetries) {
      this.fail();
      return;
    }
    this.retries += 1;
    this.time.backOff();
    this.nackedAt = -1;
    if (this.got > this.acked) this.wantStore();
    else this.answerAgain();
  }

  /** A block that is not the next one. `ahead` counts from the one that is. */
  private handleStray(block: number, ahead: number): void {
    if (this.storeDue) return;
    if (ahead >= 0x8000) {
      // The last block that was acknowledged, again: that ACK was lost. Older ones are the wire's repetitions.
      if (block === (this.got & 0xffff) && this.got === this.acked) this.answerAgain();
      return;
    }
    if (this.windowsize === 1 || this.complete || this.nackedAt === this.got) return;
    this.nackedAt = this.got;
    if (this.got > this.acked) this.wantStore();
    else this.answerAgain();
  }

  private wantStore(): void {
    this.storeDue = true;
    this.deadline = Number.POSITIVE_INFINITY;
  }

  private answerAgain(): void {
    this.retransmissions += 1;
    this.due = "answer";
  }

  private fail(): void {
    this.phase = "failed";
    this.storeDue = false;
    this.due = "";
    this.deadline = Number.POSITIVE_INFINITY;
  }
}

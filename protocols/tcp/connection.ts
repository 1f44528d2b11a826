import type { Octets } from "../wire/octets.ts";
import { RetransmitTimer } from "./retransmit-timer.ts";
import {
  emitTcp,
  TCP_DEFAULT_MSS,
  TCP_HEADER_LEN,
  TcpFlag,
  type TcpRepr,
  type TcpView,
} from "./segment.ts";
import { SendSpace } from "./send-space.ts";
import type { TcpConfig, TcpFailure, TcpState } from "./state.ts";

/** Far below 2 MSL: ports of simulated machines are reused at once. */
const TIME_WAIT_MS = 1_000;

/**
 * One TCP connection, sans-IO, for simulated firmware and virtual hosts: in-order delivery, fixed receive window,
 * retransmission by time only. No window scaling, SACK, timestamps, urgent data or congestion control.
 *
 * A client calls `connect`; a server makes a connection when a SYN arrives and hands that in. `pollTransmit` until it
 * gives 0 after every call. The caller verifies checksums and matches addresses and ports.
 */
export class TcpConnection {
  /** In-order payload of the last `handleSegment`, in the view's octets: take it before the next one. */
  receivedAt = 0;
  receivedLen = 0;
  /** The peer has sent its FIN: all it had to say has been handed out. */
  remoteClosed = false;
  failure: TcpFailure = "";

  private readonly config: TcpConfig;
  private phase: TcpState = "listen";
  private readonly out: SendSpace;
  private rcvNxt = 0;
  private peerWindow = 0;
  private peerMss: number = TCP_DEFAULT_MSS;
  private closing = false;
  private ackDue = false;
  private resetDue = false;
  private probing = false;
  private readonly timer: RetransmitTimer = new RetransmitTimer();

  constructor(config: TcpConfig) {
    this.config = config;
    this.out = new SendSpace(config.iss, config.sendQueue);
  }

  get state(): TcpState {
    return this.phase;
  }

  /** The sequence number that is to come next. */
  get receiveNext(): number {
    return this.rcvNxt;
  }

  /** Octets that `send` accepts now. */
  get sendRoom(): number {
    return this.closing ? 0 : this.out.room;
  }

  /** Octets that the peer has not acknowledged. */
  get unacknowledged(): number {
    return this.out.queued;
  }

  /** Opens actively. */
  connect(): void {
    if (this.phase === "listen") this.phase = "syn-sent";
  }

  /** Queues octets and returns how many were taken; the rest is for later. */
  send(octets: Uint8Array): number {
    return this.closing ? 0 : this.out.push(octets);
  }

  /** Ends our direction, once the queue is sent; with nothing to send before the handshake, ends everything. */
  close(): void {
    this.closing = true;
    if (this.out.queued === 0 && (this.phase === "listen" || this.phase === "syn-sent"))
      this.end("");
  }

  /** Drops the connection; a peer that knows it is told by a reset. */
  abort(): void {
    if (this.phase === "closed") return;
    this.resetDue = this.phase !== "listen" && this.phase !== "syn-sent";
    this.end("aborted");
  }

  /** A segment of this connection arrived; returns the octets of payload in `receivedAt`, `receivedLen`. */
  handleSegment(v: TcpView, nowMs: number): number {
    this.receivedLen = 0;
    const { flags } = v;
    if (this.phase === "closed") return 0;
    if (this.phase === "listen" || this.phase === "syn-sent") this.handleOpening(v, nowMs);
    else if (flags & TcpFlag.Rst) {
      if (v.seq === this.rcvNxt) this.end(this.phase === "syn-received" ? "refused" : "reset");
    } else if (flags & TcpFlag.Syn) {
      // A repeated SYN: our SYN-ACK, or our ACK of theirs, was lost.
      if (this.phase === "syn-received") this.out.goBack();
      else this.ackDue = true;
    } else if (flags & TcpFlag.Ack && this.handleAck(v, nowMs)) this.handleText(v, nowMs);
    return this.receivedLen;
  }

  /** Writes the next segment, checksum included, and returns its octets; 0 when there is none. Room: 24 + mss. */
  pollTransmit(o: Octets, at: number, nowMs: number): number {
    if (this.resetDue) {
      this.resetDue = false;
      return this.emit(TcpFlag.Rst | TcpFlag.Ack, this.out.max, 0, o, at);
    }
    if (this.phase === "closed") return 0;
    if (this.phase === "syn-sent" || this.phase === "syn-received") {
      if (this.out.inFlight > 0) return 0;
      const flags = this.phase === "syn-sent" ? TcpFlag.Syn : TcpFlag.Syn | TcpFlag.Ack;
      this.sent(1, nowMs);
      return this.emit(flags, this.config.iss, 0, o, at);
    }
    if (this.phase === "listen" || this.phase === "time-wait" || this.phase === "fin-wait-2") {
      return this.emitAckIfDue(o, at);
    }
    const { nxt: seq, unsent } = this.out;
    const window = Math.max(this.peerWindow, this.probing ? 1 : 0) - this.out.inFlight;
    const len = Math.min(unsent, window, this.peerMss, this.config.mss);
    if (len > 0) {
      this.probing = false;
      this.out.copy(len, o, at + TCP_HEADER_LEN);
      this.sent(len, nowMs);
      return this.emit(TcpFlag.Psh | TcpFlag.Ack, seq, len, o, at);
    }
    if (unsent === 0 && this.closing) {
      if (this.phase === "established") this.phase = "fin-wait-1";
      else if (this.phase === "close-wait") this.phase = "last-ack";
      this.sent(1, nowMs);
      return this.emit(TcpFlag.Fin | TcpFlag.Ack, seq, 0, o, at);
    }
    // Data against a closed window: the timer probes it.
    if (unsent > 0) this.timer.arm(nowMs);
    return this.emitAckIfDue(o, at);
  }

  /** When `handleTimeout` is due; Infinity when nothing is awaited. */
  pollTimeout(): number {
    return this.timer.deadline;
  }

  /** Retransmits from the last acknowledged octet, probes a closed window, or ends TIME-WAIT. */
  handleTimeout(nowMs: number): void {
    if (nowMs < this.timer.deadline) return;
    if (this.phase === "time-wait" || !this.timer.expire(nowMs)) {
      this.end(this.phase === "time-wait" ? "" : "timeout");
      return;
    }
    this.out.goBack();
    this.probing = this.peerWindow === 0;
  }

  private handleOpening(v: TcpView, nowMs: number): void {
    const { flags } = v;
    const client = this.phase === "syn-sent";
    const acked = (flags & TcpFlag.Ack) !== 0;
    if (acked && (!client || v.ack !== ((this.config.iss + 1) | 0))) return;
    if (flags & TcpFlag.Rst) {
      if (client && acked) this.end("refused");
      return;
    }
    // Two SYNs that cross (simultaneous open) do not happen between a client and a server.
    if (!(flags & TcpFlag.Syn) || acked !== client) return;
    this.rcvNxt = (v.seq + 1) | 0;
    this.peerMss = v.mss || TCP_DEFAULT_MSS;
    this.peerWindow = v.window;
    this.phase = client ? "established" : "syn-received";
    if (!client) return;
    this.out.acknowledge(v.ack, 1);
    this.ackDue = true;
    this.timer.progress(nowMs, this.out.outstanding);
  }

  /** Takes an ACK in; whether the segment's text may be looked at. */
  private handleAck(v: TcpView, nowMs: number): boolean {
    const step = (v.ack - this.out.una) | 0;
    if (((this.out.max - v.ack) | 0) < 0) {
      this.ackDue = true;
      return false;
    }
    if (step >= 0) {
      if (this.peerWindow === 0) {
        this.timer.alive();
        // What probed the closed window was not taken.
        if (v.window > 0) this.out.goBack();
      }
      this.peerWindow = v.window;
    }
    if (step <= 0) return this.phase !== "syn-received";
    const opening = this.phase === "syn-received";
    const fin = this.out.acknowledge(v.ack, opening ? 1 : 0);
    if (opening) this.phase = "established";
    this.timer.progress(nowMs, this.out.outstanding);
    if (!fin) return true;
    if (this.phase === "fin-wait-1") this.phase = "fin-wait-2";
    else if (this.phase === "closing") this.waitOut(nowMs);
    else if (this.phase === "last-ack") this.end("");
    return this.phase !== "closed";
  }

  private handleText(v: TcpView, nowMs: number): void {
    const fin = (v.flags & TcpFlag.Fin) !== 0;
    if (v.payloadLen === 0 && !fin) {
      // Keep-alives and Linux's probes of a closed window are empty and one octet old.
      if (((v.seq - this.rcvNxt) | 0) < 0) this.ackDue = true;
      return;
    }
    this.ackDue = true;
    const old = (this.rcvNxt - v.seq) | 0;
    if (old < 0 || this.remoteClosed) return;
    if (v.payloadLen > old) {
      this.receivedAt = v.payloadAt + old;
      this.receivedLen = v.payloadLen - old;
      this.rcvNxt = (this.rcvNxt + this.receivedLen) | 0;
    }
    if (!fin || ((v.seq + v.payloadLen) | 0) !== this.rcvNxt) return;
    this.rcvNxt = (this.rcvNxt + 1) | 0;
    this.remoteClosed = true;
    if (this.phase === "established") this.phase = "close-wait";
    else if (this.phase === "fin-wait-1") this.phase = "closing";
    else this.waitOut(nowMs);
  }

  private waitOut(nowMs: number): void {
    this.phase = "time-wait";
    this.timer.runUntil(nowMs + TIME_WAIT_MS);
  }

  private sent(octets: number, nowMs: number): void {
    this.out.sent(octets);
    this.timer.arm(nowMs);
  }

  private emitAckIfDue(o: Octets, at: number): number {
    return this.ackDue ? this.emit(TcpFlag.Ack, this.out.max, 0, o, at) : 0;
  }

  private emit(flags: number, seq: number, payloadLen: number, o: Octets, at: number): number {
    const { localAddress, remoteAddress, localPort, remotePort, mss, window } = this.config;
    if (flags & TcpFlag.Ack) this.ackDue = false;
    const r: TcpRepr = {
      srcPort: localPort,
      dstPort: remotePort,
      seq,
      ack: this.rcvNxt,
      flags,
      window: flags & TcpFlag.Rst ? 0 : window,
      mss: flags & TcpFlag.Syn ? mss : 0,
    };
    return emitTcp(r, payloadLen, localAddress, remoteAddress, o, at) + payloadLen;
  }

  private end(failure: TcpFailure): void {
    this.phase = "closed";
    this.failure = failure;
    this.timer.stop();
    this.closing = true;
    this.ackDue = false;
  }
}

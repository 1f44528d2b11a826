import type { TftpOptions } from "../../../protocols/tftp/options.ts";
import {
  emitDataHeader,
  emitError,
  emitOack,
  TFTP_HEADER_LEN,
  TftpError,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import {
  TFTP_SENDER_POLICY,
  TFTP_SIZE_UNKNOWN,
  TftpSender,
} from "../../../protocols/tftp/sender.ts";
import type { Content } from "../../assets/content.ts";
import { borrowRange, fill, giveAllBack, type Loan } from "../../assets/loan.ts";
import { type Datagram, TX_SLAB_LEN, type TxSlab } from "../../link/datagram.ts";
import { NetasciiSource } from "./netascii-source.ts";
import { isOfPeer, type OwnPeer } from "./own-peer.ts";
import type { Session } from "./transfers.ts";

/** How often a transfer's progress is told, ms. */
const PROGRESS_MS = 250;
/** Until the kernel has taken some of what was sent, ms. */
const ROOM_MS = 1;
/** A file of so many octets and more is worth the search for the shortest way to its reader. */
const HASTE_LEN = 256 * 1024;
/** Time-outs after which a client that has not begun, or has got all, is taken for gone if others wait. */
const YIELD_TIMEOUTS = 2;
/** And for so long it must have been silent, ms. */
const YIELD_MS = 2_000;
/** Netascii is converted into the slab itself. */
const MAX_NETASCII_BLKSIZE = TX_SLAB_LEN - TFTP_HEADER_LEN;

const UNCONFIRMED = "all was sent, but the client did not acknowledge the last block";

/** How a transfer ended. `why` is "" unless it failed. */
export interface TransferEnd {
  readonly outcome: "done" | "probe" | "failed" | "replaced";
  readonly why: string;
  readonly octets: number;
  readonly retransmissions: number;
  readonly ms: number;
}

/** What the service is told. */
export interface TransferEvents {
  progress(octets: number): void;
  ended(end: TransferEnd): void;
}

/** One read by one client. */
export interface TransferInput extends OwnPeer {
  readonly content: Content;
  readonly mode: TftpMode;
  readonly options: TftpOptions;
  /** Octets of a block at most. */
  readonly maxBlksize: number;
  readonly request: Uint8Array;
  readonly events: TransferEvents;
}

/** Joins the sender machine of one read to a port, a content and the clock. */
export class Transfer implements Session {
  readonly content: Content;
  /** The request's octets, to know a repeated one. */
  readonly request: Uint8Array;
  heardMs = 0;
  private readonly sender: TftpSender;
  private readonly o: TransferInput;
  /** There in mode netascii. */
  private readonly netascii: NetasciiSource | undefined;
  private readonly view = new TftpView();
  private readonly startMs: number;
  private cancelTimer: (() => void) | undefined;
  private toldMs: number;
  private loading = false;
  /** The chunk that was fetched ahead last. */
  private ahead = 0;
  private over = false;
  /** What the client said in its ERROR, and what made us give up. */
  private peerWords = "";
  private failure = "";

  constructor(input: TransferInput) {
    const { content, options, mode, port, context } = input;
    const text = mode === TftpMode.Netascii;
    this.o = input;
    this.content = content;
    this.request = input.request;
    this.startMs = context.clock.now();
    this.toldMs = this.startMs;
    const maxBlksize = text ? Math.min(input.maxBlksize, MAX_NETASCII_BLKSIZE) : input.maxBlksize;
    const policy = { ...TFTP_SENDER_POLICY, maxBlksize };
    const size = text ? TFTP_SIZE_UNKNOWN : content.size;
    this.sender = new TftpSender({ options, size, policy });
    const { blksize, windowsize } = this.sender;
    this.netascii = text ? new NetasciiSource(content, blksize, windowsize) : undefined;
    port.onDatagram((d) => this.receive(d));
  }

  /** Whether the client has acknowledged anything yet, our options included. */
  get begun(): boolean {
    const { sender } = this;
    return sender.blocks > 0 || (sender.accepted.length > 0 && sender.state !== "oack");
  }

  /** Loaders that jump at once never acknowledge the last block, and forged requests nothing at all. */
  get yields(): string | undefined {
    const { sender } = this;
    if (sender.timeouts < YIELD_TIMEOUTS) return undefined;
    if (this.o.context.clock.now() - Math.max(this.heardMs, this.startMs) < YIELD_MS)
      return undefined;
    if (!this.begun) return "the client did not answer, and others wait";
    return sender.allSent ? UNCONFIRMED : undefined;
  }

  /** Sends what is due: first after construction. */
  pump(): void {
    const { sender } = this;
    const { context, port } = this.o;
    while (!this.over && !this.loading) {
      const slab = port.borrow();
      // The kernel has not taken what was sent before: a block that is polled now would be lost, and its window with it.
      if (!slab) {
        this.waitForRoom();
        return;
      }
      const packet = sender.pollTransmit(context.clock.now());
      if (!packet) {
        port.release(slab);
        break;
      }
      if (packet.kind === "data") this.sendData(slab, packet.block, packet.at, packet.len);
      else if (packet.kind === "oack") this.send(slab, emitOack(sender.accepted, slab.octets, 0));
      else {
        const words = "the file cannot be read";
        this.send(slab, emitError(packet.errorCode, words, slab.octets, 0));
      }
    }
    if (sender.finished) this.finish();
    else this.arm();
  }

  /** The client repeated its request before it acknowledged anything: our first answer was lost, or crossed it. */
  repeat(): void {
    const deadline = this.sender.pollTimeout();
    if (!Number.isFinite(deadline)) return; // its first chunk is being read
    this.sender.handleTimeout(deadline);
    this.pump();
  }

  /** Ends the transfer without a word to the client: it has begun another from the same port, or we stop. */
  stop(outcome: "replaced" | "failed", why: string): void {
    this.end(outcome, why);
  }

  private receive(d: Datagram): void {
    const { view, sender } = this;
    if (!isOfPeer(this.o, view, d)) return;
    this.heardMs = this.o.context.clock.now();
    if (view.opcode === TftpOpcode.Ack) {
      if (!this.begun) this.hasten();
      sender.handleAck(view.block, this.heardMs);
    } else if (view.opcode === TftpOpcode.Error) {
      this.peerWords = view.errorMessageText();
      sender.handleError(view.errorCode);
    } else return;
    this.tell();
    this.pump();
  }

  /** The host has spoken with the client by now, and knows its card. */
  private hasten(): void {
    const { port, dst } = this.o;
    if (this.content.size >= HASTE_LEN) port.hasten?.(dst);
  }

  private sendData(slab: TxSlab, block: number, at: number, len: number): void {
    if (this.netascii) {
      this.sendText(this.netascii, slab, block, at);
      return;
    }
    const { port, dst, dstPort } = this.o;
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    const missing = borrowRange(this.content, at, len, pieces, loans);
    if (missing >= 0) {
      port.release(slab);
      this.load(missing, (room) => this.sendData(room, block, at, len));
      return;
    }
    emitDataHeader(block, slab.octets, 0);
    const sent = (): void => giveAllBack(loans);
    port.send(slab, TFTP_HEADER_LEN, dst, dstPort, pieces, sent);
    this.readAhead(at + len);
  }

  /** Of a text the sender knows no size: the block that its end is in turns out to be shorter. */
  private sendText(source: NetasciiSource, slab: TxSlab, block: number, at: number): void {
    const { sender } = this;
    const len = source.emit(at / sender.blksize + 1, slab.octets, TFTP_HEADER_LEN);
    if (len < 0) {
      this.o.port.release(slab);
      this.load(-1 - len, (room) => this.sendText(source, room, block, at));
      return;
    }
    if (len < sender.blksize) sender.endsAt(at + len);
    emitDataHeader(block, slab.octets, 0);
    this.send(slab, TFTP_HEADER_LEN + len);
  }

  private send(slab: TxSlab, len: number): void {
    this.o.port.send(slab, len, this.o.dst, this.o.dstPort);
  }

  private load(index: number, then: (slab: TxSlab) => void): void {
    this.loading = true;
    Promise.resolve(fill(this.content, index)).then(
      () => {
        this.loading = false;
        if (this.over) return;
        const slab = this.o.port.borrow();
        // Without room the machine's timeout brings the block back.
        if (slab) then(slab);
        this.pump();
      },
      (error: unknown) => {
        this.loading = false;
        if (this.over) return;
        this.sender.abort(TftpError.NotDefined);
        this.failure = error instanceof Error ? error.message : String(error);
        this.pump();
      },
    );
  }

  /** The next chunk is fetched while this one is being sent. */
  private readAhead(position: number): void {
    const { content } = this;
    const next = Math.floor(position / content.chunkLen) + 1;
    if (next === this.ahead || next * content.chunkLen >= content.size) return;
    this.ahead = next;
    fill(content, next)?.catch(() => {}); // when it is needed it is asked for again, and then the failure is told
  }

  private arm(): void {
    if (this.cancelTimer || this.loading) return;
    const deadline = this.sender.pollTimeout();
    if (!Number.isFinite(deadline)) return;
    // One timer is kept and set anew when it fires early: ACKs move the deadline far more often than it is reached.
    this.wakeIn(Math.max(1, deadline - this.o.context.clock.now()));
  }

  private waitForRoom(): void {
    this.cancelTimer?.();
    this.wakeIn(ROOM_MS);
  }

  private wakeIn(ms: number): void {
    const { clock } = this.o.context;
    this.cancelTimer = clock.after(ms, () => {
      this.cancelTimer = undefined;
      const before = this.sender.retransmissions;
      this.sender.handleTimeout(clock.now());
      this.pump();
      // Whatever it was that was lost: the next ones go by the way that the host would choose.
      if (this.sender.retransmissions > before) this.o.port.plain?.();
    });
  }

  private tell(): void {
    const nowMs = this.o.context.clock.now();
    if (nowMs - this.toldMs < PROGRESS_MS) return;
    this.toldMs = nowMs;
    this.o.events.progress(this.sender.octets);
  }

  private finish(): void {
    const { sender } = this;
    if (sender.state === "done" || sender.state === "probe") this.end(sender.state, "");
    else this.end("failed", this.failure || describeFailure(sender, this.peerWords));
  }

  private end(outcome: TransferEnd["outcome"], why: string): void {
    if (this.over) return;
    this.over = true;
    this.cancelTimer?.();
    this.o.port.close();
    const { octets, retransmissions } = this.sender;
    const ms = this.o.context.clock.now() - this.startMs;
    this.o.events.ended({ outcome, why, octets, retransmissions, ms });
  }
}

function describeFailure(sender: TftpSender, words: string): string {
  switch (sender.failure) {
    case "timeout":
      return "the client stopped answering";
    case "unconfirmed":
      return UNCONFIRMED;
    case "options-refused":
      return `the client refused our options: ${words}`;
    case "peer-error":
      return `the client gave up with error ${sender.errorCode}: ${words}`;
    default:
      return "given up";
  }
}

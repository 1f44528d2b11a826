import type { TftpOptions } from "../../../protocols/tftp/options.ts";
import {
  emitDataHeader,
  emitError,
  emitOack,
  TFTP_HEADER_LEN,
  TftpError,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { TFTP_SENDER_POLICY, TftpSender } from "../../../protocols/tftp/sender.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Content } from "../../assets/content.ts";
import { borrowRange, fill, giveAllBack, type Loan } from "../../assets/loan.ts";
import type { Datagram, UdpPort } from "../../link/datagram.ts";
import { type ServiceContext, UNKNOWN_MACHINE } from "../context.ts";

/** How often a transfer's progress is told, ms. */
const PROGRESS_MS = 250;

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

/** One read by one client: joins the sender machine to a port, a content and the clock. */
export class Transfer {
  readonly content: Content;
  /** The request's octets, to know a repeated one. */
  readonly request: Uint8Array;
  private readonly sender: TftpSender;
  private readonly port: UdpPort;
  private readonly dst: Ipv4;
  private readonly dstPort: number;
  private readonly context: ServiceContext;
  private readonly events: TransferEvents;
  private readonly view = new TftpView();
  private readonly startMs: number;
  private cancelTimer: (() => void) | undefined;
  private toldMs: number;
  private loading = false;
  private over = false;
  /** What the client said in its ERROR, and what made us give up. */
  private peerWords = "";
  private failure = "";

  constructor(input: {
    readonly content: Content;
    readonly options: TftpOptions;
    readonly request: Uint8Array;
    readonly port: UdpPort;
    readonly dst: Ipv4;
    readonly dstPort: number;
    readonly context: ServiceContext;
    readonly events: TransferEvents;
  }) {
    const { content, options, port, dst, dstPort, context, events } = input;
    this.content = content;
    this.request = input.request;
    this.port = port;
    this.dst = dst;
    this.dstPort = dstPort;
    this.context = context;
    this.events = events;
    this.startMs = context.clock.now();
    this.toldMs = this.startMs;
    this.sender = new TftpSender({ options, size: content.size, policy: TFTP_SENDER_POLICY });
    port.onDatagram((d) => this.receive(d));
  }

  /** Whether the client has acknowledged anything yet, our options included. */
  get begun(): boolean {
    const { sender } = this;
    return sender.blocks > 0 || (sender.accepted.length > 0 && sender.state !== "oack");
  }

  /** Sends what is due: first after construction. */
  pump(): void {
    const { sender, context } = this;
    while (!this.over && !this.loading) {
      const packet = sender.pollTransmit(context.clock.now());
      if (!packet) break;
      if (packet.kind === "data") this.sendData(packet.block, packet.at, packet.len);
      else if (packet.kind === "oack") this.emit((o) => emitOack(sender.accepted, o, 0));
      else this.sendError(packet.errorCode, "the file cannot be read");
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
    if (d.src !== this.dst || d.srcPort !== this.dstPort) {
      this.refuseStranger(d);
      return;
    }
    const status = view.reset(d.octets, d.at, d.len);
    if (status) {
      this.context.counters.add("tftp", statusName(status));
      return;
    }
    if (view.opcode === TftpOpcode.Ack) sender.handleAck(view.block, this.context.clock.now());
    else if (view.opcode === TftpOpcode.Error) {
      this.peerWords = view.errorMessageText();
      sender.handleError(view.errorCode);
    } else return;
    this.tell();
    this.pump();
  }

  /**
   * RFC 1350 section 4: a packet from another TID gets an error and does not disturb the transfer. A host that the site does
   * not name gets nothing, and neither does an error, to which no answer is due.
   */
  private refuseStranger(d: Datagram): void {
    if (!this.context.planner.byIp(d.src)) {
      this.context.journal.note({
        protocol: "tftp",
        address: d.src,
        event: `packet from ${formatIpv4(d.src)} to the port of a transfer`,
        decision: UNKNOWN_MACHINE,
        outcome: "silent",
      });
      return;
    }
    if (this.view.reset(d.octets, d.at, d.len)) return;
    if (this.view.opcode === TftpOpcode.Error) return;
    const slab = this.port.borrow();
    if (!slab) return;
    const len = emitError(TftpError.UnknownTid, "not your transfer", slab.octets, 0);
    this.port.send(slab, len, d.src, d.srcPort);
  }

  private sendData(block: number, at: number, len: number): void {
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    const missing = borrowRange(this.content, at, len, pieces, loans);
    if (missing >= 0) {
      this.load(missing, () => this.sendData(block, at, len));
      return;
    }
    const slab = this.port.borrow();
    // No memory free means that the kernel has not taken what was sent before: the machine's timeout brings it back.
    if (!slab) {
      giveAllBack(loans);
      return;
    }
    emitDataHeader(block, slab.octets, 0);
    const sent = (): void => giveAllBack(loans);
    this.port.send(slab, TFTP_HEADER_LEN, this.dst, this.dstPort, pieces, sent);
    this.readAhead(at + len);
  }

  private load(index: number, then: () => void): void {
    this.loading = true;
    Promise.resolve(fill(this.content, index)).then(
      () => {
        this.loading = false;
        if (this.over) return;
        then();
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
    if (next * content.chunkLen >= content.size) return;
    fill(content, next)?.catch(() => {}); // when it is needed it is asked for again, and then the failure is told
  }

  private sendError(code: number, message: string): void {
    this.emit((o) => emitError(code, message, o, 0));
  }

  private emit(write: (o: Datagram["octets"]) => number): void {
    const slab = this.port.borrow();
    if (slab) this.port.send(slab, write(slab.octets), this.dst, this.dstPort);
  }

  private arm(): void {
    if (this.cancelTimer || this.loading) return;
    const { clock } = this.context;
    const deadline = this.sender.pollTimeout();
    if (!Number.isFinite(deadline)) return;
    // One timer is kept and set anew when it fires early: ACKs move the deadline far more often than it is reached.
    this.cancelTimer = clock.after(Math.max(1, deadline - clock.now()), () => {
      this.cancelTimer = undefined;
      this.sender.handleTimeout(clock.now());
      this.pump();
    });
  }

  private tell(): void {
    const nowMs = this.context.clock.now();
    if (nowMs - this.toldMs < PROGRESS_MS) return;
    this.toldMs = nowMs;
    this.events.progress(this.sender.octets);
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
    this.port.close();
    const { octets, retransmissions } = this.sender;
    const ms = this.context.clock.now() - this.startMs;
    this.events.ended({ outcome, why, octets, retransmissions, ms });
  }
}

function describeFailure(sender: TftpSender, words: string): string {
  switch (sender.failure) {
    case "timeout":
      return "the client stopped answering";
    case "unconfirmed":
      return "all was sent, but the client did not acknowledge the last block";
    case "options-refused":
      return `the client refused our options: ${words}`;
    case "peer-error":
      return `the client gave up with error ${sender.errorCode}: ${words}`;
    default:
      return "given up";
  }
}

import { NetasciiDecoder } from "../../../protocols/tftp/netascii.ts";
import type { TftpOptions } from "../../../protocols/tftp/options.ts";
import {
  emitAck,
  emitError,
  emitOack,
  TftpError,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { TftpInput } from "../../../protocols/tftp/receiver.ts";
import { TFTP_UPLOAD_POLICY, TftpUpload } from "../../../protocols/tftp/upload.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Datagram } from "../../link/datagram.ts";
import type { Refusal } from "./decide.ts";
import { isOfPeer, type OwnPeer } from "./own-peer.ts";
import type { TransferEnd } from "./transfer.ts";
import type { Session } from "./transfers.ts";
import type { UploadFile } from "./upload-file.ts";

/** One write by one client. */
export interface UploadTransferInput extends OwnPeer {
  readonly file: UploadFile;
  readonly mode: TftpMode;
  readonly options: TftpOptions;
  /** Octets of a block at most. */
  readonly maxBlksize: number;
  readonly request: Uint8Array;
  readonly events: {
    /** It is stored, or never will be; told once. */
    ended(end: TransferEnd): void;
    /** Its port is closed: repetitions are answered no more. */
    over(): void;
  };
}

/** Joins the machine of one write to a port, a file and the clock. What came is written, then acknowledged. */
export class UploadTransfer implements Session {
  readonly request: Uint8Array;
  heardMs = 0;
  private readonly o: UploadTransferInput;
  private readonly upload: TftpUpload;
  private readonly view = new TftpView();
  /** The window that is being received, converted; and how much of it there is. */
  private readonly window: Octets;
  private filled = 0;
  private readonly decoder: NetasciiDecoder | undefined;
  private readonly startMs: number;
  private cancelTimer: (() => void) | undefined;
  private storing = false;
  private told = false;
  private over = false;
  private words = "";

  constructor(input: UploadTransferInput) {
    const { options, mode, maxBlksize, port, context } = input;
    this.o = input;
    this.request = input.request;
    this.startMs = context.clock.now();
    // A text's tsize is of its netascii form; what it takes on the disk is less.
    this.upload = new TftpUpload(options, { ...TFTP_UPLOAD_POLICY, maxBlksize });
    const { blksize, windowsize } = this.upload;
    this.decoder = mode === TftpMode.Netascii ? new NetasciiDecoder() : undefined;
    // A CR that waited comes on top.
    this.window = Octets.alloc(blksize * windowsize + 1);
    port.onDatagram((d) => this.receive(d));
  }

  get begun(): boolean {
    return this.upload.begun;
  }

  get yields(): string | undefined {
    return this.upload.state === "done" ? "" : undefined;
  }

  pump(): void {
    const { upload } = this;
    const { context, port, dst, dstPort } = this.o;
    if (this.over) return;
    if (upload.storeDue && !this.storing) this.store();
    const slab = port.borrow();
    const packet = slab && upload.pollTransmit(context.clock.now());
    if (slab && packet) {
      const { octets } = slab;
      const { kind, block, errorCode } = packet;
      if (kind === "ack") port.send(slab, emitAck(block, octets, 0), dst, dstPort);
      else if (kind === "oack") {
        port.send(slab, emitOack(upload.accepted, octets, 0), dst, dstPort);
      } else port.send(slab, emitError(errorCode, this.words, octets, 0), dst, dstPort);
    } else if (slab) port.release(slab);
    if (upload.state === "failed") this.fail(describeFailure(upload, this.words));
    else if (upload.finished) this.close();
    else this.arm();
  }

  repeat(): void {
    this.upload.repeat();
    this.pump();
  }

  stop(outcome: "replaced" | "failed", why: string): void {
    if (this.over) return;
    if (outcome === "replaced") this.fail("the client began another transfer from the same port");
    else this.fail(why);
  }

  private receive(d: Datagram): void {
    const { view, upload } = this;
    if (this.over || !isOfPeer(this.o, view, d)) return;
    this.heardMs = this.o.context.clock.now();
    if (view.opcode === TftpOpcode.Error) {
      this.words = view.errorMessageText();
      upload.handleError(view.errorCode);
    } else if (upload.handleData(view, this.heardMs) === TftpInput.Data) {
      this.keep(d.octets, view.dataAt, view.dataLen);
    }
    this.pump();
  }

  private keep(o: Octets, at: number, len: number): void {
    const { window, decoder } = this;
    if (decoder) this.filled += decoder.decode(o, at, len, window, this.filled);
    else {
      window.u8.set(o.u8.subarray(at, at + len), this.filled);
      this.filled += len;
    }
  }

  /** Writes what came; the machine takes nothing before it is told that this is done. */
  private store(): void {
    const { upload, window, decoder } = this;
    const { complete } = upload;
    this.storing = true;
    if (complete && decoder) this.filled += decoder.finish(window, this.filled);
    this.write(window.u8.subarray(0, this.filled), complete).then((refused) => {
      this.storing = false;
      this.filled = 0;
      if (this.over) {
        if (complete) this.tell(refused ? "failed" : "done", refused?.why ?? "");
        return;
      }
      if (refused) {
        this.words = refused.code === TftpError.NotDefined ? "not available now" : refused.why;
        upload.abort(refused.code);
      } else {
        upload.stored(this.o.context.clock.now());
        if (complete) this.tell("done", "");
      }
      this.pump();
    });
  }

  private async write(octets: Uint8Array, complete: boolean): Promise<Refusal | undefined> {
    const { file } = this.o;
    const refused = await file.write(octets);
    if (refused || !complete) return refused;
    return file.commit();
  }

  private arm(): void {
    const { clock } = this.o.context;
    const deadline = this.upload.pollTimeout();
    if (this.cancelTimer || !Number.isFinite(deadline)) return;
    this.cancelTimer = clock.after(Math.max(1, deadline - clock.now()), () => {
      this.cancelTimer = undefined;
      this.upload.handleTimeout(clock.now());
      this.pump();
    });
  }

  private fail(why: string): void {
    // What is being made durable tells by itself how that went.
    if (!this.storing || !this.upload.complete) this.tell("failed", why);
    this.close();
  }

  private tell(outcome: "done" | "failed", why: string): void {
    if (this.told) return;
    this.told = true;
    const { octets, retransmissions } = this.upload;
    const ms = this.o.context.clock.now() - this.startMs;
    this.o.events.ended({ outcome, why, octets, retransmissions, ms });
  }

  private close(): void {
    if (this.over) return;
    this.over = true;
    this.cancelTimer?.();
    this.o.port.close();
    // A write that runs ends first; what is committed stays.
    void this.o.file.discard();
    this.o.events.over();
  }
}

function describeFailure(upload: TftpUpload, words: string): string {
  if (upload.refusedByPeer) return `the client gave up with error ${upload.errorCode}: ${words}`;
  if (upload.errorCode !== 0 || words !== "") return words;
  return "the client stopped sending";
}

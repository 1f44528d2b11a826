import type { Socket } from "node:net";
import { emitRecordMark, RECORD_MARK_LEN, RecordReader } from "../../../protocols/sunrpc/record.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status, statusName } from "../../../protocols/wire/status.ts";
import { TX_SLAB_LEN } from "../../link/datagram.ts";
import type { ServiceContext } from "../context.ts";
import type { Arrival, ReplySink, RpcDispatcher } from "./dispatcher.ts";

/** An NFSv2 WRITE of 8 KiB with its headers is the longest call there is. */
const MAX_CALL = 16_384;
/** Replies a connection may have unsent before its next call is taken. */
const MAX_UNSENT = 256 * 1024;
/** Calls of a connection that wait for a disk before its next one is taken. */
const MAX_WAITING = 32;
/** A connection without a call for this long is closed; clients connect again at need. */
const IDLE_MS = 10 * 60_000;
/** A call that has begun to arrive is there as a whole by then: nobody needs longer for 16 KiB. */
const RECORD_MS = 30_000;
/** A client that takes nothing of its replies for so long is gone, or means no good. */
const STALLED_MS = 60_000;

/**
 * One TCP connection: takes its calls in order, and answers each when its answer is there.
 *
 * Of what a client sends ahead no more is taken than its replies may take room for; the rest waits in the kernel, and in one
 * piece of at most what was read at once.
 */
export class RpcConnection {
  private readonly socket: Socket;
  private readonly dispatcher: RpcDispatcher;
  private readonly context: Pick<ServiceContext, "counters" | "clock">;
  private readonly from: Arrival;
  private readonly reader = new RecordReader(MAX_CALL);
  private readonly scratch = Octets.alloc(TX_SLAB_LEN);
  private waiting = 0;
  /** What was read and not yet taken. */
  private rest: Uint8Array | undefined;
  private cancelRecord: (() => void) | undefined;
  private cancelStalled: (() => void) | undefined;

  constructor(
    socket: Socket,
    src: Ipv4,
    dispatcher: RpcDispatcher,
    context: Pick<ServiceContext, "counters" | "clock">,
  ) {
    this.socket = socket;
    this.dispatcher = dispatcher;
    this.context = context;
    this.from = { src, srcPort: socket.remotePort ?? 0, broadcast: false, transport: "tcp" };
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.closed());
    socket.on("drain", () => this.goOn());
    socket.on("data", (piece) => this.take(piece));
  }

  private mayTake(): boolean {
    return this.waiting < MAX_WAITING && this.socket.writableLength <= MAX_UNSENT;
  }

  private take(piece: Uint8Array): void {
    const { reader, socket } = this;
    let calls = 0;
    const status = reader.feed(new Octets(piece), 0, piece.length, (octets, at, len) => {
      calls += 1;
      this.call(octets, at, len);
      return this.mayTake();
    });
    if (socket.destroyed) return;
    if (status !== Status.Ok) {
      this.drop(statusName(status));
      return;
    }
    this.rest = reader.taken < piece.length ? piece.subarray(reader.taken) : undefined;
    const mayTake = this.mayTake();
    if (!mayTake) {
      socket.pause();
      if (socket.writableLength > MAX_UNSENT) this.watchClient();
    }
    this.watchRecord(calls > 0, mayTake);
  }

  private call(octets: Octets, at: number, len: number): void {
    const sink = new TcpSink(this.socket, this.scratch);
    const pending = this.dispatcher.handle(octets, at, len, this.from, sink);
    if (!pending) return;
    this.waiting += 1;
    pending.then(() => {
      this.waiting -= 1;
      this.goOn();
    });
  }

  /** Takes what waits, as far as there is room. */
  private goOn(): void {
    if (this.socket.destroyed || !this.mayTake()) return;
    this.cancelStalled?.();
    this.cancelStalled = undefined;
    const { rest } = this;
    this.rest = undefined;
    if (rest) this.take(rest);
    if (!this.rest && this.mayTake()) this.socket.resume();
  }

  /** Half a call may take its time, but not for ever. Not while it is us who do not read. */
  private watchRecord(another: boolean, reading: boolean): void {
    if (another || !reading || !this.reader.isInside) {
      this.cancelRecord?.();
      this.cancelRecord = undefined;
    }
    if (!reading || !this.reader.isInside) return;
    this.cancelRecord ??= this.context.clock.after(RECORD_MS, () => this.drop("timeout"));
  }

  private watchClient(): void {
    const before = this.socket.writableLength;
    this.cancelStalled ??= this.context.clock.after(STALLED_MS, () => {
      this.cancelStalled = undefined;
      if (this.socket.writableLength < before) this.watchClient();
      else this.drop("stalled");
    });
  }

  private drop(why: string): void {
    this.context.counters.add("rpc-record", why);
    this.socket.destroy();
  }

  private closed(): void {
    this.cancelRecord?.();
    this.cancelStalled?.();
    this.rest = undefined;
  }
}

class TcpSink implements ReplySink {
  private readonly socket: Socket;
  private readonly scratch: Octets;

  constructor(socket: Socket, scratch: Octets) {
    this.socket = socket;
    this.scratch = scratch;
  }

  begin(): { readonly octets: Octets; readonly at: number } {
    return { octets: this.scratch, at: RECORD_MARK_LEN };
  }

  commit(len: number, payload: readonly Uint8Array[] = []): void {
    const { socket, scratch } = this;
    if (!socket.writable) return;
    let total = len;
    for (const piece of payload) total += piece.length;
    emitRecordMark(total, scratch, 0);
    socket.cork();
    // The head outlives this turn in the socket's queue, and the scratch does not; the payload is the cache's own.
    socket.write(Buffer.from(scratch.u8.subarray(0, RECORD_MARK_LEN + len)));
    for (const piece of payload) socket.write(piece);
    socket.uncork();
  }
}

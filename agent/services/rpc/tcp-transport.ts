import type { Server, Socket } from "node:net";
import { emitRecordMark, RECORD_MARK_LEN, RecordReader } from "../../../protocols/sunrpc/record.ts";
import { parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status, statusName } from "../../../protocols/wire/status.ts";
import { TX_SLAB_LEN } from "../../link/datagram.ts";
import type { StatusCounters } from "../context.ts";
import type { ReplySink, RpcDispatcher } from "./dispatcher.ts";

/** An NFSv2 WRITE of 8 KiB with its headers is the longest call there is. */
const MAX_CALL = 16_384;
/** Replies a connection may have unsent before we stop reading its calls. */
const MAX_UNSENT = 256 * 1024;
/** Calls of a connection that wait for a disk before we stop reading more. */
const MAX_WAITING = 32;
/** A connection without a call for this long is closed; clients connect again at need. */
const IDLE_MS = 10 * 60_000;

/** Serves a dispatcher on a TCP listener; whoever may not talk to us was turned away before. */
export function serveRpcByTcp(
  server: Server,
  dispatcher: RpcDispatcher,
  counters: StatusCounters,
): void {
  server.on("connection", (socket) => serveConnection(socket, dispatcher, counters));
}

function serveConnection(
  socket: Socket,
  dispatcher: RpcDispatcher,
  counters: StatusCounters,
): void {
  const src = parseIpv4(socket.remoteAddress ?? "");
  if (src === undefined) {
    socket.destroy();
    return;
  }
  const from = {
    src,
    srcPort: socket.remotePort ?? 0,
    broadcast: false,
    transport: "tcp" as const,
  };
  const reader = new RecordReader(MAX_CALL);
  const scratch = Octets.alloc(TX_SLAB_LEN);
  socket.setNoDelay(true);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  let waiting = 0;
  const mayRead = (): boolean => waiting < MAX_WAITING && socket.writableLength <= MAX_UNSENT;
  const resume = (): void => {
    if (mayRead()) socket.resume();
  };
  socket.on("drain", resume);
  socket.on("data", (piece) => {
    const o = new Octets(piece);
    const status = reader.feed(o, 0, piece.length, (octets, at, len) => {
      const pending = dispatcher.handle(octets, at, len, from, new TcpSink(socket, scratch));
      if (!pending) return;
      waiting += 1;
      pending.then(() => {
        waiting -= 1;
        resume();
      });
    });
    if (status !== Status.Ok) {
      counters.add("rpc-record", statusName(status));
      socket.destroy();
    } else if (!mayRead()) {
      socket.pause();
    }
  });
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
    if (socket.destroyed) return;
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

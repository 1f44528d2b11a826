import { RECORD_MARK_LEN } from "../../protocols/sunrpc/record.ts";
import { TcpFlag, type TcpView } from "../../protocols/tcp/segment.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Flow } from "./flow.ts";
import type { MessageSink } from "./message.ts";
import type { RpcDissector } from "./rpc-dissector.ts";
import { type StreamHandler, TcpStream } from "./tcp-stream.ts";

/** Directions that are followed at a time. Each keeps less than 1.5 MiB at its worst. */
const MAX_STREAMS = 64;
const IDLE_MS = 86_400_000;

const LAST_FRAGMENT = 0x8000_0000;
/** One direction of a connection. */
interface Direction {
  readonly flow: Flow;
  readonly stream: TcpStream;
}

/** The longest first fragment that a stream is joined at. */
const MAX_FRAGMENT = 1_114_112;
/** The shortest RPC message: a reply that refuses. */
const MIN_MESSAGE = 16;

/**
 * RPC over TCP (RFC 5531 section 11): finds the connections that carry it and shows their messages.
 *
 * A connection counts when one of its ports is known for RPC, or when a segment starts with a record that holds a message.
 */
export class TcpStreams {
  private readonly streams: BoundedMap<string, Direction> = new BoundedMap(MAX_STREAMS, IDLE_MS);
  private readonly rpc: RpcDissector;
  private readonly sink: MessageSink;

  constructor(rpc: RpcDissector, sink: MessageSink) {
    this.rpc = rpc;
    this.sink = sink;
  }

  /**
   * Takes a segment, of which the last `lost` octets are not in the capture. True when it completed messages, which are
   * shown then; the line of a message belongs to the frame that completes it.
   */
  take(flow: Flow, v: TcpView, o: Octets, lost: number): boolean {
    const { sink, streams } = this;
    const { nowMs } = sink;
    const before = sink.count;
    const { cut } = sink;
    sink.cut = false;
    const { flags } = v;
    const reverse = streams.get(`${flow.to} ${flow.from}`, nowMs);
    if (reverse !== undefined && (flags & TcpFlag.Ack) !== 0) {
      reverse.stream.acknowledge(v.ack, this.handlerOf(reverse.flow));
    }
    this.takeData(flow, v, o, lost);
    sink.from = flow.from;
    sink.to = flow.to;
    sink.cut = cut;
    return sink.count > before;
  }

  /** Shows what waited for segments that are not in the capture. */
  end(): void {
    for (const { flow, stream } of this.streams.values()) stream.end(this.handlerOf(flow));
  }

  private takeData(flow: Flow, v: TcpView, o: Octets, lost: number): void {
    const { streams } = this;
    const { nowMs } = this.sink;
    const { flags, payloadAt, payloadLen } = v;
    const key = `${flow.from} ${flow.to}`;
    if ((flags & TcpFlag.Rst) !== 0) {
      streams.delete(key);
      streams.delete(`${flow.to} ${flow.from}`);
      return;
    }
    let stream = streams.get(key, nowMs)?.stream;
    const isSyn = (flags & TcpFlag.Syn) !== 0;
    const seq = isSyn ? (v.seq + 1) | 0 : v.seq;
    if (isSyn && (stream !== undefined || this.rpc.ports.has(flow, nowMs))) {
      stream ??= new TcpStream();
      if (!stream.isAt(seq)) stream.begin(seq);
      streams.set(key, { flow, stream }, nowMs);
    }
    if (payloadLen + lost === 0) return;
    const handler = this.handlerOf(flow);
    if (stream === undefined) {
      const known = this.rpc.ports.has(flow, nowMs);
      if (!known && !handler.isStart(o, payloadAt, payloadLen)) return;
      stream = new TcpStream();
      stream.join(seq);
      streams.set(key, { flow, stream }, nowMs);
    }
    stream.take(seq, o, payloadAt, payloadLen, lost, handler);
  }

  private handlerOf(flow: Flow): StreamHandler {
    const { rpc, sink } = this;
    const show = (o: Octets, at: number, len: number): void => {
      sink.from = flow.from;
      sink.to = flow.to;
      rpc.take("tcp", flow, o, at, len);
    };
    return {
      record: show,
      broken: (o, at, len) => {
        sink.cut = true;
        show(o, at, len);
        sink.cut = false;
      },
      lost: (status) => {
        sink.from = flow.from;
        sink.to = flow.to;
        sink.put("rpc", status, {});
      },
      isStart: (o, at, len) => {
        if (len < RECORD_MARK_LEN + MIN_MESSAGE) return false;
        const fragment = o.dv.getUint32(at) % LAST_FRAGMENT;
        if (fragment < MIN_MESSAGE || fragment > MAX_FRAGMENT) return false;
        return rpc.isMessage("tcp", flow, o, at + RECORD_MARK_LEN, len - RECORD_MARK_LEN);
      },
    };
  }
}

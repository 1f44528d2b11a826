import { TcpConnection } from "../../protocols/tcp/connection.ts";
import { emitTcp, TcpFlag, TcpView, tcpResetFor } from "../../protocols/tcp/segment.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";

/** The server's end of an accepted connection: a stream of octets both ways. */
export interface VirtualStream {
  readonly remote: Ipv4;
  readonly remotePort: number;
  /** What arrives, in order; valid until the handler returns. */
  onData(handler: (o: Octets, at: number, len: number) => void): void;
  /** The client has closed its direction, or the connection is lost. Called once. */
  onEnd(handler: () => void): void;
  /** Queues octets without limit; they go out as the client's window allows. `octets` must not change. */
  write(octets: Uint8Array): void;
  /** Closes our direction after everything that was written. */
  end(): void;
  /** Drops the connection with a reset. */
  abort(): void;
}

/** Sends one segment that `write` puts in place; nothing when it writes 0 octets. */
export type SegmentSender = (dst: Ipv4, write: (o: Octets, at: number) => number) => void;

const MSS = 1_460;
const WINDOW = 65_535;
const SEND_QUEUE = 65_535;

/** The TCP of a `VirtualHost`: listening ports and their connections. */
export class VirtualTcp {
  private readonly address: Ipv4;
  private readonly send: SegmentSender;
  private readonly listeners: Map<number, (stream: VirtualStream) => void> = new Map();
  private readonly connections: Map<string, ServerEnd> = new Map();
  private readonly view: TcpView = new TcpView();
  private nextIss = 0x10_0000;

  constructor(address: Ipv4, send: SegmentSender) {
    this.address = address;
    this.send = send;
  }

  listen(port: number, accept: (stream: VirtualStream) => void): void {
    this.listeners.set(port, accept);
  }

  handleSegment(src: Ipv4, o: Octets, at: number, len: number, nowMs: number): void {
    const { view } = this;
    if (view.reset(o, at, len) !== Status.Ok) return;
    const key = `${src} ${view.srcPort} ${view.dstPort}`;
    let end = this.connections.get(key);
    if (!end) {
      const opening = (view.flags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn;
      const accept = this.listeners.get(view.dstPort);
      if (!opening || !accept) {
        this.reset(src);
        return;
      }
      end = this.accept(src);
      this.connections.set(key, end);
      accept(end);
    }
    end.handleSegment(view, o, nowMs);
    if (end.closed) this.connections.delete(key);
  }

  pollTimeout(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const end of this.connections.values()) next = Math.min(next, end.pollTimeout());
    return next;
  }

  handleTimeout(nowMs: number): void {
    for (const [key, end] of this.connections) {
      end.handleTimeout(nowMs);
      if (end.closed) this.connections.delete(key);
    }
  }

  private accept(remote: Ipv4): ServerEnd {
    const { srcPort: remotePort, dstPort: localPort } = this.view;
    this.nextIss = (this.nextIss + 0x1_0000) | 0;
    const connection = new TcpConnection({
      localAddress: this.address,
      localPort,
      remoteAddress: remote,
      remotePort,
      iss: this.nextIss,
      mss: MSS,
      window: WINDOW,
      sendQueue: SEND_QUEUE,
    });
    return new ServerEnd(connection, remote, remotePort, (write) => this.send(remote, write));
  }

  private reset(dst: Ipv4): void {
    if (this.view.flags & TcpFlag.Rst) return;
    const repr = tcpResetFor(this.view);
    this.send(dst, (o, at) => emitTcp(repr, 0, this.address, dst, o, at));
  }
}

class ServerEnd implements VirtualStream {
  readonly remote: Ipv4;
  readonly remotePort: number;
  private readonly connection: TcpConnection;
  private readonly send: (write: (o: Octets, at: number) => number) => void;
  private readonly pending: Uint8Array[] = [];
  private dataHandler: (o: Octets, at: number, len: number) => void = () => {};
  private endHandler: (() => void) | undefined;
  private ending = false;
  private nowMs = 0;

  constructor(
    connection: TcpConnection,
    remote: Ipv4,
    remotePort: number,
    send: (write: (o: Octets, at: number) => number) => void,
  ) {
    this.connection = connection;
    this.remote = remote;
    this.remotePort = remotePort;
    this.send = send;
  }

  get closed(): boolean {
    return this.connection.state === "closed";
  }

  onData(handler: (o: Octets, at: number, len: number) => void): void {
    this.dataHandler = handler;
  }

  onEnd(handler: () => void): void {
    this.endHandler = handler;
  }

  write(octets: Uint8Array): void {
    this.pending.push(octets);
    this.pump();
  }

  end(): void {
    this.ending = true;
    this.pump();
  }

  abort(): void {
    this.connection.abort();
    this.pump();
  }

  handleSegment(view: TcpView, o: Octets, nowMs: number): void {
    this.nowMs = nowMs;
    const { connection } = this;
    connection.handleSegment(view, nowMs);
    const { receivedAt, receivedLen } = connection;
    if (receivedLen > 0) this.dataHandler(o, receivedAt, receivedLen);
    if (connection.remoteClosed || this.closed) {
      const ended = this.endHandler;
      this.endHandler = undefined;
      ended?.();
    }
    this.pump();
  }

  pollTimeout(): number {
    return this.connection.pollTimeout();
  }

  handleTimeout(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.connection.pollTimeout() > nowMs) return;
    this.connection.handleTimeout(nowMs);
    this.pump();
  }

  private pump(): void {
    const { connection, pending } = this;
    for (let next = pending[0]; next && connection.sendRoom > 0; next = pending[0]) {
      const taken = connection.send(next);
      if (taken === next.length) pending.shift();
      else pending[0] = next.subarray(taken);
    }
    if (this.ending && pending.length === 0) connection.close();
    let written = 1;
    while (written > 0) {
      this.send((o, at) => {
        written = connection.pollTransmit(o, at, this.nowMs);
        return written;
      });
    }
  }
}

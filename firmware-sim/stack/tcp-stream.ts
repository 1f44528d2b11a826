import { TcpConnection } from "../../protocols/tcp/connection.ts";
import { TcpView } from "../../protocols/tcp/segment.ts";
import type { TcpFailure } from "../../protocols/tcp/state.ts";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript, Inbox } from "../boot-script.ts";
import { copyOctets } from "./copy-octets.ts";
import type { HostStack } from "./host-stack.ts";

const MSS = 1_460;
/**
 * Eight segments. A Linux peer on a virtual link may hand over a whole window as one frame (segmentation offload), which
 * must fit a frame lane.
 */
const WINDOW = 11_680;
const SEND_QUEUE = 8_192;
const INBOX_LIMIT = 4_096;
/** Segments that came before their time: a window of them, and as many that came twice. */
const MAX_HELD = 16;

/** A TCP connection of a boot script: opened by `tcpConnect`, read piece by piece. */
export class TcpStream {
  readonly remote: Ipv4;
  readonly remotePort: number;
  private readonly host: HostStack;
  private readonly localPort: number;
  private readonly connection: TcpConnection;
  private readonly view: TcpView = new TcpView();
  private readonly pieces: Inbox<Octets>;
  private held: { readonly seq: number; readonly segment: Octets }[] = [];

  constructor(host: HostStack, remote: Ipv4, remotePort: number) {
    this.host = host;
    this.remote = remote;
    this.remotePort = remotePort;
    this.localPort = 49_152 + (host.random() % 16_384);
    this.pieces = new Inbox<Octets>(host, INBOX_LIMIT);
    this.connection = new TcpConnection({
      localAddress: host.address,
      localPort: this.localPort,
      remoteAddress: remote,
      remotePort,
      iss: host.random() | 0,
      mss: MSS,
      window: WINDOW,
      sendQueue: SEND_QUEUE,
    });
    host.routeTcp(this.localPort, (src, o, at, len) => this.handleSegment(src, o, at, len));
  }

  get failure(): TcpFailure {
    return this.connection.failure;
  }

  /** Whether the peer has closed and everything it sent was read. */
  get ended(): boolean {
    const { connection } = this;
    return this.pieces.isEmpty && (connection.remoteClosed || connection.state === "closed");
  }

  /** Waits for the handshake. */
  *open(untilMs: number): BootScript<boolean> {
    this.connection.connect();
    for (;;) {
      this.transmit();
      const { state } = this.connection;
      if (state === "established" || state === "close-wait") return true;
      if (state === "closed" || this.host.nowMs >= untilMs) return false;
      yield this.wait(untilMs);
    }
  }

  /** Queues octets; requests are small, so that there is always room. */
  send(octets: Uint8Array): void {
    if (this.connection.send(octets) !== octets.length) {
      throw new BootFailure("tcp", "the request does not fit the send queue");
    }
    this.transmit();
  }

  /** The next piece in order; undefined at the end, on failure, and at `untilMs`. */
  *receive(untilMs: number): BootScript<Octets | undefined> {
    for (;;) {
      const piece = yield* this.pieces.take(this.host.nowMs);
      if (piece) return piece;
      if (this.ended || this.host.nowMs >= untilMs) return undefined;
      yield this.wait(untilMs);
    }
  }

  /** Ends our direction and stops listening after a last exchange of segments. */
  close(): void {
    this.connection.close();
    this.transmit();
    if (!this.connection.remoteClosed) this.connection.abort();
    this.transmit();
    this.host.routeTcp(this.localPort, undefined);
  }

  private wait(untilMs: number): number {
    const { connection, host } = this;
    if (connection.pollTimeout() <= host.nowMs) {
      if (connection.unacknowledged > 0 || connection.state === "syn-sent") host.repeats += 1;
      connection.handleTimeout(host.nowMs);
      this.transmit();
    }
    return Math.min(untilMs, connection.pollTimeout());
  }

  private handleSegment(src: Ipv4, o: Octets, at: number, len: number): void {
    const { view, connection } = this;
    if (src !== this.remote || view.reset(o, at, len) !== Status.Ok) return;
    if (view.srcPort !== this.remotePort) return;
    const { seq, payloadLen } = view;
    if (this.takeText(o)) this.takeHeld();
    else if (payloadLen > 0 && ((seq - connection.receiveNext) | 0) > 0) this.hold(seq, o, at, len);
    this.transmit();
  }

  /** Hands in the segment that the view is on; whether it held what is next. */
  private takeText(o: Octets): boolean {
    const { connection } = this;
    connection.handleSegment(this.view, this.host.nowMs);
    const { receivedAt, receivedLen } = connection;
    if (receivedLen > 0) this.pieces.push(new Octets(copyOctets(o, receivedAt, receivedLen)));
    return receivedLen > 0;
  }

  /**
   * Keeps a segment that overtook another one, as iPXE (tcp_rx_enqueue in src/net/tcp.c) and EDK2 do. Without, each gap costs
   * all that follows it, and a sender that has no other news waits longer each time.
   */
  private hold(seq: number, o: Octets, at: number, len: number): void {
    if (this.held.length >= MAX_HELD || this.held.some((h) => h.seq === seq)) return;
    this.held.push({ seq, segment: new Octets(copyOctets(o, at, len)) });
  }

  private takeHeld(): void {
    for (;;) {
      const i = this.held.findIndex((h) => ((h.seq - this.connection.receiveNext) | 0) <= 0);
      const [next] = i < 0 ? [] : this.held.splice(i, 1);
      if (!next) return;
      const { segment } = next;
      if (this.view.reset(segment, 0, segment.u8.length) === Status.Ok) this.takeText(segment);
    }
  }

  private transmit(): void {
    const { connection, host } = this;
    for (;;) {
      let written = 0;
      host.sendTcp(this.remote, (o, at) => {
        written = connection.pollTransmit(o, at, host.nowMs);
        return written;
      });
      if (written === 0) return;
    }
  }
}

/** Opens a connection, or ends the boot. */
export function* tcpConnect(host: HostStack, remote: Ipv4, port: number): BootScript<TcpStream> {
  yield* host.resolve(remote);
  const stream = new TcpStream(host, remote, port);
  if (yield* stream.open(host.nowMs + 30_000)) return stream;
  const why = stream.failure === "refused" ? "connection refused" : "no answer to SYN";
  stream.close();
  throw new BootFailure("tcp", `${formatIpv4(remote)}:${port}: ${why}${host.explainRefusals()}`);
}

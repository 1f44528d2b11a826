import { TcpConnection } from "../../protocols/tcp/connection.ts";
import { TcpView } from "../../protocols/tcp/segment.ts";
import { emitError, TFTP_PORT } from "../../protocols/tftp/packet.ts";
import { IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { NET } from "./boot-site.ts";
import {
  type Claim,
  QUESTIONS,
  type Question,
  REQUESTS,
  type Request,
  type Target,
} from "./questions.ts";
import { BROADCAST_MAC, ip, isAnswer, type RawHost, type Seen } from "./raw-wire.ts";
import { until } from "./until.ts";

const WINDOW = 32_768;
const MSS = 1_460;
const BOOTP_CLIENT_PORT = 68;

export const TARGETS: readonly Target[] = ["unicast", "limited", "subnet"];
let nextPort = 900;
let nextTcpPort = 40_000;

/** Where a way of sending leads; `gateway`: the hardware address that takes unicast. */
export function destination(target: Target, gateway: Uint8Array): { mac: Uint8Array; ip: Ipv4 } {
  if (target === "unicast") return { mac: gateway, ip: ip(NET.agent) };
  return { mac: BROADCAST_MAC, ip: target === "limited" ? IPV4_BROADCAST : ip(NET.broadcast) };
}

/** Sends a question; returns the port that an answer would come to. */
export function ask(
  host: RawHost,
  gateway: Uint8Array,
  q: Question,
  target: Target,
  claim: Claim = host,
  src: Ipv4 = host.ip,
): number {
  const port = q.protocol === "dhcp" || q.protocol === "bootp" ? BOOTP_CLIENT_PORT : ++nextPort;
  host.udp({ ...destination(target, gateway), port: q.port }, port, q.payload(claim), src);
  return port;
}

/** Asks as a machine of the site would, and waits for the answer, which it returns. */
export async function askAnswered(
  host: RawHost,
  gateway: Uint8Array,
  q: Question,
  target: Target,
): Promise<Seen> {
  const from = host.wire.seen.length;
  const port = ask(host, gateway, q, target);
  const answer = await until(`an answer to ${q.name} (${target})`, () =>
    host.wire.seen
      .slice(from)
      .find((s) => s.kind === "udp" && s.dst === host.ip && s.dstPort === port),
  );
  if (q.port === TFTP_PORT) {
    // It would be sent again and again.
    const end = Octets.alloc(32);
    const len = emitError(0, "enough", end, 0);
    host.udp({ mac: gateway, ip: ip(NET.agent), port: answer.srcPort }, port, end.u8.slice(0, len));
  }
  return answer;
}

/** Asks everything that a machine of the site is answered, one after the other, and sees every answer. */
export async function askEverything(host: RawHost, gateway: Uint8Array): Promise<void> {
  const from = host.wire.seen.length;
  host.rarpRequest();
  await until("an answer to RARP", () =>
    host.wire.seen.slice(from).find((s) => s.kind === "rarp" && s.dstMac === host.macText),
  );
  for (const q of QUESTIONS) {
    for (const target of q.answered) await askAnswered(host, gateway, q, target);
  }
  for (const r of REQUESTS) {
    const c = new RawTcp(host, gateway, r);
    await until(`an answer to ${r.name}`, () => c.received > 0);
    c.abort();
  }
}

/** Waits until the agent's kernel answers ARP on this wire: all that it was to send there before has then been seen. */
export async function fence(host: RawHost, target: Ipv4): Promise<void> {
  const from = host.wire.seen.length;
  host.arpRequest(target);
  await until("the kernel's answer to ARP", () =>
    host.wire.seen
      .slice(from)
      .find((s) => s.kind === "arp" && s.src === target && s.dst === host.ip),
  );
}

/** What on this wire is an answer to anybody but `host`. On its management interface an agent announces itself, unasked. */
export function answersToOthers(host: RawHost, from: number): readonly Seen[] {
  const heard = host.wire.seen.slice(from);
  return heard.filter((s) => isAnswer(s) && !host.hears(s) && !isAnnouncement(s));
}

/** mDNS (RFC 6762), and the kernel's joining of its group (RFC 3376 section 4.2.14). */
function isAnnouncement(s: Seen): boolean {
  if (s.dst === ip("224.0.0.251")) return s.kind === "udp" && s.srcPort === 5_353;
  return s.dst === ip("224.0.0.22");
}

/** One TCP connection of a host on a raw wire: connects at once and sends a request. */
export class RawTcp {
  /** Octets of data that the agent sent. */
  received = 0;
  readonly port: number;
  private readonly host: RawHost;
  private readonly gateway: Uint8Array;
  private readonly connection: TcpConnection;

  constructor(host: RawHost, gateway: Uint8Array, request: Request) {
    this.host = host;
    this.gateway = gateway;
    this.port = ++nextTcpPort;
    this.connection = new TcpConnection({
      localAddress: host.ip,
      localPort: this.port,
      remoteAddress: ip(NET.agent),
      remotePort: request.port,
      iss: 1,
      mss: MSS,
      window: WINDOW,
      sendQueue: 4_096,
    });
    host.wire.onSeen((s) => this.take(s));
    this.connection.connect();
    this.connection.send(request.payload);
    this.pump();
  }

  /** Whether the agent or its kernel ended the connection, or refused it. */
  get over(): boolean {
    return this.connection.state === "closed" || this.connection.remoteClosed;
  }

  /** Whether everything sent was taken by the agent's kernel. */
  get delivered(): boolean {
    return this.connection.state === "established" && this.connection.unacknowledged === 0;
  }

  abort(): void {
    this.connection.abort();
    this.pump();
  }

  private take(s: Seen): void {
    if (s.kind !== "tcp" || s.dst !== this.host.ip || s.dstPort !== this.port) return;
    const view = new TcpView();
    if (view.reset(s.segment, 0, s.segment.u8.length)) return;
    this.connection.handleSegment(view, performance.now());
    this.received += s.payload.u8.length;
    this.pump();
  }

  private pump(): void {
    const to = { mac: this.gateway, ip: ip(NET.agent) };
    while (this.host.tcp(to, (o, at) => this.connection.pollTransmit(o, at, performance.now())));
  }
}

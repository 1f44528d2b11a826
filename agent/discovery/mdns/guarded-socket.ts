import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { EventEmitter } from "node:events";

/** The largest message, headers included (RFC 6762 section 17). */
const MAX_LEN = 9_000;
const HEADER_LEN = 12;
/** Octets of the shortest question and the shortest record. */
const QUESTION_LEN = 5;
const RECORD_LEN = 11;
/** Messages of one lane that are decoded: so many at once, and so many a second. A busy office has 20 a second. */
const BURST = 400;
const PER_SECOND = 100;

/** What `multicast-dns` asks of the socket that it is given. */
export type MulticastSocket = Pick<
  Socket,
  | "bind"
  | "send"
  | "close"
  | "address"
  | "addMembership"
  | "dropMembership"
  | "setMulticastTTL"
  | "setMulticastLoopback"
  | "setMulticastInterface"
> &
  EventEmitter;

/** A socket that shares its port, so that it works beside Avahi and beside another of ours. */
export function openMulticastSocket(family: 4 | 6): MulticastSocket {
  return createSocket({ type: family === 4 ? "udp4" : "udp6", reuseAddr: true });
}

/** What becomes of datagrams that are not handed on. */
export type Rejected = "too-long" | "truncated" | "off-link" | "flood";

/** What a guard is told. */
export interface GuardOptions {
  /** Whether this address may be heard. */
  readonly allows: (address: string) => boolean;
  readonly rejected: (why: Rejected) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Stands between a socket and `multicast-dns`, which decodes whatever comes: hands on only what comes from the link, in a size
 * that the protocol allows, with as many items as its header claims, and not more than can be decoded at leisure.
 */
export class GuardedSocket extends EventEmitter {
  private readonly socket: MulticastSocket;
  private readonly options: GuardOptions;
  private tokens = BURST;
  private filledMs: number;

  constructor(socket: MulticastSocket, options: GuardOptions) {
    super();
    this.socket = socket;
    this.options = options;
    this.filledMs = options.now();
    socket.on("message", (octets: Buffer, from: RemoteInfo) => this.take(octets, from));
    socket.on("listening", () => this.emit("listening"));
    socket.on("error", (error: Error) => this.emit("error", error));
  }

  bind(port: number, address: string, done: () => void): void {
    this.socket.bind(port, address, done);
  }
  send(
    octets: Buffer,
    at: number,
    len: number,
    port: number,
    address: string,
    done: (error: Error | null) => void,
  ): void {
    this.socket.send(octets, at, len, port, address, done);
  }
  address(): ReturnType<Socket["address"]> {
    return this.socket.address();
  }
  addMembership(group: string, own: string): void {
    this.socket.addMembership(group, own);
  }
  dropMembership(group: string, own: string): void {
    this.socket.dropMembership(group, own);
  }
  setMulticastTTL(hops: number): void {
    this.socket.setMulticastTTL(hops);
  }
  setMulticastLoopback(on: boolean): void {
    this.socket.setMulticastLoopback(on);
  }
  setMulticastInterface(own: string): void {
    this.socket.setMulticastInterface(own);
  }
  close(done?: () => void): void {
    this.socket.close(done);
  }

  private take(octets: Buffer, from: RemoteInfo): void {
    const why = this.judge(octets, from);
    if (why === undefined) this.emit("message", octets, from);
    else this.options.rejected(why);
  }

  private judge(octets: Buffer, from: RemoteInfo): Rejected | undefined {
    if (octets.length > MAX_LEN) return "too-long";
    if (octets.length < HEADER_LEN) return "truncated";
    if (!this.options.allows(from.address)) return "off-link";
    // The library makes room for as many items as the header claims.
    const records = octets.readUInt16BE(6) + octets.readUInt16BE(8) + octets.readUInt16BE(10);
    const least = HEADER_LEN + octets.readUInt16BE(4) * QUESTION_LEN + records * RECORD_LEN;
    if (least > octets.length) return "truncated";
    const now = this.options.now();
    this.tokens = Math.min(BURST, this.tokens + ((now - this.filledMs) / 1_000) * PER_SECOND);
    this.filledMs = now;
    if (this.tokens < 1) return "flood";
    this.tokens -= 1;
    return;
  }
}

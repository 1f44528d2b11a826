import {
  type Datagram,
  type PortOptions,
  TxPool,
  type TxSlab,
  type UdpPort,
  type UdpPorts,
} from "../../agent/link/datagram.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";

/** A datagram that the code under test sent, copied. */
export interface Sent {
  readonly octets: Octets;
  readonly dst: Ipv4;
  readonly dstPort: number;
}

const SLABS = 8;

/** A UDP port without a network: tests put datagrams in and look at what came out. */
export class FakeUdpPort implements UdpPort {
  readonly port: number;
  readonly broadcast: boolean;
  readonly sent: Sent[] = [];
  closed = false;
  /** As if the kernel took nothing: `borrow` gives no memory. */
  congested = false;
  /** To whom payload is to go by the shortest way. */
  hastened: Ipv4 | undefined;
  private handler: (d: Datagram) => void = () => {};
  private readonly pool = new TxPool(SLABS);
  private lent = 0;

  constructor(port: number, broadcast = false) {
    this.port = port;
    this.broadcast = broadcast;
  }

  onDatagram(handler: (d: Datagram) => void): void {
    this.handler = handler;
  }

  /** Slabs that were borrowed and not given back. */
  get slabsOut(): number {
    return this.lent;
  }

  borrow(): TxSlab | undefined {
    const slab = this.congested ? undefined : this.pool.borrow();
    if (slab) {
      slab.octets.u8.fill(0xa5);
      this.lent += 1;
    }
    return slab;
  }

  release(slab: TxSlab): void {
    this.lent -= 1;
    this.pool.release(slab);
  }

  send(
    slab: TxSlab,
    len: number,
    dst: Ipv4,
    dstPort: number,
    payload: readonly Uint8Array[] = [],
    sent?: () => void,
  ): void {
    const pieces = [slab.octets.u8.subarray(0, len), ...payload];
    if (!this.closed) this.sent.push({ octets: new Octets(concat(pieces)), dst, dstPort });
    this.release(slab);
    sent?.();
  }

  hasten(dst: Ipv4): void {
    this.hastened = dst;
  }

  plain(): void {
    this.hastened = undefined;
  }

  close(): void {
    this.closed = true;
  }

  /** A datagram arrives: in the middle of a slab, which is overwritten when the handler returns. */
  deliver(payload: Uint8Array, src: Ipv4, srcPort: number, broadcast = false): void {
    if (this.closed) return;
    const octets = Octets.alloc(payload.length + 20);
    octets.u8.fill(0xa5).set(payload, 10);
    this.handler({ octets, at: 10, len: payload.length, src, srcPort, broadcast });
    octets.u8.fill(0x5a);
  }

  /** Takes what was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }
}

/** Ports without a network; transfers get 20000, 20001 and so on. */
export class FakeUdpPorts implements UdpPorts {
  readonly ports = new Map<number, FakeUdpPort>();
  readonly transfers: FakeUdpPort[] = [];
  /** Set it to make `openTransfer` fail. */
  failure: Error | undefined;

  async open(port: number, options: PortOptions = {}): Promise<FakeUdpPort> {
    const fake = new FakeUdpPort(port, Boolean(options.broadcast));
    this.ports.set(port, fake);
    return fake;
  }

  async openTransfer(): Promise<FakeUdpPort> {
    if (this.failure) throw this.failure;
    const fake = new FakeUdpPort(20_000 + this.transfers.length);
    this.transfers.push(fake);
    return fake;
  }

  /** The port that a service opened. */
  port(port: number): FakeUdpPort {
    const fake = this.ports.get(port);
    if (!fake) throw new Error(`port ${port} is not open`);
    return fake;
  }
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

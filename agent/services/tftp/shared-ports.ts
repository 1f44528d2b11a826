import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Datagram, TxSlab, UdpPort } from "../../link/datagram.ts";
import { peerKey } from "./peer.ts";

/** One port for all transfers, which are told apart by who the client is: for firewalls that let nothing but port 69 through. */
export class SharedPorts {
  private readonly port: UdpPort;
  private readonly byPeer = new Map<number, SharedPort>();

  constructor(port: UdpPort) {
    this.port = port;
  }

  /** The port as one client's transfer sees it. */
  open(peer: Ipv4, peerPort: number): UdpPort {
    const key = peerKey(peer, peerPort);
    const shared = new SharedPort(this.port, () => {
      if (this.byPeer.get(key) === shared) this.byPeer.delete(key);
    });
    this.byPeer.set(key, shared);
    return shared;
  }

  /** Hands a packet that is no request to its transfer. */
  deliver(d: Datagram): void {
    this.byPeer.get(peerKey(d.src, d.srcPort))?.handler(d);
  }
}

class SharedPort implements UdpPort {
  handler: (d: Datagram) => void = () => {};
  private readonly whole: UdpPort;
  private readonly closed: () => void;

  constructor(whole: UdpPort, closed: () => void) {
    this.whole = whole;
    this.closed = closed;
  }

  get port(): number {
    return this.whole.port;
  }

  onDatagram(handler: (d: Datagram) => void): void {
    this.handler = handler;
  }

  borrow(): TxSlab | undefined {
    return this.whole.borrow();
  }

  release(slab: TxSlab): void {
    this.whole.release(slab);
  }

  send(
    slab: TxSlab,
    len: number,
    dst: Ipv4,
    dstPort: number,
    payload?: readonly Uint8Array[],
    sent?: () => void,
  ): void {
    this.whole.send(slab, len, dst, dstPort, payload, sent);
  }

  close(): void {
    this.closed();
  }
}

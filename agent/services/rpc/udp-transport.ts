import type { Datagram, TxSlab, UdpPort } from "../../link/datagram.ts";
import type { ReplySink, RpcDispatcher } from "./dispatcher.ts";

/** Serves a dispatcher on a UDP port. */
export function serveRpcByUdp(port: UdpPort, dispatcher: RpcDispatcher): void {
  port.onDatagram((d) => {
    const { src, srcPort, broadcast } = d;
    const from = { src, srcPort, broadcast, transport: "udp" as const };
    dispatcher.handle(d.octets, d.at, d.len, from, new UdpSink(port, d));
  });
}

/** A slab is borrowed only when a reply is due: a program that waits for its disk holds none. */
class UdpSink implements ReplySink {
  private readonly port: UdpPort;
  private readonly src: number;
  private readonly srcPort: number;
  private slab: TxSlab | undefined;

  constructor(port: UdpPort, d: Datagram) {
    this.port = port;
    this.src = d.src;
    this.srcPort = d.srcPort;
  }

  begin(): { readonly octets: TxSlab["octets"]; readonly at: number } | undefined {
    this.slab = this.port.borrow();
    return this.slab && { octets: this.slab.octets, at: 0 };
  }

  commit(len: number, payload?: readonly Uint8Array[]): void {
    if (payload) this.port.hasten?.(this.src);
    if (this.slab) this.port.send(this.slab, len, this.src, this.srcPort, payload);
    this.slab = undefined;
  }
}

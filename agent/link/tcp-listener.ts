import { createServer, type Server } from "node:net";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { PeerGuard } from "./peer-guard.ts";
import type { InheritedSockets } from "./systemd.ts";
import { bindError, foreignSocket } from "./udp-port.ts";

/** Where services get their TCP listeners from: the kernel, or a virtual host in tests. */
export interface TcpPorts {
  /** A listening server for a byte-stream protocol; `name` is that of the socket systemd may have opened. */
  open(port: number, name: string): Promise<Server>;
  /** Makes `server` listen. */
  listen(server: Server, port: number, name: string): Promise<void>;
}

/** The kernel's TCP listeners on the rack's address. */
export class KernelTcpPorts implements TcpPorts {
  private readonly address: Ipv4;
  private readonly guard: PeerGuard;
  private readonly inherited: InheritedSockets;
  private readonly maxConnections: number;

  /** `maxConnections`: at once and for each listener, from the board's budget. */
  constructor(
    address: Ipv4,
    guard: PeerGuard,
    inherited: InheritedSockets,
    maxConnections: number,
  ) {
    this.address = address;
    this.guard = guard;
    this.inherited = inherited;
    this.maxConnections = maxConnections;
  }

  /** Listens on a port of the rack's address. Rejects with E_PORT_IN_USE, E_CAPABILITY or E_INTERFACE. */
  async open(port: number, name: string): Promise<Server> {
    const server = createServer();
    await this.listen(server, port, name);
    return server;
  }

  /** Makes `server` listen, and turns away at once whoever is not of the rack. */
  listen(server: Server, port: number, name: string): Promise<void> {
    const host = formatIpv4(this.address);
    server.maxConnections = this.maxConnections;
    server.prependListener("connection", (socket) => {
      const peer = parseIpv4(socket.remoteAddress ?? "");
      if (peer !== undefined && this.guard.admits(peer)) return;
      if (peer !== undefined) this.guard.dropped(peer, `TCP port ${port}`);
      socket.resetAndDestroy();
    });
    const fd = this.inherited.take(name);
    return new Promise((resolve, reject) => {
      server.once("error", (cause) => reject(bindError(cause, `TCP ${host}:${port}`)));
      const ready = (): void => {
        const bound = server.address();
        if (fd === undefined || (typeof bound === "object" && bound?.address === host)) resolve();
        else reject(foreignSocket(name, host, port));
      };
      if (fd === undefined) server.listen({ host, port }, ready);
      else server.listen({ fd }, ready);
    });
  }
}

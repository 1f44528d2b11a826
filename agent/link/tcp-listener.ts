import { createServer, type Server, type Socket } from "node:net";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { PeerGuard } from "./peer-guard.ts";
import type { InheritedSockets } from "./systemd.ts";
import { bindError, foreignSocket } from "./udp-port.ts";
import { type Crowding, WaitingLine } from "./waiting-line.ts";

/** Connections that wait at most, for each listener: a few thousand octets each, here and in the kernel. */
const MAX_WAITING = 4_096;

/** Where services get their TCP listeners from: the kernel, or a virtual host in tests. */
export interface TcpPorts {
  /** A listening server for a byte-stream protocol; `name` is that of the socket systemd may have opened. */
  open(port: number, name: string): Promise<Server>;
  /** Makes `server`, which knows by now what it does with a connection, listen. */
  listen(server: Server, port: number, name: string): Promise<void>;
}

/** How many connections a listener serves at once. */
export interface ConnectionLimits {
  /** Of those that `open` makes. */
  readonly lasting: number;
  /** Of those that `listen` is given. */
  readonly inTurn: number;
}

/** The kernel's TCP listeners on the rack's address. */
export class KernelTcpPorts implements TcpPorts {
  private readonly address: Ipv4;
  private readonly guard: PeerGuard;
  private readonly inherited: InheritedSockets;
  private readonly limits: ConnectionLimits;

  constructor(
    address: Ipv4,
    guard: PeerGuard,
    inherited: InheritedSockets,
    limits: ConnectionLimits,
  ) {
    this.address = address;
    this.guard = guard;
    this.inherited = inherited;
    this.limits = limits;
  }

  /**
   * Listens on a port of the rack's address, for connections that may last: more than fit are reset, since nobody knows how long
   * they would wait. Rejects with E_PORT_IN_USE, E_CAPABILITY or E_INTERFACE.
   */
  async open(port: number, name: string): Promise<Server> {
    const server = createServer();
    server.maxConnections = this.limits.lasting;
    server.on("drop", (end) => this.crowded(end, port, "reset"));
    server.prependListener("connection", (socket) => this.admits(socket, port));
    await this.bind(server, port, name);
    return server;
  }

  /** Makes `server` listen. Connections that are over soon: more than fit wait for their turn. Rejects as `open`. */
  async listen(server: Server, port: number, name: string): Promise<void> {
    const serve = server.listeners("connection");
    server.removeAllListeners("connection");
    const line = new WaitingLine(
      server,
      this.limits.inTurn,
      MAX_WAITING,
      (socket) => {
        for (const listener of serve) Reflect.apply(listener, server, [socket]);
      },
      (socket, what) => this.crowded(socket, port, what),
    );
    // An option of net's createServer, which http's does not pass on: who waits is not read, however much he sends.
    Object.assign(server, { pauseOnConnect: true });
    server.on("connection", (socket) => {
      if (this.admits(socket, port)) line.enter(socket);
    });
    await this.bind(server, port, name);
  }

  /** Whether a connection is of the rack; who is not is turned away at once. */
  private admits(socket: Socket, port: number): boolean {
    const peer = peerOf(socket);
    if (peer !== undefined && this.guard.admits(peer)) return true;
    if (peer !== undefined) this.guard.dropped(peer, `TCP port ${port}`);
    socket.resetAndDestroy();
    return false;
  }

  private crowded(end: Remote | undefined, port: number, what: Crowding): void {
    const peer = peerOf(end);
    if (peer !== undefined) this.guard.crowded(peer, `TCP port ${port}`, what);
  }

  private bind(server: Server, port: number, name: string): Promise<void> {
    const host = formatIpv4(this.address);
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

/** The other end of a connection, as Node has it. */
interface Remote {
  readonly remoteAddress?: string | undefined;
}

/** Undefined: not of IPv4, or gone. */
function peerOf(end: Remote | undefined): Ipv4 | undefined {
  return parseIpv4(end?.remoteAddress ?? "");
}

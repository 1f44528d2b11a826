import { createServer, type Server } from "node:net";
import { Duplex } from "node:stream";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { PeerGuard } from "../link/peer-guard.ts";
import type { TcpPorts } from "../link/tcp-listener.ts";

/** TCP listeners without a network: ordinary Node servers that never listen and are handed their connections. */
export class ReplayTcpPorts implements TcpPorts {
  private readonly servers: Map<number, Server> = new Map();
  private readonly guard: PeerGuard;

  constructor(guard: PeerGuard) {
    this.guard = guard;
  }

  async open(port: number): Promise<Server> {
    const server = createServer();
    await this.listen(server, port);
    return server;
  }

  listen(server: Server, port: number): Promise<void> {
    this.servers.set(port, server);
    return Promise.resolve();
  }

  has(port: number): boolean {
    return this.servers.has(port);
  }

  /** Connects a client to one of our ports; `give` gets what the server sends. Undefined when it would be turned away. */
  connect(
    port: number,
    remote: Ipv4,
    remotePort: number,
    give: (octets: Uint8Array) => void,
  ): ReplayConnection | undefined {
    const server = this.servers.get(port);
    if (!server) return undefined;
    if (!this.guard.admits(remote)) {
      this.guard.dropped(remote, `TCP port ${port}`);
      return undefined;
    }
    const connection = new ReplayConnection(remote, remotePort, give);
    server.emit("connection", connection);
    return connection;
  }
}

/** The server's end of a connection of the capture, as far as servers use a `net.Socket`. */
export class ReplayConnection extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  private readonly give: (octets: Uint8Array) => void;

  constructor(remote: Ipv4, remotePort: number, give: (octets: Uint8Array) => void) {
    super({ allowHalfOpen: false });
    this.remoteAddress = formatIpv4(remote);
    this.remotePort = remotePort;
    this.give = give;
    this.on("error", () => {});
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.give(chunk);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.give(Buffer.concat(chunks.map((c) => c.chunk)));
    done();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  /** Members of `net.Socket` that servers call and that mean nothing here: the capture says when a connection ends. */
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

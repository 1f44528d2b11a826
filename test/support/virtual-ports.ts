import { Duplex } from "node:stream";
import type { Clock } from "../../agent/link/clock.ts";
import { TxPool, type UdpPort, type UdpPorts } from "../../agent/link/datagram.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { VirtualDatagram, VirtualHost } from "./virtual-host.ts";
import type { VirtualStream } from "./virtual-tcp.ts";

/** The agent's UDP lane on a virtual host. */
export function virtualUdpPorts(host: VirtualHost): UdpPorts {
  const pool = new TxPool(64);
  const open = (port: number, broadcast: boolean): UdpPort => {
    let handler: (d: VirtualDatagram) => void = () => {};
    const socket = host.openUdp(port, (d) => {
      if (broadcast || !d.broadcast) handler(d);
    });
    return {
      port: socket.port,
      onDatagram: (fn) => {
        handler = fn;
      },
      borrow: () => pool.borrow(),
      release: (slab) => pool.release(slab),
      send: (slab, len, dst, dstPort, payload = [], sent) => {
        socket.send(dst, dstPort, slab.octets, 0, len, Buffer.concat(payload));
        pool.release(slab);
        sent?.();
      },
      close: () => socket.close(),
    };
  };
  return {
    open: async (port, options = {}) => open(port, Boolean(options.broadcast)),
    openTransfer: async () => open(0, false),
  };
}

/** The agent's clock on a virtual host: the wire's time. */
export function virtualClockOf(host: VirtualHost): Clock {
  return {
    now: () => host.nowMs,
    after: (ms, fn) => host.setTimer(ms, fn),
  };
}

/**
 * A virtual connection as a Node stream: `httpServer.emit("connection", new VirtualDuplex(stream))` serves it, and so
 * does the "connection" handler of any `net.Server`.
 */
export class VirtualDuplex extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  private readonly stream: VirtualStream;

  constructor(stream: VirtualStream) {
    super({ allowHalfOpen: false });
    this.stream = stream;
    this.remoteAddress = formatIpv4(stream.remote);
    this.remotePort = stream.remotePort;
    stream.onData((o, at, len) => {
      this.push(Buffer.from(o.u8.subarray(at, at + len)));
    });
    stream.onEnd(() => this.push(null));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.stream.write(Uint8Array.from(chunk));
    done();
  }

  override _final(done: () => void): void {
    this.stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error) this.stream.abort();
    done(error);
  }

  resetAndDestroy(): this {
    this.stream.abort();
    return this.destroy();
  }

  /** Members of `net.Socket` that servers call and that mean nothing here. */
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

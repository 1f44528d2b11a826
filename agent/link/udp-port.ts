import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import {
  formatIpv4,
  IPV4_BROADCAST,
  IPV4_LOOPBACK,
  type Ipv4,
  parseIpv4,
} from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentError } from "../errors.ts";
import { append } from "./append.ts";
import {
  type Datagram,
  type PortOptions,
  TxPool,
  type TxSlab,
  type UdpPort,
  type UdpPorts,
} from "./datagram.ts";
import type { LinkRoute, LinkWay } from "./link-way.ts";
import type { PeerGuard } from "./peer-guard.ts";
import type { InheritedSockets } from "./systemd.ts";

/** The largest UDP payload over IPv4. */
const RX_SLAB_LEN = 65_536;
/**
 * Kernel memory for datagrams that wait for us, octets: a burst of some hundred. The kernel gives what it may, which without
 * privileges is twice of what it gives to everybody; a socket of systemd has more.
 */
const RX_BUFFER = 1024 * 1024;
/** Slabs shared by all ports: replies that the kernel has not taken yet. */
const TX_SLABS = 64;
/** Where the ports of transfers are when nobody says: below those that Linux hands out. */
const TRANSFER_PORTS = { first: 20_000, last: 31_999 } as const;
const TRANSFER_TRIES = 50;
/** How often we look whether the kernel has taken what it had no room for, ms. */
const SETTLE_MS = 2;
/** A neighbour may get another card: its way is looked for again after so long, ms. */
const ROUTE_MS = 10_000;
/** Neighbours whose ways a port knows. */
const MAX_ROUTES = 1_024;

/** What the ports share; one receive slab is enough, since handlers run one after the other. */
interface Shared {
  readonly rx: Octets;
  readonly pool: TxPool;
  readonly guard: Pick<PeerGuard, "admits" | "dropped">;
  readonly link?: LinkWay | undefined;
}

/** Somebody to whom the shortest way is wanted. */
interface Wanted {
  readonly sinceMs: number;
  /** Undefined: there is none, or it is not known yet. */
  route: LinkRoute | undefined;
}

interface BindOptions {
  readonly name?: string | undefined;
  /** Beside another program's socket on 0.0.0.0, if that one allows it. */
  readonly shared?: boolean;
}

/** The kernel's UDP ports on one address of one interface (dgram), deaf to everybody else. */
export class KernelUdpPorts implements UdpPorts {
  private readonly address: Ipv4;
  private readonly broadcastAddress: Ipv4;
  private readonly inherited: InheritedSockets;
  private readonly shared: Shared;
  private readonly transferPorts: { readonly first: number; readonly last: number };
  private nextTransferPort: number;

  constructor(
    address: Ipv4,
    broadcastAddress: Ipv4,
    guard: PeerGuard,
    inherited: InheritedSockets,
    random: () => number,
    transferPorts: { readonly first: number; readonly last: number } = TRANSFER_PORTS,
    link?: LinkWay,
  ) {
    this.address = address;
    this.broadcastAddress = broadcastAddress;
    this.inherited = inherited;
    this.shared = { rx: Octets.alloc(RX_SLAB_LEN), pool: new TxPool(TX_SLABS), guard, link };
    this.transferPorts = transferPorts;
    const { first, last } = transferPorts;
    this.nextTransferPort = first + (random() % (last - first + 1));
  }

  async open(port: number, options: PortOptions = {}): Promise<UdpPort> {
    const { name, broadcast, loopback } = options;
    if (loopback) return this.openLoopback(port);
    const shared = broadcast === "shared";
    const sockets = [
      shared ? await this.bindTransfer() : await this.bind(this.address, port, { name }),
    ];
    try {
      if (broadcast) {
        // Linux delivers a broadcast only to sockets bound to that very address (or to 0.0.0.0, which we never use).
        const as = (suffix: string): BindOptions => ({ name: name && `${name}-${suffix}`, shared });
        sockets.push(await this.bind(this.broadcastAddress, port, as("broadcast")));
        sockets.push(await this.bind(IPV4_BROADCAST, port, as("limited")));
      }
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    return new KernelUdpPort(sockets, port, this.shared);
  }

  private async openLoopback(port: number): Promise<UdpPort> {
    const guard = { admits: (peer: Ipv4) => peer === IPV4_LOOPBACK, dropped: () => {} };
    const socket = await this.bind(IPV4_LOOPBACK, port);
    return new KernelUdpPort([socket], port, { ...this.shared, guard });
  }

  async openTransfer(): Promise<UdpPort> {
    const socket = await this.bindTransfer();
    return new KernelUdpPort([socket], socket.address().port, this.shared);
  }

  private async bindTransfer(): Promise<Socket> {
    for (let i = 0; i < TRANSFER_TRIES; i++) {
      const port = this.nextTransferPort++;
      const { first, last } = this.transferPorts;
      if (this.nextTransferPort > last) this.nextTransferPort = first;
      try {
        return await this.bind(this.address, port);
      } catch (error) {
        if (!(error instanceof AgentError) || error.code !== "E_PORT_IN_USE") throw error;
      }
    }
    throw new AgentError("E_PORT_IN_USE", "no free UDP port for a transfer");
  }

  private bind(
    address: Ipv4,
    port: number,
    { name, shared = false }: BindOptions = {},
  ): Promise<Socket> {
    const fd = name === undefined ? undefined : this.inherited.take(name);
    // A lookup that answers at once: the default one waits a tick even for an address in digits.
    const socket = createSocket({
      type: "udp4",
      reuseAddr: shared,
      lookup: (host, _options, done) => done(null, host, 4),
    });
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        socket.close();
        reject(bindError(cause, `UDP ${formatIpv4(address)}:${port}`));
      };
      socket.once("error", fail);
      const ready = (): void => {
        socket.off("error", fail);
        if (fd === undefined) socket.setRecvBufferSize(RX_BUFFER);
        const bound = socket.address();
        if (bound.address === formatIpv4(address) && bound.port === port) {
          resolve(socket);
          return;
        }
        socket.close();
        reject(foreignSocket(name ?? "", formatIpv4(address), port));
      };
      if (fd === undefined) socket.bind({ address: formatIpv4(address), port }, ready);
      else socket.bind({ fd }, ready);
    });
  }
}

/** Explains why a port could not be had. */
export function bindError(cause: Error, what: string): AgentError {
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") return new AgentError("E_PORT_IN_USE", `${what} is in use`, { cause });
  if (code === "EACCES") return new AgentError("E_CAPABILITY", `${what}: not permitted`, { cause });
  if (code === "EADDRNOTAVAIL") {
    return new AgentError("E_INTERFACE", `${what}: this host does not have that address`, {
      cause,
    });
  }
  return new AgentError("E_PORT_IN_USE", `${what}: ${cause.message}`, { cause });
}

/** A socket unit that was written for another address than the site has now. */
export function foreignSocket(name: string, address: string, port: number): AgentError {
  return new AgentError(
    "E_INTERFACE",
    `the socket "${name}" that systemd passed is not bound to ${address}:${port}`,
    { cure: "Run pilotlight-sockets again: it writes the socket units from the site file." },
  );
}

class KernelUdpPort implements UdpPort {
  readonly port: number;
  private readonly sockets: readonly Socket[];
  private readonly sender: Socket;
  private readonly shared: Shared;
  private handler: (d: Datagram) => void = () => {};
  /** The sender of the last datagram, as text and as a number: one peer sends many in a row. */
  private lastFrom = "";
  private lastSrc: Ipv4 = 0;
  /** The same of the last one that was sent. */
  private lastTo = "0.0.0.0";
  private lastDst: Ipv4 = 0;
  /** What the kernel has not taken yet. */
  private readonly waiting: { readonly slab: TxSlab; readonly sent: (() => void) | undefined }[] =
    [];
  /** To whom the shortest way is wanted, and that way once it is known. */
  private readonly routes = new Map<Ipv4, Wanted>();
  private settling: NodeJS.Timeout | undefined;
  private readonly current: { -readonly [K in keyof Datagram]: Datagram[K] };

  constructor(sockets: readonly Socket[], port: number, shared: Shared) {
    const [sender] = sockets;
    if (!sender) throw new Error("a port needs a socket");
    this.sender = sender;
    this.sockets = sockets;
    this.port = port;
    this.shared = shared;
    this.current = { octets: shared.rx, at: 0, len: 0, src: 0, srcPort: 0, broadcast: false };
    for (const [i, socket] of sockets.entries()) {
      socket.on("message", (msg, from) => this.receive(msg, from, i > 0));
      // ICMP errors (a client that closed its port) surface here; they concern one peer, never the port.
      socket.on("error", () => {});
    }
  }

  onDatagram(handler: (d: Datagram) => void): void {
    this.handler = handler;
  }

  borrow(): TxSlab | undefined {
    return this.shared.pool.borrow();
  }

  release(slab: TxSlab): void {
    this.shared.pool.release(slab);
  }

  send(
    slab: TxSlab,
    len: number,
    dst: Ipv4,
    dstPort: number,
    payload?: readonly Uint8Array[],
    sent?: () => void,
  ): void {
    const { sender, waiting } = this;
    const { u8 } = slab.octets;
    if (payload && this.isHastened(u8, len, dst, dstPort, payload)) {
      this.shared.pool.release(slab);
      sent?.();
      return;
    }
    const end = payload ? append(payload, u8, len) : len;
    // What does not fit is gathered from where it is.
    const list = end < 0 && payload ? [u8.subarray(0, len), ...payload] : undefined;
    // What was copied is not read any more.
    if (!list) sent?.();
    const pending = list && sent;
    try {
      // Without a callback, which would cost a turn and two objects a packet: nearly always the kernel takes it at once.
      if (list) sender.send(list, dstPort, this.textOf(dst));
      else sender.send(u8, 0, end, dstPort, this.textOf(dst));
      if (sender.getSendQueueCount() > 0) {
        waiting.push({ slab, sent: pending });
        this.settleSoon();
        return;
      }
    } catch {
      // The socket was closed meanwhile: the transfer is over.
    }
    this.shared.pool.release(slab);
    pending?.();
  }

  hasten(dst: Ipv4): void {
    const { link } = this.shared;
    const nowMs = performance.now();
    const before = this.routes.get(dst);
    if (!link || (before && nowMs - before.sinceMs < ROUTE_MS)) return;
    if (this.routes.size >= MAX_ROUTES) this.routes.clear();
    const wanted: Wanted = { sinceMs: nowMs, route: before?.route };
    this.routes.set(dst, wanted);
    // What comes when it is not wanted any more is for nobody.
    link.to(dst).then((route) => {
      wanted.route = route;
    });
  }

  plain(): void {
    this.routes.clear();
  }

  close(): void {
    this.plain();
    clearTimeout(this.settling);
    this.settle();
    for (const socket of this.sockets) socket.close();
  }

  /** Until the kernel has taken what it had no room for; in order, so that all have gone when none waits. */
  private settleSoon(): void {
    this.settling ??= setTimeout(() => {
      this.settling = undefined;
      if (this.sender.getSendQueueCount() > 0) this.settleSoon();
      else this.settle();
    }, SETTLE_MS);
  }

  private settle(): void {
    for (const { slab, sent } of this.waiting.splice(0)) {
      this.shared.pool.release(slab);
      sent?.();
    }
  }

  private isHastened(
    u8: Uint8Array,
    len: number,
    dst: Ipv4,
    dstPort: number,
    payload: readonly Uint8Array[],
  ): boolean {
    return this.routes.get(dst)?.route?.send(this.port, dstPort, u8, len, payload) ?? false;
  }

  private textOf(dst: Ipv4): string {
    if (dst !== this.lastDst) {
      this.lastDst = dst;
      this.lastTo = formatIpv4(dst);
    }
    return this.lastTo;
  }

  private receive(msg: Buffer, from: RemoteInfo, broadcast: boolean): void {
    const { rx, guard } = this.shared;
    if (from.address !== this.lastFrom) {
      this.lastFrom = from.address;
      this.lastSrc = parseIpv4(from.address) ?? 0;
    }
    const src = this.lastSrc;
    if (msg.length > rx.u8.length) return;
    if (!guard.admits(src)) {
      guard.dropped(src, `UDP port ${this.port}`);
      return;
    }
    rx.u8.set(msg);
    const d = this.current;
    d.len = msg.length;
    d.src = src;
    d.srcPort = from.port;
    d.broadcast = broadcast;
    this.handler(d);
  }
}

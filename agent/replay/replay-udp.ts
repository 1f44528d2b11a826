import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import {
  type Datagram,
  type PortOptions,
  TxPool,
  type UdpPort,
  type UdpPorts,
} from "../link/datagram.ts";
import type { PeerGuard } from "../link/peer-guard.ts";

const TX_SLABS = 64;
const TRANSFER_PORT_LOW = 20_000;
const TRANSFER_PORT_HIGH = 32_000;

/** A datagram that the agent would have sent. */
export interface SentDatagram {
  readonly srcPort: number;
  readonly dst: Ipv4;
  readonly dstPort: number;
  readonly octets: Octets;
  /** Whether it came from the port of a TFTP transfer. */
  readonly transfer: boolean;
}

/** UDP ports without a network: datagrams are put in by hand, and what is sent is handed out. */
export class ReplayUdpPorts implements UdpPorts {
  private readonly ports: Map<number, ReplayUdpPort> = new Map();
  private readonly pool: TxPool = new TxPool(TX_SLABS);
  private readonly guard: PeerGuard;
  private readonly give: (sent: SentDatagram) => void;
  private nextTransferPort = TRANSFER_PORT_LOW;

  constructor(guard: PeerGuard, give: (sent: SentDatagram) => void) {
    this.guard = guard;
    this.give = give;
  }

  open(port: number, options: PortOptions = {}): Promise<UdpPort> {
    return Promise.resolve(this.add(port, Boolean(options.broadcast), false));
  }

  openTransfer(): Promise<UdpPort> {
    while (this.ports.has(this.nextTransferPort)) this.step();
    const port = this.add(this.nextTransferPort, false, true);
    this.step();
    return Promise.resolve(port);
  }

  isOpen(port: number): boolean {
    return this.ports.has(port);
  }

  /** Hands a datagram to a port, as the kernel would; false when nobody listens there. */
  deliver(port: number, d: Datagram): boolean {
    const target = this.ports.get(port);
    if (!target || (d.broadcast && !target.hearsBroadcasts)) return false;
    if (this.guard.admits(d.src)) target.handler(d);
    else this.guard.dropped(d.src, `UDP port ${port}`);
    return true;
  }

  private step(): void {
    this.nextTransferPort += 1;
    if (this.nextTransferPort >= TRANSFER_PORT_HIGH) this.nextTransferPort = TRANSFER_PORT_LOW;
  }

  private add(port: number, hearsBroadcasts: boolean, transfer: boolean): ReplayUdpPort {
    const { pool, give, ports } = this;
    const added: ReplayUdpPort = {
      port,
      hearsBroadcasts,
      handler: () => {},
      onDatagram: (fn) => {
        added.handler = fn;
      },
      borrow: () => pool.borrow(),
      release: (slab) => pool.release(slab),
      send: (slab, len, dst, dstPort, payload = [], sent) => {
        const octets = new Octets(
          new Uint8Array(Buffer.concat([slab.octets.u8.subarray(0, len), ...payload])),
        );
        pool.release(slab);
        sent?.();
        give({ srcPort: port, dst, dstPort, octets, transfer });
      },
      close: () => {
        if (ports.get(port) === added) ports.delete(port);
      },
    };
    ports.set(port, added);
    return added;
  }
}

interface ReplayUdpPort extends UdpPort {
  readonly hearsBroadcasts: boolean;
  handler: (d: Datagram) => void;
}

import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";

/** A datagram as a service sees it: valid until its handler returns, then the lane re-uses the memory. */
export interface Datagram {
  readonly octets: Octets;
  readonly at: number;
  readonly len: number;
  readonly src: Ipv4;
  readonly srcPort: number;
  /** Sent to 255.255.255.255 or to the network's broadcast address: silence is then the only refusal. */
  readonly broadcast: boolean;
}

/** Memory to emit one reply into; borrowed from a lane, given back by sending or releasing it. */
export interface TxSlab {
  readonly octets: Octets;
}

/** A UDP port on the rack's interface. */
export interface UdpPort {
  readonly port: number;
  onDatagram(handler: (d: Datagram) => void): void;
  /** A slab of at least `TX_SLAB_LEN` octets; undefined when all are in flight: drop the reply, the peer will ask again. */
  borrow(): TxSlab | undefined;
  release(slab: TxSlab): void;
  /**
   * Sends the first `len` octets of the slab and then `payload`, which is not copied. Takes the slab back.
   *
   * `sent` is called once, when the kernel has taken the datagram or will never do so: `payload` is not read any more.
   */
  send(
    slab: TxSlab,
    len: number,
    dst: Ipv4,
    dstPort: number,
    payload?: readonly Uint8Array[],
    sent?: () => void,
  ): void;
  /** What has a payload goes to this neighbour by the shortest way that there is, for some seconds; then it is asked again. */
  hasten?(dst: Ipv4): void;
  /** Everything goes by the host's own way, until somebody is hastened again. */
  plain?(): void;
  close(): void;
}

/** What a service wants of its port. */
export interface PortOptions {
  /**
   * Broadcasts to this port as well. "shared": nothing but them, beside the program that has the port, if it lets us; what is sent
   * leaves by another port.
   */
  readonly broadcast?: boolean | "shared";
  /** At 127.0.0.1 instead, and from there: no other host can be the sender, since Linux drops such packets as martians. */
  readonly loopback?: boolean;
  /** Name under which systemd may have opened it for us. */
  readonly name?: string;
}

/** Where a service gets its ports from: the kernel, or a virtual host in tests. */
export interface UdpPorts {
  /** The rack's address, and the datagrams that are broadcast to this port. */
  open(port: number, options?: PortOptions): Promise<UdpPort>;
  /** A fresh port of the rack's address for one transfer. */
  openTransfer(): Promise<UdpPort>;
}

/** Octets of a transmit slab: an NFSv2 READDIR reply of 8 KiB with its headers fits. */
export const TX_SLAB_LEN = 9_216;

/** A fixed set of transmit slabs; nothing is allocated once it exists. */
export class TxPool {
  private readonly free: TxSlab[] = [];
  private readonly count: number;
  private readonly slabLen: number;
  private made = 0;

  /** At most `count` slabs, each made when it is first needed. */
  constructor(count: number, slabLen: number = TX_SLAB_LEN) {
    this.count = count;
    this.slabLen = slabLen;
  }

  borrow(): TxSlab | undefined {
    const slab = this.free.pop();
    if (slab || this.made >= this.count) return slab;
    this.made += 1;
    return { octets: Octets.alloc(this.slabLen) };
  }

  release(slab: TxSlab): void {
    this.free.push(slab);
  }
}

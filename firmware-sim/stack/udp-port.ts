import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { type BootScript, Inbox } from "../boot-script.ts";
import type { HostStack } from "./host-stack.ts";

/** A datagram that arrived: a copy, exactly as long as its payload. */
export interface ReceivedDatagram {
  readonly src: Ipv4;
  readonly srcPort: number;
  readonly dst: Ipv4;
  readonly octets: Octets;
}

/** An open UDP port of a `HostStack`. */
export class UdpPort {
  readonly port: number;
  readonly inbox: Inbox<ReceivedDatagram>;
  private readonly host: HostStack;

  constructor(host: HostStack, port: number) {
    this.host = host;
    this.port = port;
    this.inbox = new Inbox<ReceivedDatagram>(host);
  }

  send(dst: Ipv4, dstPort: number, write: (o: Octets, at: number) => number): void {
    this.host.sendUdp(this.port, dst, dstPort, write);
  }

  /** The next datagram until the absolute time `untilMs`, undefined when none came. */
  receive(untilMs: number): BootScript<ReceivedDatagram | undefined> {
    return this.inbox.take(untilMs);
  }

  close(): void {
    this.host.closeUdp(this);
  }
}

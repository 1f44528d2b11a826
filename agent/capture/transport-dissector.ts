import {
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  PXE_BOOT_SERVER_PORT,
} from "../../protocols/dhcp/options.ts";
import { TcpView } from "../../protocols/tcp/segment.ts";
import { UdpView } from "../../protocols/udp/datagram.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { DhcpDissector } from "./dhcp-fields.ts";
import { type Flow, flowOf } from "./flow.ts";
import { tcpFields } from "./ipv4-fields.ts";
import { MDNS_PORT, takeMdns } from "./mdns-fields.ts";
import type { Fields, MessageSink } from "./message.ts";
import { RpcDissector } from "./rpc-dissector.ts";
import { TcpStreams } from "./tcp-streams.ts";
import { TftpDissector } from "./tftp-fields.ts";

/** Shows the packet around a segment in which there is no message. */
export type PutPacket = (status: Status, inner: Fields) => void;

/** Finds out what a UDP datagram or a TCP segment carries. Addresses are text. */
export class TransportDissector {
  private readonly sink: MessageSink;
  private readonly udp: UdpView = new UdpView();
  private readonly tcp: TcpView = new TcpView();
  private readonly dhcp: DhcpDissector;
  private readonly tftp: TftpDissector;
  private readonly rpc: RpcDissector;
  private readonly streams: TcpStreams;

  constructor(sink: MessageSink) {
    this.sink = sink;
    this.dhcp = new DhcpDissector(sink);
    this.tftp = new TftpDissector(sink);
    this.rpc = new RpcDissector(sink);
    this.streams = new TcpStreams(this.rpc, sink);
  }

  takeUdp(src: string, dst: string, o: Octets, at: number, len: number): void {
    const { udp, sink } = this;
    const status = sink.cut ? udp.resetCut(o, at, len) : udp.reset(o, at, len);
    if (status !== Status.Ok) {
      sink.put("udp", status, { src, dst });
      return;
    }
    const { srcPort, dstPort, length } = udp;
    const flow = flowOf(src, srcPort, dst, dstPort);
    sink.from = flow.from;
    sink.to = flow.to;
    if (this.takePayload(flow, o, udp.payloadAt, udp.payloadLen)) return;
    sink.put("udp", status, { src, srcPort, dst, dstPort, length });
  }

  /** `sent`: octets that the segment had on the wire, `len` and those that the capture cut off. */
  takeTcp(
    src: string,
    dst: string,
    o: Octets,
    at: number,
    len: number,
    sent: number,
    putPacket: PutPacket,
  ): void {
    const { tcp, sink } = this;
    const status = tcp.reset(o, at, len);
    if (status !== Status.Ok) {
      putPacket(sink.cut ? Status.Truncated : status, {});
      return;
    }
    const flow = flowOf(src, tcp.srcPort, dst, tcp.dstPort);
    sink.from = flow.from;
    sink.to = flow.to;
    if (!this.streams.take(flow, tcp, o, sent - len)) putPacket(status, { tcp: tcpFields(tcp) });
  }

  /** At the end of the capture. */
  end(): void {
    this.streams.end();
  }

  private takePayload(flow: Flow, o: Octets, at: number, len: number): boolean {
    if (isDhcpPort(flow.srcPort) || isDhcpPort(flow.dstPort)) {
      this.dhcp.take(o, at, len);
      return true;
    }
    if (flow.srcPort === MDNS_PORT || flow.dstPort === MDNS_PORT) {
      takeMdns(this.sink, o, at, len);
      return true;
    }
    // A transfer whose both ends are known is TFTP whatever it holds. Where only the client's end is, RPC is tried first: it
    // is hard to mistake.
    if (!this.tftp.owns(flow) && this.rpc.takeDatagram(flow, o, at, len)) return true;
    return this.tftp.take(flow, o, at, len);
  }
}

function isDhcpPort(port: number): boolean {
  return port === DHCP_SERVER_PORT || port === DHCP_CLIENT_PORT || port === PXE_BOOT_SERVER_PORT;
}

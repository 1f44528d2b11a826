import { createRequire } from "node:module";

// The decoders that npm has for these protocols, untyped and CommonJS. Types are given as far as the benches use them.

const require = createRequire(import.meta.url);

/** `decoders` of `cap`: each turns the octets at an offset into objects and strings. */
export interface CapDecoders {
  Ethernet(b: Buffer, offset: number): { readonly info: { readonly type: number }; offset: number };
  IPV4(b: Buffer, offset: number): { readonly info: { readonly ttl: number }; offset: number };
  UDP(b: Buffer, offset: number): { readonly info: { readonly srcport: number }; offset: number };
  TCP(b: Buffer, offset: number): { readonly info: { readonly seqno: number }; offset: number };
  ARP(b: Buffer, offset: number): unknown;
}
export const capDecoders: CapDecoders = (require("cap") as { decoders: CapDecoders }).decoders;

interface PcapDecoder<T> {
  new (): { decode(b: Buffer, offset: number, len?: number): T };
}
/** Decoders of `pcap` (node-pcap). Ethernet decodes what it carries, down to UDP and TCP; so does IPv4. */
export const PcapEthernet = require("pcap/decode/ethernet_packet") as PcapDecoder<PcapFrame>;
export const PcapIpv4 = require("pcap/decode/ipv4") as PcapDecoder<PcapPacket>;
export const PcapUdp = require("pcap/decode/udp") as PcapDecoder<PcapDatagram>;
export const PcapTcp = require("pcap/decode/tcp") as PcapDecoder<unknown>;
export const PcapArp = require("pcap/decode/arp") as PcapDecoder<unknown>;

export interface PcapFrame {
  readonly payload: PcapPacket;
}
export interface PcapPacket {
  readonly payload: PcapDatagram;
}
export interface PcapDatagram {
  readonly data: Buffer;
}

/** Parser and formatter of the `dhcp` package. Options are keyed by their code. */
export interface DhcpProtocol {
  parse(b: Buffer): { readonly xid: number; readonly options: Readonly<Record<number, unknown>> };
  format(message: unknown): { readonly _data: Buffer; readonly _w: number };
}
export const dhcpProtocol: DhcpProtocol = require("dhcp/lib/protocol") as DhcpProtocol;

/** The parser prints a line for every option that it does not know: writing those would be most of its time. */
export function silenceUnknownOptions(): void {
  Object.assign(globalThis.console, { error: () => {} });
}

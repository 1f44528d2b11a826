import { createReadStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { captureFrames } from "../../agent/capture/capture-reader.ts";
import type { Message } from "../../agent/services/dhcp/received.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { EthernetView } from "../../protocols/ethernet/frame.ts";
import { IPPROTO_UDP, Ipv4View } from "../../protocols/ipv4/packet.ts";
import { UdpView } from "../../protocols/udp/datagram.ts";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { macText } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { bytes } from "./hex.ts";
import { ip } from "./test-site.ts";

const CAPTURES = fileURLToPath(new URL("../golden/captures", import.meta.url));
const OPTIONS_AT = 240;

/** A DHCP message in a frame or datagram, and by which way it went. */
export interface DhcpFrame {
  readonly o: Octets;
  readonly view: DhcpView;
  /** Where in `o` the message is. */
  readonly message: Message;
  readonly dstMac: string;
  readonly src: Ipv4;
  /** "10.0.0.1:67 > 255.255.255.255:68". */
  readonly route: string;
  readonly srcPort: number;
  readonly dstPort: number;
}

/** Takes a frame apart; undefined when it is none of DHCP. */
export function dhcpFrame(o: Octets): DhcpFrame | undefined {
  const [frame, packet, udp, view] = [
    new EthernetView(),
    new Ipv4View(),
    new UdpView(),
    new DhcpView(),
  ];
  if (frame.reset(o, 0, o.u8.length) || frame.etherType !== 0x0800) return undefined;
  if (packet.reset(o, frame.payloadAt, frame.payloadLen)) return undefined;
  if (packet.protocol !== IPPROTO_UDP) return undefined;
  if (udp.reset(o, packet.payloadAt, packet.payloadLen)) return undefined;
  const { srcPort, dstPort, payloadAt: at, payloadLen: len } = udp;
  if (![67, 68, 4011].includes(dstPort) || view.reset(o, at, len)) return undefined;
  const { src, dst } = packet;
  return {
    o,
    view,
    message: { o, at, len },
    dstMac: macText(o, frame.dstAt),
    src,
    route: `${formatIpv4(src)}:${srcPort} > ${formatIpv4(dst)}:${dstPort}`,
    srcPort,
    dstPort,
  };
}

/** The DHCP messages of a capture of test/golden. */
export async function capturedDhcp(name: string): Promise<readonly DhcpFrame[]> {
  const found: DhcpFrame[] = [];
  for await (const { octets, at, len } of captureFrames(createReadStream(join(CAPTURES, name)))) {
    const frame = dhcpFrame(new Octets(Uint8Array.from(octets.u8.subarray(at, at + len))));
    if (frame) found.push(frame);
  }
  return found;
}

/** What to change of a client's message: header fields, and options put in place of its own. */
export interface DhcpChange {
  readonly op?: number;
  readonly mac?: string;
  readonly flags?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  /** Hex without the end option. */
  readonly options?: string;
}

/** A client's message from its hex. */
export function clientMessage(frame: string, change: DhcpChange = {}): Uint8Array {
  const base = bytes(frame);
  const u8 =
    change.options === undefined
      ? base
      : Uint8Array.from([...base.subarray(0, OPTIONS_AT), ...bytes(`${change.options} ff`)]);
  const { dv } = new Octets(u8);
  if (change.op !== undefined) dv.setUint8(0, change.op);
  if (change.flags !== undefined) dv.setUint16(10, change.flags);
  if (change.ciaddr) dv.setInt32(12, ip(change.ciaddr));
  if (change.giaddr) dv.setInt32(24, ip(change.giaddr));
  if (change.mac) u8.set(bytes(change.mac), 28);
  return u8;
}

/** The same in the middle of other octets, as lanes hand it on. */
export function clientQuestion(frame: string, change: DhcpChange = {}): Message {
  const u8 = clientMessage(frame, change);
  const o = Octets.alloc(u8.length + 20);
  o.u8.fill(0xa5).set(u8, 10);
  return { o, at: 10, len: u8.length };
}

/** The message of a datagram or frame that was sent. */
export function viewOf(o: Octets, at = 0): DhcpView {
  const view = new DhcpView();
  const status = view.reset(o, at, o.u8.length - at);
  if (status) throw new Error(`not a DHCP message: status ${status}`);
  return view;
}

/** The codes of a message's options, in order. */
export function optionCodes(view: DhcpView): readonly number[] {
  const codes: number[] = [];
  view.forEachOption((code) => codes.push(code));
  return codes;
}

/** An option's octets in hex; "" when it is not there. */
export function optionHex(view: DhcpView, code: number): string {
  const into = Octets.alloc(1_024);
  const len = view.optionJoined(code, into);
  return len < 0 ? "" : Buffer.from(into.u8.subarray(0, len)).toString("hex");
}

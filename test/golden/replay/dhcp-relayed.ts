import { emitDhcpFrame, MESSAGE_AT } from "../../../agent/services/dhcp/frame.ts";
import { GIADDR, HOPS, OPTIONS } from "../../../protocols/dhcp/layout.ts";
import { BOOTREQUEST, DhcpMessageType } from "../../../protocols/dhcp/options.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { capturedDhcp, type DhcpFrame } from "../../support/dhcp-frames.ts";
import { bytes } from "../../support/hex.ts";
import { PcapWriter } from "../../support/pcap-writer.ts";
import { ip } from "../../support/test-site.ts";

const RELAY = ip("192.168.77.99");
const SERVER = ip("192.168.77.1");
const CARD: Uint8Array = bytes("525400770099");
const SERVER_CARD: Uint8Array = bytes("525400770001");
/** Option 82 with a circuit, "port7", and its end. */
const AGENT = "52 07 01 05 706f727437 ff";
const END = 255;
const SPACING_MS = 1_000;

/**
 * The questions of a capture that begin a boot, as a relay hands them on: as a capture of its own, to the same server. Undefined
 * when there is none that did not come by a relay.
 */
export async function throughRelay(name: string): Promise<Uint8Array | undefined> {
  const writer = new PcapWriter();
  for (const frame of await capturedDhcp(name)) {
    const { view, dstPort } = frame;
    const begins = view.isBootp || view.messageType === DhcpMessageType.Discover;
    if (view.op !== BOOTREQUEST || !begins || view.giaddr !== 0 || dstPort !== 67) continue;
    writer.add(relayed(frame), writer.count * SPACING_MS);
  }
  return writer.count === 0 ? undefined : writer.octets();
}

function relayed({ view, message }: DhcpFrame): Uint8Array {
  const { o, at, len } = message;
  const asked = o.u8.subarray(at, at + len);
  const agent = bytes(AGENT);
  const end = view.hasCookie ? endOf(asked) : len;
  const told = view.isBootp ? asked : Uint8Array.from([...asked.subarray(0, end), ...agent]);
  const tx = Octets.alloc(MESSAGE_AT + told.length);
  tx.u8.set(told, MESSAGE_AT);
  tx.dv.setUint8(MESSAGE_AT + HOPS, 1);
  tx.dv.setInt32(MESSAGE_AT + GIADDR, RELAY);
  const macs = { srcMac: CARD, dstMac: SERVER_CARD };
  const route = { ...macs, src: RELAY, dst: SERVER, srcPort: 67, dstPort: 67 };
  return tx.u8.slice(0, emitDhcpFrame(route, told.length, tx));
}

function endOf(message: Uint8Array): number {
  let at = OPTIONS;
  while (message[at] !== END) at += message[at] === 0 ? 1 : 2 + (message[at + 1] ?? 0);
  return at;
}

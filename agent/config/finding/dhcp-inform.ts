import { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  BOOTREQUEST,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DhcpMessageType,
  DhcpOption,
} from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  EthernetView,
  emitEthernet,
} from "../../../protocols/ethernet/frame.ts";
import {
  emitIpv4,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  Ipv4View,
} from "../../../protocols/ipv4/packet.ts";
import { emitUdp, UDP_HEADER_LEN, UdpView } from "../../../protocols/udp/datagram.ts";
import { IPV4_BROADCAST, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { sameMac } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Clock } from "../../link/clock.ts";
import type { FrameLane } from "../../link/frame-lane.ts";

/** Site-specific option (RFC 3942 section 4 leaves 224 to 254 to sites): the URL of the agent's configuration, as text. */
export const CONFIG_URL_OPTION = 224;
/** What of the link is looked at: answers of DHCP servers. */
export const INFORM_FILTER = "udp and src port 67 and dst port 68";
/** When the question is asked, and when it is given up, ms after the beginning. */
const ASK_AT_MS: readonly number[] = [0, 2_000, 6_000];
const GIVE_UP_MS = 10_000;
const BROADCAST_MAC: Uint8Array = Uint8Array.of(255, 255, 255, 255, 255, 255);
const MAX_MESSAGE_LEN = 548;
const MAX_URL_LEN = 1_024;

/** An interface of ours that has an address. */
export interface InformInterface {
  readonly mac: Uint8Array;
  readonly address: Ipv4;
}

export interface InformTools {
  readonly clock: Clock;
  /** 32 bits. */
  readonly random: () => number;
  readonly signal?: AbortSignal;
}

/**
 * Asks the DHCP servers of a link for the URL of the configuration (DHCPINFORM, RFC 2131 section 4.4.3), by a lane opened with
 * `INFORM_FILTER`. The host's own DHCP client keeps its port. Undefined when no server has an answer in time.
 */
export function askByInform(
  lane: FrameLane,
  own: InformInterface,
  tools: InformTools,
): Promise<string | undefined> {
  const { clock, random, signal } = tools;
  const xid = random() >>> 0;
  return new Promise((resolve) => {
    const cancels: (() => void)[] = [];
    const end = (url: string | undefined): void => {
      for (const cancel of cancels) cancel();
      signal?.removeEventListener("abort", abort);
      resolve(url);
    };
    const abort = (): void => end(undefined);
    if (signal?.aborted) return end(undefined);
    signal?.addEventListener("abort", abort, { once: true });
    lane.onFrame((len) => {
      const url = readInformReply(lane.rx, len, own, xid);
      if (url !== undefined) end(url);
    });
    for (const ms of ASK_AT_MS) {
      cancels.push(clock.after(ms, () => lane.send(emitInform(lane.tx, own, xid))));
    }
    cancels.push(clock.after(GIVE_UP_MS, abort));
  });
}

/** Writes the frame at 0; returns its octets. */
function emitInform(o: Octets, own: InformInterface, xid: number): number {
  const { mac, address } = own;
  const writer = new DhcpWriter();
  const udpAt = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN;
  const at = udpAt + UDP_HEADER_LEN;
  const limits = { maxLen: MAX_MESSAGE_LEN, overload: false };
  writer.begin({ op: BOOTREQUEST, xid, ciaddr: address, chaddr: mac }, o, at, limits);
  writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Inform);
  writer.octets(
    DhcpOption.ParameterRequestList,
    new Octets(Uint8Array.of(CONFIG_URL_OPTION)),
    0,
    1,
  );
  writer.text(DhcpOption.VendorClassIdentifier, "pilotlight");
  const len = writer.end();
  const ports = { srcPort: DHCP_CLIENT_PORT, dstPort: DHCP_SERVER_PORT };
  emitUdp(ports, len, address, IPV4_BROADCAST, o, udpAt);
  const ip = { src: address, dst: IPV4_BROADCAST, protocol: IPPROTO_UDP };
  emitIpv4(ip, UDP_HEADER_LEN + len, o, ETHERNET_HEADER_LEN);
  emitEthernet({ dst: BROADCAST_MAC, src: mac, etherType: ETHERTYPE_IPV4 }, o, 0);
  return at + len;
}

/** The URL in an answer to our question; undefined for every other frame. */
function readInformReply(
  o: Octets,
  len: number,
  own: InformInterface,
  xid: number,
): string | undefined {
  const frame = new EthernetView();
  const ip = new Ipv4View();
  const udp = new UdpView();
  const dhcp = new DhcpView();
  if (frame.reset(o, 0, len) || frame.etherType !== ETHERTYPE_IPV4 || frame.vlanId >= 0) return;
  if (ip.reset(o, frame.payloadAt, frame.payloadLen) || ip.isFragment) return;
  if (ip.protocol !== IPPROTO_UDP || udp.reset(o, ip.payloadAt, ip.payloadLen)) return;
  if (udp.srcPort !== DHCP_SERVER_PORT || udp.dstPort !== DHCP_CLIENT_PORT) return;
  if (dhcp.reset(o, udp.payloadAt, udp.payloadLen)) return;
  if (dhcp.op !== BOOTREPLY || dhcp.xid >>> 0 !== xid) return;
  if (dhcp.messageType !== DhcpMessageType.Ack) return;
  if (!sameMac(o, dhcp.chaddrAt, own.mac)) return;
  const url = dhcp.optionText(CONFIG_URL_OPTION);
  return url === "" || url.length > MAX_URL_LEN ? undefined : url;
}

import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { HostStack } from "../stack/host-stack.ts";
import type { ReceivedDatagram, UdpPort } from "../stack/udp-port.ts";
import {
  EMPTY_VENDOR_AREA,
  VENDOR_COOKIE,
  type VendorArea,
  VendorTag,
  walkVendorArea,
} from "./libsa-vendor.ts";
import { type RootPath, setNetwork } from "./root-path.ts";
import { sendReceive } from "./send-receive.ts";

// RFC 951: offsets in octets from op. libsa's struct bootp is the header and 64 octets of vendor area.
const XID = 4;
const CHADDR = 28;
const YIADDR = 16;
const SIADDR = 20;
const VENDOR = 236;
const HEADER_LEN = 236;
const VENDOR_LEN = 64;
const MESSAGE_LEN = 300;

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const ACK = 5;
const LEASE_SECONDS = 300;

/** A reply that the client has accepted. */
interface Answer {
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly vendor: VendorArea;
}

/** Why a reply was ignored, or undefined when it was accepted. */
type Refusal = string | undefined;

/**
 * BOOTP as OpenBSD's second stages speak it (sys/lib/libsa/bootp.c 1.12).
 *
 * The reply must be 300 octets at least, of which the first 64 of the vendor area are parsed, without PAD. The root is on
 * siaddr, or on the swap server (16), under option 17. A message type (53) means nothing to it.
 */
export function* bootp(host: HostStack): BootScript<RootPath> {
  const answer = yield* exchange(host, "bootp", [], (length, { octets }) => {
    if (length < MESSAGE_LEN) return `a reply of ${length} octets, ${MESSAGE_LEN} are needed`;
    return parse(octets, VENDOR_LEN);
  });
  return accept(host, "bootp", answer);
}

/**
 * DHCP as NetBSD's second stages speak it (sys/lib/libsa/bootp.c 1.17): DISCOVER with the message type alone, so the server
 * has to volunteer mask, router and root path; a lease of 300 s is asked for.
 *
 * A first answer without option 53 is taken as a BOOTP reply; with it, it must be an OFFER and an ACK must follow.
 */
export function* dhcp(host: HostStack): BootScript<RootPath> {
  const expecting = (type: number) => (length: number, datagram: ReceivedDatagram) => {
    if (length < HEADER_LEN) return `a reply of ${length} octets, ${HEADER_LEN} are needed`;
    const answer = parse(datagram.octets, length - VENDOR);
    if (answer.yiaddr === 0 || answer.yiaddr === IPV4_BROADCAST) {
      return `yiaddr is ${formatIpv4(answer.yiaddr)}`;
    }
    const { messageType } = answer.vendor;
    if (messageType !== 0 && messageType !== type) {
      return `message type ${messageType}, expected ${type}`;
    }
    return answer;
  };
  const offer = yield* exchange(
    host,
    "dhcp",
    [VendorTag.MessageType, 1, DISCOVER],
    expecting(OFFER),
  );
  if (offer.vendor.messageType === 0) return accept(host, "dhcp", offer);
  const request = [
    ...[VendorTag.MessageType, 1, REQUEST],
    ...[VendorTag.RequestedAddress, 4, ...word(offer.yiaddr)],
    ...[VendorTag.ServerId, 4, ...word(offer.vendor.serverId)],
    ...[VendorTag.LeaseTime, 4, ...word(LEASE_SECONDS)],
  ];
  return accept(host, "dhcp", yield* exchange(host, "dhcp", request, expecting(ACK)));
}

/** One request and the first reply that `judge` does not refuse. */
function* exchange(
  host: HostStack,
  stage: string,
  options: readonly number[],
  judge: (length: number, datagram: ReceivedDatagram) => Answer | string,
): BootScript<Answer> {
  const xid = host.random();
  const port = host.openUdp(CLIENT_PORT);
  let ignored: Refusal;
  try {
    const answer = yield* sendReceive(
      host,
      () => sendRequest(host, port, xid, options),
      function* (untilMs) {
        for (;;) {
          const datagram = yield* port.receive(untilMs);
          if (!datagram) return undefined;
          const { octets } = datagram;
          const { length } = octets.u8;
          if (length < HEADER_LEN || octets.dv.getUint32(XID) !== xid) {
            ignored = "another xid";
            continue;
          }
          const judged = judge(length, datagram);
          if (typeof judged !== "string") return judged;
          ignored = judged;
        }
      },
    );
    if (answer) return answer;
    const why = ignored ? `; the last one ignored: ${ignored}` : "";
    throw new BootFailure(stage, `no reply${why}${host.explainRefusals()}`);
  } finally {
    port.close();
  }
}

function sendRequest(
  host: HostStack,
  port: UdpPort,
  xid: number,
  options: readonly number[],
): void {
  port.send(IPV4_BROADCAST, SERVER_PORT, (o, at) => {
    o.u8.fill(0, at, at + MESSAGE_LEN);
    o.u8.set([1, 1, 6], at); // BOOTREQUEST on Ethernet
    o.dv.setUint32(at + XID, xid);
    o.u8.set(host.mac, at + CHADDR);
    o.dv.setUint32(at + VENDOR, VENDOR_COOKIE);
    o.u8.set([...options, 255], at + VENDOR + 4);
    return MESSAGE_LEN;
  });
}

/** Reads a reply; `vendorLen` octets from the cookie on are looked at. */
function parse(o: Octets, vendorLen: number): Answer {
  const { dv } = o;
  const hasCookie = vendorLen >= 4 && dv.getUint32(VENDOR) === VENDOR_COOKIE;
  return {
    yiaddr: dv.getInt32(YIADDR),
    siaddr: dv.getInt32(SIADDR),
    vendor: hasCookie ? walkVendorArea(o, VENDOR + 4, vendorLen - 4) : EMPTY_VENDOR_AREA,
  };
}

function accept(host: HostStack, stage: string, answer: Answer): RootPath {
  const { yiaddr, siaddr, vendor } = answer;
  setNetwork(host, yiaddr, vendor.mask, vendor.router);
  const server = vendor.swapServer !== 0 ? vendor.swapServer : siaddr;
  const trouble = vendor.trouble ? `: ${vendor.trouble}` : "";
  if (server === 0) throw new BootFailure(stage, `no root server, siaddr is 0.0.0.0${trouble}`);
  if (vendor.rootPath === "") throw new BootFailure(stage, `no root path (option 17)${trouble}`);
  return { server, path: vendor.rootPath };
}

function word(n: number): number[] {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}

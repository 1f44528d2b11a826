import { writeNoProxyDhcp } from "../../../protocols/dhcp/ipxe.ts";
import { BOOTP_LIMITS, DhcpWriter, replyLimit } from "../../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  BROADCAST_FLAG,
  DhcpMessageType,
  DhcpOption,
} from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { echoRelayAgent } from "../../../protocols/dhcp/relay-agent.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Offer } from "../../plan/boot-plan.ts";
import type { RaspberryPi } from "../../plan/raspberry-pi.ts";
import type { Family } from "../../site/families.ts";
import type { Subnet } from "../../site/site.ts";
import { writePxeOptions } from "./pxe-options.ts";

/** Octets of the longest DHCP message that fits an Ethernet frame. */
export const MAX_MESSAGE_LEN = 1_472;
/** Octets of the header's `file` with its terminator. */
const FILE_LEN = 128;
/** RFC 2131 section 4.4.5. */
const RENEW_AFTER = 0.5;
const REBIND_AFTER = 0.875;
const FOREVER = 0xffff_ffff;

/** What goes into a reply. */
export interface ReplyContent {
  /** A DHCP message type, 0 for BOOTP. */
  readonly type: number;
  /** Ours: server identifier, TFTP server. */
  readonly server: Ipv4;
  /** What the client gets; 0: it has one, or gets it elsewhere. */
  readonly address: Ipv4;
  /** How long it may keep it; Infinity, or 0 for no lease at all. */
  readonly lengthS: number;
  readonly subnet: Subnet;
  /** "": none is told. */
  readonly hostname: string;
  readonly offer: Offer;
  readonly family: Family;
  readonly pi: RaspberryPi | undefined;
  /** Another server gives the address: this is a ProxyDHCP offer, or the answer of a boot server. */
  readonly proxy: boolean;
  /** Option 43 of a boot menu, or of the item chosen from one. */
  readonly vendor?: Octets | undefined;
  /** The client asked for a lease at once (RFC 4039). */
  readonly rapid: boolean;
}

const writer: DhcpWriter = new DhcpWriter();
/** Options 61 and 82 are joined here before they are echoed. */
const scratch: Octets = Octets.alloc(MAX_MESSAGE_LEN);

/**
 * Writes the reply to `request` (in `from`) at `at`; returns its octets.
 *
 * The boot file goes into the header's `file` and into option 67, the server into siaddr and option 66: shim reads only the
 * header, some ROMs only the options. Options are in the order of need, so that a small buffer gets the vital ones.
 */
export function emitReply(
  r: ReplyContent,
  request: DhcpView,
  from: Octets,
  o: Octets,
  at: number,
): number {
  const { offer } = r;
  // BOOTP has nothing else that says who answers (RFC 951 section 3); in DHCP it stands for something to boot.
  const named = r.type === 0 || offer.bootFile !== undefined || offer.rootPath !== undefined;
  const inHeader = offer.bootFile !== undefined && offer.bootFile.length < FILE_LEN;
  writer.begin(
    {
      op: BOOTREPLY,
      htype: request.htype,
      hlen: request.hlen,
      xid: request.xid,
      flags: request.flags,
      ciaddr: r.type === DhcpMessageType.Ack ? request.ciaddr : 0,
      yiaddr: r.address,
      siaddr: named ? r.server : 0,
      giaddr: request.giaddr,
      chaddr: { o: from, at: request.chaddrAt },
      file: inHeader ? offer.bootFile : undefined,
    },
    o,
    at,
    request.isBootp
      ? BOOTP_LIMITS
      : { maxLen: replyLimit(request, MAX_MESSAGE_LEN), overload: !inHeader },
  );
  if (r.type === 0) writeAddressOptions(r);
  else {
    writer.u8(DhcpOption.DhcpMessageType, r.type);
    writer.ipv4(DhcpOption.ServerIdentifier, r.server);
    if (r.lengthS > 0) writer.u32(DhcpOption.IpAddressLeaseTime, secondsOf(r.lengthS));
    if (!r.proxy) writeAddressOptions(r);
    writeBootOptions(r, request, from);
    if (r.lengthS > 0) writeTimes(r.lengthS);
    if (!r.proxy) writer.ipv4(DhcpOption.BroadcastAddress, r.subnet.broadcast);
    if (r.rapid) writer.octets(DhcpOption.RapidCommit, scratch, 0, 0);
    echoIdentifier(request);
    echoRelayAgent(request, writer, scratch);
  }
  return writer.end();
}

/** A NAK carries nothing but what says so and the relay's option 82, and is broadcast: the client's address is not to be believed. */
export function emitNak(
  server: Ipv4,
  message: string,
  request: DhcpView,
  from: Octets,
  o: Octets,
  at: number,
): number {
  const relayed = request.giaddr !== 0;
  writer.begin(
    {
      op: BOOTREPLY,
      htype: request.htype,
      hlen: request.hlen,
      xid: request.xid,
      flags: relayed ? request.flags | BROADCAST_FLAG : request.flags,
      giaddr: request.giaddr,
      chaddr: { o: from, at: request.chaddrAt },
    },
    o,
    at,
    { maxLen: replyLimit(request, MAX_MESSAGE_LEN), overload: false },
  );
  writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Nak);
  writer.ipv4(DhcpOption.ServerIdentifier, server);
  writer.text(DhcpOption.Message, message);
  echoIdentifier(request);
  // RFC 3046 section 2.2: in all replies, or the relay cannot tell which port the NAK is for.
  echoRelayAgent(request, writer, scratch);
  return writer.end();
}

/** What a host needs to speak to others. NetBSD's loader sends no parameter list, so all of it is volunteered to all. */
function writeAddressOptions({ subnet, offer, hostname }: ReplyContent): void {
  writer.ipv4(DhcpOption.SubnetMask, subnet.mask);
  if (subnet.router !== undefined) writer.ipv4(DhcpOption.Router, subnet.router);
  if (offer.rootPath !== undefined) writer.text(DhcpOption.RootPath, offer.rootPath);
  if (hostname !== "") writer.text(DhcpOption.HostName, hostname);
  writer.ipv4s(DhcpOption.DomainNameServer, subnet.dns);
  if (subnet.domain !== undefined) writer.text(DhcpOption.DomainName, subnet.domain);
}

/** Options that only DHCP clients read. */
function writeBootOptions(r: ReplyContent, request: DhcpView, from: Octets): void {
  const { offer } = r;
  if (offer.bootFile !== undefined) {
    writer.text(DhcpOption.BootfileName, offer.bootFile);
    writer.text(DhcpOption.TftpServerName, formatIpv4(r.server));
  }
  writePxeOptions(r, request, from, writer);
  if (r.family === "ipxe") writeNoProxyDhcp(writer);
}

function writeTimes(lengthS: number): void {
  if (lengthS === Number.POSITIVE_INFINITY) return;
  writer.u32(DhcpOption.RenewalTime, Math.floor(lengthS * RENEW_AFTER));
  writer.u32(DhcpOption.RebindingTime, Math.floor(lengthS * REBIND_AFTER));
}

/** RFC 6842: who sends an identifier gets it back. */
function echoIdentifier(request: DhcpView): void {
  const len = request.optionJoined(DhcpOption.ClientIdentifier, scratch);
  if (len > 0) writer.octets(DhcpOption.ClientIdentifier, scratch, 0, len);
}

function secondsOf(lengthS: number): number {
  return lengthS === Number.POSITIVE_INFINITY ? FOREVER : lengthS;
}

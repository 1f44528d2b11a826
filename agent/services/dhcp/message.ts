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
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { BootPlan, Offer } from "../../plan/boot-plan.ts";
import type { Family } from "../../site/families.ts";
import type { Network } from "../../site/site.ts";

/** Octets of the longest DHCP message that fits an Ethernet frame. */
export const MAX_MESSAGE_LEN = 1_472;
/** Octets of the header's `file` with its terminator. */
const FILE_LEN = 128;
/** A reservation is as good as forever; clients shall still ask now and then, to learn of changes. */
const LEASE_SECONDS = 12 * 3600;

/** What goes into a reply. */
export interface ReplyContent {
  /** A DHCP message type, 0 for BOOTP. */
  readonly type: number;
  readonly plan: BootPlan;
  readonly offer: Offer;
  readonly family: Family;
  readonly network: Network;
  /** Why a NAK is one, for the client's console. */
  readonly message: string;
}

const writer: DhcpWriter = new DhcpWriter();
/** Option 82 is joined here before it is echoed. */
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
  if (r.type === DhcpMessageType.Nak) return emitNak(r, request, from, o, at);
  const { plan, offer, network } = r;
  const informed = request.messageType === DhcpMessageType.Inform;
  const boots = offer.bootFile !== undefined || offer.rootPath !== undefined;
  const inHeader = offer.bootFile !== undefined && offer.bootFile.length < FILE_LEN;
  writer.begin(
    {
      op: BOOTREPLY,
      htype: request.htype,
      hlen: request.hlen,
      xid: request.xid,
      flags: request.flags,
      ciaddr: r.type === DhcpMessageType.Ack ? request.ciaddr : 0,
      yiaddr: informed ? 0 : plan.address,
      siaddr: boots ? plan.server : 0,
      giaddr: request.giaddr,
      chaddr: { o: from, at: request.chaddrAt },
      ...(inHeader && offer.bootFile !== undefined ? { file: offer.bootFile } : {}),
    },
    o,
    at,
    request.isBootp
      ? BOOTP_LIMITS
      : { maxLen: replyLimit(request, MAX_MESSAGE_LEN), overload: !inHeader },
  );
  if (r.type !== 0) {
    writer.u8(DhcpOption.DhcpMessageType, r.type);
    writer.ipv4(DhcpOption.ServerIdentifier, plan.server);
    if (!informed) writer.u32(DhcpOption.IpAddressLeaseTime, LEASE_SECONDS);
  }
  writer.ipv4(DhcpOption.SubnetMask, network.mask);
  if (network.router !== undefined) writer.ipv4(DhcpOption.Router, network.router);
  // NetBSD's loader sends no parameter list, so what it needs is volunteered to all.
  if (offer.rootPath !== undefined) writer.text(DhcpOption.RootPath, offer.rootPath);
  writer.text(DhcpOption.HostName, plan.machine.hostname);
  writer.ipv4s(DhcpOption.DomainNameServer, network.dns);
  if (network.domain !== undefined) writer.text(DhcpOption.DomainName, network.domain);
  if (r.type !== 0) writeBootOptions(r, request);
  return writer.end();
}

/** Options that only DHCP clients read. */
function writeBootOptions(r: ReplyContent, request: DhcpView): void {
  const { offer, plan } = r;
  if (offer.bootFile !== undefined) {
    writer.text(DhcpOption.BootfileName, offer.bootFile);
    writer.text(DhcpOption.TftpServerName, formatIpv4(plan.server));
  }
  // UEFI takes an offer for HTTP boot only if it calls itself one.
  if (r.family.startsWith("uefi-http-")) {
    writer.text(DhcpOption.VendorClassIdentifier, "HTTPClient");
  }
  if (r.family === "ipxe") writeNoProxyDhcp(writer);
  echoRelayAgent(request, writer, scratch);
}

/** A NAK carries nothing but what says so and the relay's option 82, and is broadcast: the client's address is not to be believed. */
function emitNak(r: ReplyContent, request: DhcpView, from: Octets, o: Octets, at: number): number {
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
  writer.ipv4(DhcpOption.ServerIdentifier, r.plan.server);
  writer.text(DhcpOption.Message, r.message);
  // RFC 3046 section 2.2: in all replies, or the relay cannot tell which port the NAK is for.
  echoRelayAgent(request, writer, scratch);
  return writer.end();
}

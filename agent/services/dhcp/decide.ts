import { DhcpMessageType, DhcpOption, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4, type Ipv4, sameNetwork } from "../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { DhcpEvidence } from "../../plan/family.ts";
import type { Network } from "../../site/site.ts";

/** What to do about a message: `reply` is a DHCP message type, or 0 for a BOOTP reply. */
export type DhcpDecision =
  | { readonly reply: number; readonly why: string }
  | { readonly reply: undefined; readonly why: string };

/** What a request tells about its sender. */
export function evidenceOf(v: DhcpView, o: Octets): DhcpEvidence {
  const text = (code: number): string | undefined =>
    v.optionAt(code) < 0 ? undefined : v.optionText(code);
  const bootp = v.isBootp;
  return {
    vendorClass: text(DhcpOption.VendorClassIdentifier),
    userClass: text(DhcpOption.UserClass),
    architecture: v.optionU16(DhcpOption.ClientSystemArchitecture, -1),
    ipxeOptions: v.optionAt(DhcpOption.Ipxe) >= 0,
    bootp,
    mac: macText(o, v.chaddrAt),
    identifier: identifierOf(v, o),
    cookie: v.hasCookie,
    asks: (code) => (bootp ? v.optionAt(code) >= 0 : v.parameterListContains(code)),
  };
}

/** Option 97 as a copy of its own; empty when it is not there. */
function identifierOf(v: DhcpView, o: Octets): Uint8Array {
  const at = v.optionAt(DhcpOption.ClientMachineIdentifier);
  return at < 0
    ? NO_OCTETS
    : Uint8Array.from(o.u8.subarray(at, at + v.optionLen(DhcpOption.ClientMachineIdentifier)));
}

const NO_OCTETS: Uint8Array = new Uint8Array();

/** The name of a message for the journal. */
export function messageName(v: DhcpView): string {
  if (v.isBootp) return v.hasCookie ? "BOOTP request" : "BOOTP request without options";
  return messageTypeName(v.messageType);
}

/**
 * What RFC 2131 section 4.3 makes of a client's message when every address is reserved: there is one address that the
 * machine may have, and no state beyond the site.
 *
 * The reply to a relayed message goes to `giaddr`, which anybody can write: unless the site names that relay it is silence,
 * or a forged message would have us send to any host, by any of our NICs.
 */
export function decideDhcp(v: DhcpView, plan: BootPlan, network: Network): DhcpDecision {
  if (v.giaddr !== 0 && !network.relays.includes(v.giaddr)) {
    const relay = formatIpv4(v.giaddr);
    return { reply: undefined, why: `came through ${relay}, which is not a relay of the site` };
  }
  const { mask } = network;
  switch (v.messageType) {
    case 0:
      return { reply: 0, why: "its reservation" };
    case DhcpMessageType.Discover:
      return { reply: DhcpMessageType.Offer, why: "its reservation" };
    case DhcpMessageType.Request:
      return decideRequest(v, plan, mask);
    case DhcpMessageType.Inform:
      return { reply: DhcpMessageType.Ack, why: "has an address and wants the rest" };
    case DhcpMessageType.Release:
      return { reply: undefined, why: "gave its address back; the reservation stays" };
    case DhcpMessageType.Decline:
      return {
        reply: undefined,
        why: `says that somebody else uses ${formatIpv4(plan.address)}: look for a second host with that address`,
      };
    default:
      return { reply: undefined, why: "not a message that a client sends" };
  }
}

function decideRequest(v: DhcpView, plan: BootPlan, mask: Ipv4): DhcpDecision {
  const server = v.optionIpv4(DhcpOption.ServerIdentifier);
  if (server !== 0 && server !== plan.server) {
    return { reply: undefined, why: `took the offer of another server, ${formatIpv4(server)}` };
  }
  const requested = v.optionIpv4(DhcpOption.RequestedIpAddress);
  const wanted = requested !== 0 ? requested : v.ciaddr;
  if (wanted === plan.address) return { reply: DhcpMessageType.Ack, why: "its reservation" };
  if (wanted === 0) return { reply: undefined, why: "asks for no address at all" };
  const where = sameNetwork(wanted, plan.address, mask) ? "" : ", which is of another network";
  return {
    reply: DhcpMessageType.Nak,
    why: `wants ${formatIpv4(wanted)}${where}; its reservation is ${formatIpv4(plan.address)}`,
  };
}

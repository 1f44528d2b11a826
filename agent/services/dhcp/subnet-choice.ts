import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { RelayAgentView } from "../../../protocols/dhcp/relay-agent.ts";
import { formatIpv4, type Ipv4, sameNetwork } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Network, Subnet } from "../../site/site.ts";

/** In which network a client is. */
export type SubnetChoice =
  | { readonly subnet: Subnet; readonly why: undefined }
  | { readonly subnet: undefined; readonly why: string };

const MAX_RELAY_OPTION_LEN = 1_024;
const relay: RelayAgentView = new RelayAgentView();
const joined: Octets = Octets.alloc(MAX_RELAY_OPTION_LEN);

/**
 * Finds the network that a message came from: that of the relay's link selection (RFC 3527), of the subnet selection option
 * (RFC 3011), of giaddr, of ciaddr, and else the rack's own.
 *
 * The reply to a relayed message goes to `giaddr`, which anybody can write. It has to be within a subnet that is behind relays, or
 * to be named as a relay: else a forged message would have us send to any host, or to a machine of the rack what another asked.
 */
export function chooseSubnet(v: DhcpView, network: Network): SubnetChoice {
  const [rack] = network.subnets;
  if (v.giaddr === 0) {
    const own = v.ciaddr === 0 ? undefined : subnetAt(network, v.ciaddr);
    return { subnet: own ?? rack, why: undefined };
  }
  const via = subnetAt(network, v.giaddr);
  const behind = via !== undefined && via !== rack;
  if (v.giaddr === network.address || !(behind || network.relays.includes(v.giaddr))) {
    return none(`came through ${formatIpv4(v.giaddr)}, which is not a relay of the site`);
  }
  const link = linkOf(v);
  if (link === 0) return { subnet: via ?? rack, why: undefined };
  const selected = subnetAt(network, link);
  return selected
    ? { subnet: selected, why: undefined }
    : none(`its relay asks for the network of ${formatIpv4(link)}, which is not of the site`);
}

/** The address by which a relay says in which network the client is; 0: by giaddr. */
function linkOf(v: DhcpView): Ipv4 {
  const len = v.optionJoined(DhcpOption.RelayAgentInformation, joined);
  if (len >= 0 && relay.reset(joined, 0, len) === 0 && relay.linkSelection !== 0) {
    return relay.linkSelection;
  }
  return v.optionIpv4(DhcpOption.SubnetSelection);
}

function subnetAt(network: Network, address: Ipv4): Subnet | undefined {
  return network.subnets.find((s) => sameNetwork(address, s.prefix, s.mask));
}

function none(why: string): SubnetChoice {
  return { subnet: undefined, why };
}

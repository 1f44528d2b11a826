import { formatIpv4, type Ipv4, maskOf, sameNetwork } from "../../protocols/wire/ipv4-address.ts";
import type { Path, Problems } from "./problems.ts";
import { rackSubnet, resolveSubnets } from "./resolve-subnets.ts";
import type { RawNetwork } from "./schema-network.ts";
import type { Network, PortRange } from "./site.ts";

/** SGI PROMs refuse TFTP servers above 32767, and Linux hands out ports from 32768: transfers stay below. */
export const TRANSFER_PORTS: PortRange = { first: 20_000, last: 31_999 };

/** Undefined when there is no usable address: without it nothing else about the network can be checked. */
export function resolveNetwork(
  raw: RawNetwork | undefined,
  problems: Problems,
): Network | undefined {
  if (raw === undefined) {
    const cure = 'add "network: { address: A.B.C.D/LEN }", our address in the rack';
    problems.addMissing([], "network", "the site has no network", cure);
    return undefined;
  }
  if (raw.address === undefined) {
    const cure = 'add "address: A.B.C.D/LEN", our address in the rack';
    problems.addMissing(["network"], "address", "the network has no address", cure);
    return undefined;
  }
  const { address, prefixLen } = raw.address;
  const mask = maskOf(prefixLen);
  const broadcast = address | ~mask;
  const rack = rackSubnet(address, prefixLen, raw, problems);
  const network: Network = {
    address,
    prefixLen,
    mask,
    broadcast,
    dns: raw.dns ?? [],
    dhcp: raw.dhcp ?? "authoritative",
    relays: raw.relays ?? [],
    subnets: [rack, ...resolveSubnets(raw.subnets ?? {}, rack, problems)],
    tftp: Object.freeze({
      ports: raw.tftp?.ports ?? TRANSFER_PORTS,
      singlePort: raw.tftp?.singlePort ?? false,
      ignoreCase: raw.tftp?.ignoreCase ?? false,
    }),
    ...(raw.interface === undefined ? {} : { interface: raw.interface }),
    ...(raw.router === undefined ? {} : { router: raw.router }),
    ...(raw.domain === undefined ? {} : { domain: raw.domain }),
  };
  return Object.freeze(network);
}

/** Whether an address is a host's in our network; says so if it is not. */
export function checkHost(
  whose: string,
  a: Ipv4,
  network: Network,
  at: Path,
  problems: Problems,
): boolean {
  const { address, mask, broadcast } = network;
  const net = networkText(network);
  const host = `${formatIpv4((address & mask) + 1)} to ${formatIpv4(broadcast - 1)}`;
  if (!sameNetwork(a, address, mask)) {
    const message = `${whose} has the address ${formatIpv4(a)}, outside the network ${net}`;
    problems.add(at, message, `choose one of ${host}, or correct network.address`);
    return false;
  }
  const hostPart = a & ~mask;
  if (hostPart !== 0 && a !== broadcast) return true;
  const kind = hostPart === 0 ? "network" : "broadcast";
  const message = `${whose} has the address ${formatIpv4(a)}, which is the ${kind} address of ${net}`;
  problems.add(at, message, `choose one of ${host}`);
  return false;
}

/** "192.168.77.0/24" */
export function networkText({ address, mask, prefixLen }: Network): string {
  return `${formatIpv4(address & mask)}/${prefixLen}`;
}

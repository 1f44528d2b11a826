import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Addresses of one interface that are announced and asked from; more is nothing a gateway has. */
const MAX_ADDRESSES = 16;

/** An address of an interface of ours. */
export interface LinkAddress {
  readonly family: 4 | 6;
  /** Without a zone. */
  readonly address: string;
  readonly prefixLen: number;
}

/** An interface that is up and has addresses: one network that we are on. */
export interface Link {
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
}

/** The interfaces of this host but the loopback, which has nobody else on it. */
export function systemLinks(): readonly Link[] {
  const links: Link[] = [];
  for (const [name, found = []] of Object.entries(networkInterfaces())) {
    const addresses = found
      .filter((a) => !a.internal && a.cidr !== null)
      .slice(0, MAX_ADDRESSES)
      .map((a) => ({
        family: a.family === "IPv4" ? (4 as const) : (6 as const),
        address: a.address,
        prefixLen: Number(a.cidr?.split("/")[1]),
      }));
    if (addresses.length > 0) links.push({ name, addresses });
  }
  return links;
}

/** The first IPv4 address, or the link-local IPv6 address: what a lane of that family sends from. */
export function ownAddress(link: Link, family: 4 | 6): string | undefined {
  return link.addresses.find(
    (a) => a.family === family && (family === 4 || /^fe[89ab]/i.test(a.address)),
  )?.address;
}

export function sameLink(a: Link, b: Link): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Which peers are on a link: whoever is not must not be heard (RFC 6762 section 11). */
export class OnLink {
  private readonly list = new BlockList();

  constructor(link: Link) {
    for (const { family, address, prefixLen } of link.addresses) {
      this.list.addSubnet(address, prefixLen, family === 4 ? "ipv4" : "ipv6");
    }
  }

  /** `address`: with or without a zone. */
  has(address: string): boolean {
    const [bare = ""] = address.split("%");
    const family = isIP(bare);
    return family !== 0 && this.list.check(bare, family === 4 ? "ipv4" : "ipv6");
  }
}

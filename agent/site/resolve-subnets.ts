import { formatIpv4, type Ipv4, maskOf, sameNetwork } from "../../protocols/wire/ipv4-address.ts";
import type { Path, Problems } from "./problems.ts";
import type { RawAddressing, RawSubnet } from "./schema-network.ts";
import type { AddressRange, Subnet } from "./site.ts";

/** The name of the rack's own network among the subnets. */
export const RACK_SUBNET = "rack";
/** Half a day: a machine that is off over night comes back to the address it had. */
const DEFAULT_LEASE_S: number = 12 * 3600;
/** A pool takes 17 octets of memory for each address. */
const MAX_POOL = 65_536;

/** Where a subnet is, before its addressing is looked at. */
interface Place {
  readonly name: string;
  readonly prefix: Ipv4;
  readonly prefixLen: number;
  readonly at: Path;
}

/** The rack's network as a subnet. `ours`: our address, which no pool has. */
export function rackSubnet(
  address: Ipv4,
  prefixLen: number,
  raw: RawAddressing & { readonly probe?: boolean },
  problems: Problems,
): Subnet {
  const prefix = address & maskOf(prefixLen);
  const place = { name: RACK_SUBNET, prefix, prefixLen, at: ["network"] };
  return subnetOf(place, raw, raw.probe ?? true, problems);
}

/** The networks behind relays. What overlaps the rack's or another one is reported. */
export function resolveSubnets(
  raw: Readonly<Record<string, RawSubnet>>,
  rack: Subnet,
  problems: Problems,
): readonly Subnet[] {
  const subnets: Subnet[] = [];
  for (const [name, subnet] of Object.entries(raw)) {
    const at = ["network", "subnets", name];
    if (name === RACK_SUBNET) {
      problems.add(
        at,
        `"${name}" is what the rack's own network is called`,
        "choose another name",
        "key",
      );
      continue;
    }
    if (subnet.prefix === undefined) {
      const cure = "add the network behind the relay: prefix: 10.77.0.0/24";
      problems.addMissing(at, "prefix", `the subnet "${name}" has no prefix`, cure);
      continue;
    }
    const { prefix, prefixLen } = subnet.prefix;
    const other = [rack, ...subnets].find((s) => overlaps(s, prefix, prefixLen));
    if (other) {
      const message = `the subnet "${name}" overlaps the network "${other.name}", ${subnetText(other)}`;
      problems.add([...at, "prefix"], message, "correct one of the two");
      continue;
    }
    subnets.push(subnetOf({ name, prefix, prefixLen, at }, subnet, false, problems));
  }
  return subnets;
}

/** "10.77.0.0/24" */
export function subnetText({ prefix, prefixLen }: Pick<Subnet, "prefix" | "prefixLen">): string {
  return `${formatIpv4(prefix)}/${prefixLen}`;
}

/** The subnet of an address. */
export function subnetOfAddress(subnets: readonly Subnet[], address: Ipv4): Subnet | undefined {
  return subnets.find((s) => sameNetwork(address, s.prefix, s.mask));
}

function subnetOf(place: Place, raw: RawAddressing, probe: boolean, problems: Problems): Subnet {
  const { name, prefix, prefixLen, at } = place;
  const mask = maskOf(prefixLen);
  const bare = { name, prefix, prefixLen, mask, broadcast: prefix | ~mask };
  if (raw.router !== undefined && !isHost(raw.router, bare)) {
    const isRack = name === RACK_SUBNET;
    const whose = isRack ? "the router" : `the router of "${name}"`;
    const message = `${whose} has the address ${formatIpv4(raw.router)}, outside the network ${subnetText(bare)}`;
    const cure = `choose one of ${hosts(bare)}, or correct ${isRack ? "network.address" : "its prefix"}`;
    problems.add([...at, "router"], message, cure);
  }
  return Object.freeze({
    ...bare,
    ...(raw.router === undefined ? {} : { router: raw.router }),
    dns: raw.dns ?? [],
    ...(raw.domain === undefined ? {} : { domain: raw.domain }),
    pool: resolvePool(raw.pool ?? [], bare, at, problems),
    leaseS: raw.lease ?? DEFAULT_LEASE_S,
    probe,
    identity: raw.identity ?? "hardware",
  });
}

type Bare = Pick<Subnet, "name" | "prefix" | "prefixLen" | "mask" | "broadcast">;

function resolvePool(
  raw: readonly AddressRange[],
  subnet: Bare,
  at: Path,
  problems: Problems,
): readonly AddressRange[] {
  const good: AddressRange[] = [];
  let size = 0;
  for (const [i, range] of raw.entries()) {
    const listed = [...at, "pool", String(i)];
    const here = problems.isPlaced(listed) ? listed : [...at, "pool"];
    const text = `${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
    if (!isHost(range.first, subnet) || !isHost(range.last, subnet)) {
      problems.add(
        here,
        `the pool ${text} is not within the hosts of ${subnetText(subnet)}`,
        `choose from ${hosts(subnet)}`,
      );
      continue;
    }
    if (good.some((g) => g.first >>> 0 <= range.last >>> 0 && range.first >>> 0 <= g.last >>> 0)) {
      problems.add(here, `the pool ${text} overlaps one before it`, "join the two");
      continue;
    }
    size += (range.last >>> 0) - (range.first >>> 0) + 1;
    if (size > MAX_POOL) {
      problems.add(
        here,
        `the pool of ${subnet.name} has ${size} addresses`,
        `leave at most ${MAX_POOL}`,
      );
      continue;
    }
    good.push(range);
  }
  return Object.freeze(good);
}

function isHost(a: Ipv4, { prefix, mask, broadcast }: Bare): boolean {
  return sameNetwork(a, prefix, mask) && a !== prefix && a !== broadcast;
}

function hosts({ prefix, broadcast }: Bare): string {
  return `${formatIpv4(prefix + 1)} to ${formatIpv4(broadcast - 1)}`;
}

function overlaps(a: Subnet, prefix: Ipv4, prefixLen: number): boolean {
  const mask = maskOf(Math.min(a.prefixLen, prefixLen));
  return sameNetwork(a.prefix, prefix, mask);
}

import * as v from "valibot";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { FAMILIES, type Family } from "./families.ts";
import * as leaf from "./leaves.ts";
import {
  ADDRESS_RANGE,
  MAC_START,
  NETWORK_PREFIX,
  type NetworkPrefix,
  PATTERN,
  PORT_RANGE,
  SERIAL_START,
  UUID_START,
} from "./leaves-network.ts";
import { LEASE, SWITCH } from "./leaves-units.ts";
import {
  type AddressRange,
  DHCP_MODES,
  type DhcpMode,
  IDENTITY_POLICIES,
  type IdentityPolicy,
  type PortRange,
  type Scalar,
} from "./site.ts";
import { listOf, mapOf, table } from "./table.ts";

/** What the rack's network and one behind a relay have in common. */
export interface RawAddressing {
  readonly router?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly domain?: string;
  readonly pool?: readonly AddressRange[];
  readonly lease?: number;
  readonly identity?: IdentityPolicy;
}

export interface RawNetwork extends RawAddressing {
  readonly interface?: string;
  readonly address?: leaf.Prefix;
  readonly dhcp?: DhcpMode;
  readonly relays?: readonly Ipv4[];
  readonly probe?: boolean;
  readonly subnets?: Readonly<Record<string, RawSubnet>>;
  readonly tftp?: RawTftp;
}

export interface RawTftp {
  readonly ports?: PortRange;
  readonly singlePort?: boolean;
  readonly ignoreCase?: boolean;
}

export interface RawSubnet extends RawAddressing {
  readonly prefix?: NetworkPrefix;
}

export interface RawMatch {
  readonly mac?: string;
  readonly family?: Family;
  readonly architecture?: number;
  readonly vendorClass?: string;
  readonly uuid?: string;
  readonly serial?: string;
  readonly relay?: Ipv4;
  readonly circuitId?: string;
}

export interface RawUnknown {
  readonly match?: RawMatch;
  readonly profile?: string;
  readonly chain?: Readonly<Partial<Record<Family, string>>>;
  readonly vars?: Readonly<Record<string, Scalar>>;
}

const opt = v.exactOptional;

const ADDRESSING = {
  router: opt(leaf.IPV4),
  dns: opt(listOf(leaf.IPV4, false)),
  domain: opt(leaf.HOSTNAME),
  pool: opt(listOf(ADDRESS_RANGE, true)),
  lease: opt(LEASE),
  identity: opt(leaf.oneOf(IDENTITY_POLICIES, "a way to tell clients apart")),
};

const SUBNET = table({ prefix: opt(NETWORK_PREFIX), ...ADDRESSING });

const TFTP = table({ ports: opt(PORT_RANGE), singlePort: opt(SWITCH), ignoreCase: opt(SWITCH) });

export const NETWORK: v.GenericSchema<unknown, RawNetwork> = table({
  interface: opt(leaf.INTERFACE),
  address: opt(leaf.PREFIX),
  ...ADDRESSING,
  dhcp: opt(leaf.oneOf(DHCP_MODES, "a way to do DHCP")),
  relays: opt(listOf(leaf.IPV4, false)),
  probe: opt(SWITCH),
  subnets: opt(mapOf(leaf.NAME, SUBNET)),
  tftp: opt(TFTP),
}) as unknown as v.GenericSchema<unknown, RawNetwork>;

const ARCHITECTURE: leaf.Leaf<number> = v.custom<number>(
  (x) => typeof x === "number" && Number.isInteger(x) && x >= 0 && x <= 65_535,
  (i) =>
    `${leaf.shown(i.input)} is not an architecture\nwrite its number in IANA's registry of processor architecture types: 7 for x64 UEFI`,
);

const MATCH = table({
  mac: opt(MAC_START),
  family: opt(leaf.oneOf(FAMILIES, "a firmware family")),
  architecture: opt(ARCHITECTURE),
  vendorClass: opt(PATTERN),
  uuid: opt(UUID_START),
  serial: opt(SERIAL_START),
  relay: opt(leaf.IPV4),
  circuitId: opt(PATTERN),
});

/** A rule for machines that are not listed. */
export const UNKNOWN: v.GenericSchema<unknown, RawUnknown> = table({
  match: opt(MATCH),
  profile: opt(leaf.TEXT),
  chain: opt(table(Object.fromEntries(FAMILIES.map((f) => [f, opt(leaf.TEXT)])))),
  vars: opt(mapOf(leaf.VARIABLE, leaf.SCALAR)),
}) as unknown as v.GenericSchema<unknown, RawUnknown>;

import * as v from "valibot";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import { FAMILIES, type Family } from "./families.ts";
import * as leaf from "./leaves.ts";
import { ASSET, CACHE, type RawAsset, type RawCache } from "./schema-assets.ts";
import { MANAGEMENT, type RawManagement } from "./schema-management.ts";
import { type RawStore, STORE } from "./schema-stores.ts";
import { DHCP_MODES, type DhcpMode, type Scalar } from "./site.ts";
import { listOf, mapOf, table, textOr } from "./table.ts";
import { didYouMean, quote } from "./wording.ts";

/*
 * The shape of a site file. It says what may stand where; that names are declared, addresses unique and
 * required keys there is `resolve*.ts`, which can then report those even where another key is wrong. So
 * nothing is required here.
 */

/** A site file whose every present value has the right form. */
export interface RawSite {
  readonly site?: string;
  readonly network?: RawNetwork;
  readonly management?: RawManagement;
  readonly cache?: RawCache;
  readonly stores?: Readonly<Record<string, RawStore>>;
  readonly assets?: Readonly<Record<string, RawAsset>>;
  readonly profiles?: Readonly<Record<string, RawProfile>>;
  readonly defaults?: { readonly chain?: RawChain };
  readonly machines?: Readonly<Record<string, RawMachine>>;
}

export interface RawNetwork {
  readonly interface?: string;
  readonly address?: leaf.Prefix;
  readonly router?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly domain?: string;
  readonly dhcp?: DhcpMode;
  readonly relays?: readonly Ipv4[];
}

/** A name in the NFS root to an asset's name, or a directory. */
export type RawRoot = string | Readonly<Record<string, string>>;

export interface RawBsd {
  readonly loader?: string;
  readonly root?: RawRoot;
  readonly rootPath?: string;
  readonly bootparams?: Readonly<Record<string, string>>;
}

export interface RawLinux {
  readonly kernel?: string;
  readonly initrd?: readonly string[];
  readonly cmdline?: string;
  readonly root?: RawRoot;
  readonly rootPath?: string;
}

export interface RawProfile {
  readonly bsd?: RawBsd;
  readonly linux?: RawLinux;
  readonly files?: Readonly<Record<string, string | { readonly template?: string }>>;
  readonly boot?: string;
}

export type RawChain = Readonly<Partial<Record<Family, string>>>;

export interface RawMachine {
  readonly mac?: MacText;
  readonly ip?: Ipv4;
  readonly profile?: string;
  readonly hostname?: string;
  readonly chain?: RawChain;
  readonly vars?: Readonly<Record<string, Scalar>>;
}

const opt = v.exactOptional;

const DHCP = v.pipe(
  leaf.TEXT,
  v.check(
    (s) => (DHCP_MODES as readonly string[]).includes(s),
    (i) =>
      i.input === "proxy" || i.input === "auto"
        ? `dhcp: ${i.input} is not supported by this version\nwrite authoritative or off`
        : `${quote(i.input)} is not a way to do DHCP\n${didYouMean(i.input, DHCP_MODES, "")}`,
  ),
);

const NETWORK = table(
  {
    interface: opt(leaf.INTERFACE),
    address: opt(leaf.PREFIX),
    router: opt(leaf.IPV4),
    dns: opt(listOf(leaf.IPV4, false)),
    domain: opt(leaf.HOSTNAME),
    dhcp: opt(DHCP),
    relays: opt(listOf(leaf.IPV4, false)),
  },
  { pool: { cure: "list each machine under machines with its mac and ip" } },
);

const ROOT = textOr(leaf.PATH, mapOf(leaf.FILE_NAME, leaf.TEXT));

const BSD = table({
  loader: opt(leaf.TEXT),
  root: opt(ROOT),
  rootPath: opt(leaf.ABS_PATH),
  bootparams: opt(mapOf(leaf.BOOT_KEY, leaf.TEXT)),
});

const LINUX = table({
  kernel: opt(leaf.TEXT),
  initrd: opt(listOf(leaf.TEXT, true)),
  cmdline: opt(leaf.TEXT),
  root: opt(ROOT),
  rootPath: opt(leaf.ABS_PATH),
});

const TEMPLATE = table(
  { template: opt(leaf.PATH) },
  { secret: { cure: "remove it; every file of a profile is open to the machines that have it" } },
);

const PROFILE = table({
  bsd: opt(BSD),
  linux: opt(LINUX),
  files: opt(mapOf(leaf.FILE_NAME, textOr(leaf.TEXT, TEMPLATE))),
  boot: opt(leaf.TEXT),
});

const CHAIN = table(Object.fromEntries(FAMILIES.map((f) => [f, opt(leaf.TEXT)])));

const MACHINE = table({
  mac: opt(leaf.MAC),
  ip: opt(leaf.IPV4),
  profile: opt(leaf.TEXT),
  hostname: opt(leaf.HOSTNAME),
  chain: opt(CHAIN),
  vars: opt(mapOf(leaf.VARIABLE, leaf.SCALAR)),
});

/** The whole file. Its result is a {@link RawSite}. */
export const SITE: v.GenericSchema<unknown, RawSite> = table(
  {
    site: opt(leaf.TEXT),
    network: opt(NETWORK),
    management: opt(MANAGEMENT),
    cache: opt(CACHE),
    stores: opt(mapOf(leaf.NAME, STORE)),
    assets: opt(mapOf(leaf.NAME, ASSET)),
    profiles: opt(mapOf(leaf.NAME, PROFILE)),
    defaults: opt(table({ chain: opt(CHAIN) })),
    machines: opt(mapOf(leaf.HOSTNAME, MACHINE)),
  },
  { unknown: { cure: "remove it: machines that are not listed get no answer" } },
) as unknown as v.GenericSchema<unknown, RawSite>;

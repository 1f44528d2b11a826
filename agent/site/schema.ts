import * as v from "valibot";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import { FAMILIES, type Family } from "./families.ts";
import * as leaf from "./leaves.ts";
import { SIZE, SWITCH } from "./leaves-units.ts";
import { ASSET, CACHE, type RawAsset, type RawCache } from "./schema-assets.ts";
import { MANAGEMENT, type RawManagement } from "./schema-management.ts";
import { MENU, type RawMenu } from "./schema-menu.ts";
import { NETWORK, type RawNetwork, type RawUnknown, UNKNOWN } from "./schema-network.ts";
import { type RawStore, STORE } from "./schema-stores.ts";
import type { Scalar } from "./site.ts";
import { listOf, mapOf, table, textOr } from "./table.ts";

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
  readonly unknown?: Readonly<Record<string, RawUnknown>>;
}

/** A name in the NFS root to an asset's name, or a directory. */
export type RawRoot = string | Readonly<Record<string, string>>;

export interface RawBsd {
  readonly loader?: string;
  readonly root?: RawRoot;
  readonly rootImage?: string;
  readonly rootPath?: string;
  readonly rootSquash?: boolean;
  readonly privilegedPorts?: boolean;
  /** Octets. */
  readonly overlay?: number;
  readonly bootparams?: Readonly<Record<string, string>>;
}

export interface RawLinux {
  readonly kernel?: string;
  readonly initrd?: readonly string[];
  readonly cmdline?: string;
  readonly root?: RawRoot;
  readonly rootImage?: string;
  readonly rootPath?: string;
  readonly rootSquash?: boolean;
  readonly privilegedPorts?: boolean;
  /** Octets. */
  readonly overlay?: number;
}

export interface RawProfile {
  readonly bsd?: RawBsd;
  readonly linux?: RawLinux;
  readonly files?: Readonly<Record<string, string | { readonly template?: string }>>;
  readonly boot?: string;
  readonly menu?: RawMenu;
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

const ROOT = textOr(leaf.PATH, mapOf(leaf.FILE_NAME, leaf.TEXT));

const BSD = table({
  loader: opt(leaf.TEXT),
  root: opt(ROOT),
  rootImage: opt(leaf.TEXT),
  rootPath: opt(leaf.ABS_PATH),
  rootSquash: opt(SWITCH),
  privilegedPorts: opt(SWITCH),
  overlay: opt(SIZE),
  bootparams: opt(mapOf(leaf.BOOT_KEY, leaf.TEXT)),
});

const LINUX = table({
  kernel: opt(leaf.TEXT),
  initrd: opt(listOf(leaf.TEXT, true)),
  cmdline: opt(leaf.TEXT),
  root: opt(ROOT),
  rootImage: opt(leaf.TEXT),
  rootPath: opt(leaf.ABS_PATH),
  rootSquash: opt(SWITCH),
  privilegedPorts: opt(SWITCH),
  overlay: opt(SIZE),
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
  menu: opt(MENU),
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
export const SITE: v.GenericSchema<unknown, RawSite> = table({
  site: opt(leaf.TEXT),
  network: opt(NETWORK),
  management: opt(MANAGEMENT),
  cache: opt(CACHE),
  stores: opt(mapOf(leaf.NAME, STORE)),
  assets: opt(mapOf(leaf.NAME, ASSET)),
  profiles: opt(mapOf(leaf.NAME, PROFILE)),
  defaults: opt(table({ chain: opt(CHAIN) })),
  machines: opt(mapOf(leaf.HOSTNAME, MACHINE)),
  unknown: opt(mapOf(leaf.NAME, UNKNOWN)),
}) as unknown as v.GenericSchema<unknown, RawSite>;

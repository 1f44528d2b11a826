import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Treatment } from "../assets/treatment/treatment.ts";
import type { Family } from "./families.ts";

/**
 * A site as the agent works with it: checked, immutable, every name replaced by the thing it names.
 * `loadSite` and `parseSite` make it from a site file; nothing else does.
 */
export interface Site {
  /** The key `site:`, for journals and announcements. */
  readonly name: string;
  /** The site file, as an absolute path. */
  readonly path: string;
  /** Its folder: what relative paths in the file are relative to. */
  readonly dir: string;
  readonly network: Network;
  readonly management: Management;
  readonly assets: ReadonlyMap<string, AssetSpec>;
  readonly cache: CachePolicy;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly defaults: Defaults;
  /** In the order of the file (names that are whole numbers come first). */
  readonly machines: readonly Machine[];
  readonly machineByMac: ReadonlyMap<MacText, Machine>;
  readonly machineByIp: ReadonlyMap<Ipv4, Machine>;
  /** In the order in which they are tried: those that ask for most come first. Without any, strangers get no answer. */
  readonly unknown: readonly UnknownRule[];
}

/** Addresses from `first` to `last`, both included, in the order of unsigned numbers. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/**
 * What makes two questions those of one client.
 *
 * `hardware`: the address of its card. A machine then has one address from its ROM to its system, although each of them sends
 * another identifier, or none. `client-id`: option 61 where it is sent, as RFC 2131 section 4.2 has it.
 */
export const IDENTITY_POLICIES = ["hardware", "client-id"] as const;
export type IdentityPolicy = (typeof IDENTITY_POLICIES)[number];

/** A network in which machines get addresses: the rack's own, or one behind a relay. */
export interface Subnet {
  /** "rack" is the rack's own. */
  readonly name: string;
  /** The network's address: all zeros after the prefix. */
  readonly prefix: Ipv4;
  /** 8 to 30. */
  readonly prefixLen: number;
  readonly mask: Ipv4;
  readonly broadcast: Ipv4;
  /** Within the prefix. */
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly domain?: string;
  /** Addresses for machines that have none reserved; they do not overlap. */
  readonly pool: readonly AddressRange[];
  readonly leaseS: number;
  /** Whether somebody is asked by ARP who has an address of the pool before it is offered; never behind a relay. */
  readonly probe: boolean;
  readonly identity: IdentityPolicy;
}

/** The rack's network: one interface, one prefix, our address in it. */
export interface Network {
  /** Absent: taken from the board or the command line. */
  readonly interface?: string;
  /** Ours. */
  readonly address: Ipv4;
  /** 8 to 30: smaller networks have no broadcast address, and everything here starts with a broadcast. */
  readonly prefixLen: number;
  readonly mask: Ipv4;
  /** The prefix's broadcast address. */
  readonly broadcast: Ipv4;
  /** Within the prefix. */
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly domain?: string;
  readonly dhcp: DhcpMode;
  /** BOOTP/DHCP relays whose packets are accepted beside those within a subnet of `subnets`. */
  readonly relays: readonly Ipv4[];
  /** The rack's own, then those behind relays. None overlaps another. */
  readonly subnets: readonly [Subnet, ...Subnet[]];
}

/**
 * Who may read what the agent tells of itself: `open`: everybody on a management interface; `token`: who knows the token;
 * `signed`: operators.
 */
export const READ_POLICIES = ["open", "token", "signed"] as const;
export type ReadPolicy = (typeof READ_POLICIES)[number];

/** Where the agent is steered from. */
export interface Management {
  /** Absent: the rack's interface, or what the command line says. Empty: nowhere. */
  readonly interfaces?: readonly string[];
  readonly read: ReadPolicy;
  /** Present exactly when `read` is `token`. */
  readonly token?: SecretRef;
}

/**
 * `authoritative`: we give addresses. `proxy`: another server does, we give boot information. `auto`: proxy as soon as another
 * server was seen, until then reservations only. `off`: BOOTP and DHCP stay unanswered.
 */
export const DHCP_MODES = ["authoritative", "proxy", "auto", "off"] as const;
export type DhcpMode = (typeof DHCP_MODES)[number];

/** A credential: never in the site itself, but named by it. */
export type SecretRef =
  /** A variable of the agent's environment. */
  | { readonly kind: "env"; readonly variable: string }
  /** The first line of a file; absolute path. */
  | { readonly kind: "file"; readonly file: string };

/** How a store is reached, from the entry of `stores` that covers it. */
export interface StoreAccess {
  /** PEM file of certificates to trust beside the system's; absolute path. */
  readonly ca?: string;
  /** Basic authentication; of a registry also what its token is asked for with. */
  readonly username?: string;
  readonly password?: SecretRef;
  /** Sent as `Authorization: Bearer`. Either this or a user name. */
  readonly token?: SecretRef;
}

/** Which part of an OCI artifact is meant. */
export type OciPick =
  /** The layer with this org.opencontainers.image.title. */
  | { readonly by: "title"; readonly title: string }
  | { readonly by: "mediaType"; readonly mediaType: string }
  /** A file within the layers, of the uppermost layer that has it. No leading slash. */
  | { readonly by: "path"; readonly path: string }
  /** The artifact has one layer. */
  | { readonly by: "only" };

/** One place where an asset is to be had. */
export type SourceSpec =
  /** Absolute path. */
  | { readonly kind: "file"; readonly file: string }
  /** The newest file in a folder (absolute path) whose name matches; `*` and `?` are wildcards. */
  | { readonly kind: "folder"; readonly folder: string; readonly match: string }
  /** `url`: http: or https:, without credentials. */
  | { readonly kind: "http"; readonly url: string; readonly access: StoreAccess }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** Without a leading slash. */
      readonly key: string;
      /** Origin with an optional path: "https://s3.eu-central-1.amazonaws.com". */
      readonly endpoint: string;
      readonly region: string;
      /** Whether the bucket stands in the path; else it is the first label of the host. */
      readonly pathStyle: boolean;
      readonly ca?: string;
      /** Both or none; none: requests are not signed. */
      readonly accessKey?: SecretRef;
      readonly secretKey?: SecretRef;
    }
  | {
      readonly kind: "oci";
      /** Host, with a port where it is not the scheme's: "registry.example.com". */
      readonly registry: string;
      readonly repository: string;
      /** A tag, or a digest "sha256:…" of the manifest or index. */
      readonly reference: string;
      readonly pick: OciPick;
      /** Which image of an index: "linux/amd64", "linux/arm64". */
      readonly platform: string;
      readonly plainHttp: boolean;
      readonly access: StoreAccess;
    };

/** A published list of digests. */
export interface ChecksumsSpec {
  readonly source: SourceSpec;
  /** The name that the list has for the asset. */
  readonly entry: string;
  /** Who must have signed the list. `key`: the public key's text as its tool writes it, or its base64 line alone. */
  readonly signature?:
    | { readonly by: "signify"; readonly key: string; readonly source?: SourceSpec }
    | { readonly by: "minisign"; readonly key: string; readonly source: SourceSpec };
}

/**
 * What is done when a store has other octets than before and the site pins none.
 *
 * `first`: they are refused and reported, the operator decides. `always-newest`: served from then on, and reported. `none`:
 * served from then on.
 */
export const PIN_POLICIES = ["first", "always-newest", "none"] as const;
export type PinPolicy = (typeof PIN_POLICIES)[number];

/** Something that can be served. Whether it can be had is the asset store's question, not the site's. */
export interface AssetSpec {
  readonly name: string;
  /** At least one; more are mirrors of the same octets. */
  readonly sources: readonly SourceSpec[];
  /** Digest that the site pins of what the source gives (before treatment): 64 lower-case hex digits. */
  readonly sha256?: string;
  /** Where the digest is published. Not beside `sha256`. */
  readonly checksums?: ChecksumsSpec;
  readonly pin: PinPolicy;
  readonly treatment: Treatment;
  /** How often the stores are asked for something newer, ms; 0: never. */
  readonly refreshMs: number;
}

/** What the site says of the cache; the board's budget holds for the rest. */
export interface CachePolicy {
  /** Octets; absent: the board's budget. */
  readonly size?: number;
  /** Versions kept of each asset, the one served included; at least 2, so that there is one to go back to. */
  readonly versions: number;
}

/** What a name in `files` leads to. */
export type FileSource =
  | { readonly kind: "asset"; readonly asset: AssetSpec }
  /** `file`: absolute path of a Liquid template, rendered for each machine. It was there when the site was read. */
  | { readonly kind: "template"; readonly file: string };

/** An NFS root: named assets, a directory of this host, or an image that is read in its place. */
export type Root =
  /** File names without a leading slash ("etc/fstab"), each leading to an asset. */
  | { readonly kind: "files"; readonly files: ReadonlyMap<string, AssetSpec> }
  /** `path`: absolute. */
  | { readonly kind: "directory"; readonly path: string }
  /** A tar or cpio archive. */
  | { readonly kind: "image"; readonly asset: AssetSpec };

/** One answer of BOOTPARAMS GETFILE (bootparams(4): `keyword=server:value`). */
export interface BootParameter {
  /** The server's name as written, "" as in Solaris' `rootopts=:vers2`; absent: this agent. */
  readonly server?: string;
  /** The server's address: ours when `server` is absent, 0 when it is "". */
  readonly address: Ipv4;
  readonly path: string;
}

/** Whose word counts at an NFS root. */
export interface ExportRules {
  /** The caller's root is nobody here. */
  readonly rootSquash: boolean;
  /** Calls from ports that anybody of the caller's host may send from are refused. */
  readonly privilegedPorts: boolean;
}

/** A BSD, or anything that boots as one does: a loader by TFTP, then a root by NFS. */
export interface BsdBoot {
  readonly loader: AssetSpec;
  readonly root: Root;
  /** Absolute path under which the root is mounted; `/<profile>` unless the site says otherwise. */
  readonly rootPath: string;
  readonly rules: ExportRules;
  /** Octets that each machine may change of its root; absent: it is read-only. */
  readonly overlay?: number;
  /** BOOTPARAMS key to answer; `root` is here only where the site overrides what follows from `root`. */
  readonly bootparams: ReadonlyMap<string, BootParameter>;
}

/** A Linux kernel with its initrds and command line, with or without an NFS root. */
export interface LinuxBoot {
  readonly kernel?: AssetSpec;
  /** In the order in which they are concatenated. */
  readonly initrd: readonly AssetSpec[];
  /** Liquid text on one line. */
  readonly cmdline?: string;
  readonly root?: Root;
  /** Present exactly when `root` is; `/<profile>` unless the site says otherwise. */
  readonly rootPath?: string;
  /** Present exactly when `root` is. */
  readonly rules?: ExportRules;
  /** Octets that each machine may change of its root; absent: it is read-only. */
  readonly overlay?: number;
}

/** A line of a boot menu. */
export interface MenuItem {
  /** Printable ASCII. */
  readonly name: string;
  /** A name in `files`; absent: what the profile boots without a menu. */
  readonly boot?: string;
}

/** A menu that PXE firmware shows (PXE specification 2.1). It fits into option 43. */
export interface BootMenu {
  /** What stands on the screen, and after how long the first item is taken; PXE_MENU_FOREVER: the menu is shown at once and waits. */
  readonly prompt: { readonly text: string; readonly timeoutS: number };
  /** At least one. */
  readonly items: readonly MenuItem[];
}

/** What a machine can boot: at most one of `bsd` and `linux`; files alone are enough. */
export interface Profile {
  readonly name: string;
  readonly bsd?: BsdBoot;
  readonly linux?: LinuxBoot;
  /** Served by these names over TFTP and HTTP. Relative paths: no leading slash, no `.` or `..` segments. */
  readonly files: ReadonlyMap<string, FileSource>;
  /** The name in `files` that BOOTP and DHCP offer. At most 127 octets: it must fit the header's `file`. */
  readonly boot?: string;
  readonly menu?: BootMenu;
}

/** Firmware family to first boot program. */
export type Chain = ReadonlyMap<Family, AssetSpec>;

/** What holds for every machine that says nothing else. */
export interface Defaults {
  readonly chain: Chain;
}

/** A value under `vars`, for templates. */
export type Scalar = string | number | boolean;

/** What a machine that the site does not name must show for a rule to be about it; each that is there must be so. */
export interface UnknownMatch {
  /** The first octets of its hardware address, lower-case with colons: "52:54:00". */
  readonly mac?: string;
  readonly family?: Family;
  /** Architecture of option 93, by IANA's number. */
  readonly architecture?: number;
  /** Of option 60; `*` and `?` are wildcards. */
  readonly vendorClass?: string;
  /** Of option 97, lower-case with dashes; or its beginning. */
  readonly uuid?: string;
  /** Serial number of a Raspberry Pi, or its beginning, lower-case hex. */
  readonly serial?: string;
  /** giaddr. */
  readonly relay?: Ipv4;
  /** Option 82.1 as text; `*` and `?` are wildcards. */
  readonly circuitId?: string;
}

/** A profile for machines that the site does not name. */
export interface UnknownRule {
  readonly name: string;
  readonly match: UnknownMatch;
  /** Absent: it gets an address of the pool and nothing to boot. */
  readonly profile?: Profile;
  readonly vars: Readonly<Record<string, Scalar>>;
  readonly chain: Chain;
}

/** A machine that the site names. */
export interface Machine {
  readonly name: string;
  readonly mac: MacText;
  readonly macOctets: Uint8Array;
  readonly ip: Ipv4;
  /** What it is told to call itself; its name unless the site says otherwise. Unique, as names are, whatever the case. */
  readonly hostname: string;
  /** Absent: it gets its address and nothing to boot. */
  readonly profile?: Profile;
  readonly vars: Readonly<Record<string, Scalar>>;
  /** The site's defaults with the machine's own entries over them. */
  readonly chain: Chain;
}

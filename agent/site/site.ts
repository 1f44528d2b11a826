import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
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
  readonly assets: ReadonlyMap<string, AssetSpec>;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly defaults: Defaults;
  /** In the order of the file (names that are whole numbers come first). */
  readonly machines: readonly Machine[];
  readonly machineByMac: ReadonlyMap<MacText, Machine>;
  readonly machineByIp: ReadonlyMap<Ipv4, Machine>;
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
  /** BOOTP/DHCP relays outside the prefix whose packets are accepted. */
  readonly relays: readonly Ipv4[];
}

/** What this version can do about DHCP. `proxy` and `auto` are refused by the schema for now. */
export const DHCP_MODES = ["authoritative", "off"] as const;
/** `authoritative`: we give addresses to the machines of the site. `off`: BOOTP and DHCP stay unanswered. */
export type DhcpMode = (typeof DHCP_MODES)[number];

/** Something that can be served. Whether the file is there is the asset store's question, not the site's. */
export interface AssetSpec {
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  /** The digest that the site pins, 64 lower-case hex digits. */
  readonly sha256?: string;
}

/** What a name in `files` leads to. */
export type FileSource =
  | { readonly kind: "asset"; readonly asset: AssetSpec }
  /** `file`: absolute path of a Liquid template, rendered for each machine. It was there when the site was read. */
  | { readonly kind: "template"; readonly file: string };

/** An NFS root: named assets, or a directory of this host. */
export type Root =
  /** File names without a leading slash ("etc/fstab"), each leading to an asset. */
  | { readonly kind: "files"; readonly files: ReadonlyMap<string, AssetSpec> }
  /** `path`: absolute. */
  | { readonly kind: "directory"; readonly path: string };

/** One answer of BOOTPARAMS GETFILE (bootparams(4): `keyword=server:value`). */
export interface BootParameter {
  /** The server's name as written, "" as in Solaris' `rootopts=:vers2`; absent: this agent. */
  readonly server?: string;
  /** The server's address: ours when `server` is absent, 0 when it is "". */
  readonly address: Ipv4;
  readonly path: string;
}

/** A BSD, or anything that boots as one does: a loader by TFTP, then a root by NFS. */
export interface BsdBoot {
  readonly loader: AssetSpec;
  readonly root: Root;
  /** Absolute path under which the root is mounted; `/<profile>` unless the site says otherwise. */
  readonly rootPath: string;
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
}

/** Firmware family to first boot program. */
export type Chain = ReadonlyMap<Family, AssetSpec>;

/** What holds for every machine that says nothing else. */
export interface Defaults {
  readonly chain: Chain;
}

/** A value under `vars`, for templates. */
export type Scalar = string | number | boolean;

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

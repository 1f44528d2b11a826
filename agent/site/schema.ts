import * as v from "valibot";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import { FAMILIES, type Family } from "./families.ts";
import * as leaf from "./leaves.ts";
import { DHCP_MODES, type DhcpMode, type Scalar } from "./site.ts";
import { mapOf, table, type Unsupported } from "./table.ts";
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

export interface RawAsset {
  readonly file?: string;
  readonly sha256?: string;
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

const FILE_INSTEAD = { cure: "fetch it and give its path: file: PATH", for: "file" };
const READY_INSTEAD = { cure: "prepare the file beforehand and name the result: file: PATH" };
const ASSET = table({ file: opt(leaf.TEXT), sha256: opt(leaf.SHA256) }, {
  url: FILE_INSTEAD,
  oci: FILE_INSTEAD,
  s3: FILE_INSTEAD,
  title: FILE_INSTEAD,
  decompress: READY_INSTEAD,
  extract: READY_INSTEAD,
} satisfies Unsupported);

/** Either a name or path in one text, or a map: which of the two was meant decides what is reported. */
function textOr<T>(other: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, string | T> {
  return v.lazy(
    (x): v.GenericSchema<unknown, string | T> => (typeof x === "string" ? leaf.TEXT : other),
  );
}

const ROOT = textOr(mapOf(leaf.FILE_NAME, leaf.TEXT));

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
  { template: opt(leaf.TEXT) },
  { secret: { cure: "remove it; every file of a profile is open to the machines that have it" } },
);

const PROFILE = table({
  bsd: opt(BSD),
  linux: opt(LINUX),
  files: opt(mapOf(leaf.FILE_NAME, textOr(TEMPLATE))),
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
    assets: opt(mapOf(leaf.NAME, ASSET)),
    profiles: opt(mapOf(leaf.NAME, PROFILE)),
    defaults: opt(table({ chain: opt(CHAIN) })),
    machines: opt(mapOf(leaf.HOSTNAME, MACHINE)),
  },
  { unknown: { cure: "remove it: machines that are not listed get no answer" } },
) as unknown as v.GenericSchema<unknown, RawSite>;

/** A list; with `orOne`, a single item may stand for a list of one. */
function listOf<T>(
  item: v.GenericSchema<unknown, T>,
  orOne: boolean,
): v.GenericSchema<unknown, readonly T[]> {
  const list = v.array(
    item,
    (i) =>
      `${leaf.shown(i.input)} where a list belongs\nwrite it in brackets: [${wouldBe(i.input)}]`,
  );
  if (!orOne) return list;
  const one = v.pipe(
    item,
    v.transform((x) => [x]),
  );
  return v.lazy((x): v.GenericSchema<unknown, readonly T[]> => (Array.isArray(x) ? list : one));
}

function wouldBe(x: unknown): string {
  return typeof x === "object" ? "…" : String(x);
}

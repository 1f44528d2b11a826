import path from "node:path";
import { PXE_MENU_FOREVER } from "../../protocols/dhcp/pxe.ts";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { treatmentKey } from "../assets/treatment/treatment.ts";
import type {
  AssetSpec,
  BootMenu,
  BsdBoot,
  Chain,
  ExportRules,
  LinuxBoot,
  Machine,
  Network,
  OciPick,
  Profile,
  Root,
  SecretRef,
  Site,
  SourceSpec,
  StoreAccess,
  Subnet,
  UnknownRule,
} from "./site.ts";

/** Something of a site that has a name, as flat facts: "vars.disk" to "/dev/nvme0n1". */
export interface Thing {
  /** "machine", "asset"; of what there is only one of, its key: "network". */
  readonly kind: string;
  /** "" for what there is only one of. */
  readonly name: string;
  readonly facts: ReadonlyMap<string, Fact>;
}

/** `content`: the text is the digest of a file's content, "" when that could not be had. */
export interface Fact {
  readonly text: string;
  readonly is: "text" | "content";
}

/** The digest of a file's content; undefined when there is none to be had. */
export type DigestOf = (file: string) => string | undefined;

/** Parts of a `Site` that are described by hand. Any other part is described by its own keys. */
const BY_HAND: ReadonlySet<string> = new Set(
  "name path dir network assets cache profiles defaults machines machineByMac machineByIp unknown".split(
    " ",
  ),
);

/** All of a site that makes a difference to what is served, in the order in which people look for it. */
export function describeSite(site: Site, digestOf: DigestOf): readonly Thing[] {
  const own = { dir: site.dir, digestOf };
  const rest = Object.entries(site).filter(([key]) => !BY_HAND.has(key));
  return [
    thing("site", "", own, (f) => f.add("name", site.name)),
    thing("network", "", own, (f) => addNetwork(f, site.network)),
    ...behindRelays(site.network).map((subnet) =>
      thing("subnet", subnet.name, own, (f) => addSubnet(f, subnet)),
    ),
    ...rest.map(([key, value]) => thing(key, "", own, (f) => f.addAny("", value))),
    thing("cache", "", own, (f) => f.addAny("", site.cache)),
    thing("defaults", "", own, (f) => addChain(f, site.defaults.chain)),
    ...site.machines.map((machine) =>
      thing("machine", machine.name, own, (f) => addMachine(f, machine, site.defaults.chain)),
    ),
    ...site.unknown.map((rule) =>
      thing("unknown rule", rule.name, own, (f) => addRule(f, rule, site.defaults.chain)),
    ),
    ...[...site.profiles.values()].map((profile) =>
      thing("profile", profile.name, own, (f) => addProfile(f, profile)),
    ),
    ...[...site.assets.values()].map((spec) =>
      thing("asset", spec.name, own, (f) => addAsset(f, spec)),
    ),
  ];
}

/** Whose facts they are. */
interface Owner {
  readonly dir: string;
  readonly digestOf: DigestOf;
}

function thing(kind: string, name: string, own: Owner, fill: (facts: Facts) => void): Thing {
  const facts = new Facts(own);
  fill(facts);
  return { kind, name, facts: facts.all };
}

/** Facts in the making. What is undefined is not there. */
class Facts {
  readonly all = new Map<string, Fact>();
  private readonly own: Owner;

  constructor(own: Owner) {
    this.own = own;
  }

  add(key: string, text: string | number | boolean | undefined): void {
    if (text !== undefined && text !== "") this.all.set(key, { text: String(text), is: "text" });
  }

  /** A path: within the site's folder relative to it, since a bundle is unpacked in another folder each time. */
  addPath(key: string, file: string | undefined, before = ""): void {
    if (file !== undefined) this.add(key, before + this.relative(file));
  }

  /** A file that belongs to the configuration: its path, and whether its content is another one. */
  addFile(key: string, file: string | undefined, before = ""): void {
    if (file === undefined) return;
    this.addPath(key, file, before);
    const text = this.own.digestOf(file) ?? "";
    this.all.set(`${key}: content of ${this.relative(file)}`, { text, is: "content" });
  }

  addSecret(key: string, ref: SecretRef | undefined): void {
    if (ref?.kind === "env") this.add(key, `variable ${ref.variable}`);
    if (ref?.kind === "file") this.addPath(key, ref.file, "file ");
  }

  /** Plain data by its keys. */
  addAny(key: string, value: unknown): void {
    if (isSecretRef(value)) {
      this.addSecret(key, value);
    } else if (Array.isArray(value) && value.every((v) => typeof v !== "object")) {
      this.add(key, value.length === 0 ? "none" : value.join(", "));
    } else if (typeof value === "object" && value !== null) {
      const entries = value instanceof Map ? [...value] : Object.entries(value);
      for (const [k, v] of entries) this.addAny(key === "" ? String(k) : `${key}.${k}`, v);
    } else if (typeof value === "string" && path.isAbsolute(value)) {
      this.addPath(key, value);
    } else if (value !== undefined && value !== null) {
      this.add(key, String(value));
    }
  }

  private relative(file: string): string {
    const within = path.relative(this.own.dir, file);
    return within === ".." || within.startsWith("../") ? file : within;
  }
}

function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  return (
    (value.kind === "env" && "variable" in value) || (value.kind === "file" && "file" in value)
  );
}

function addresses(list: readonly Ipv4[]): string {
  return list.map(formatIpv4).join(", ");
}

function addNetwork(f: Facts, n: Network): void {
  f.add("interface", n.interface);
  f.add("address", `${formatIpv4(n.address)}/${n.prefixLen}`);
  f.add("router", n.router === undefined ? undefined : formatIpv4(n.router));
  f.add("dns", addresses(n.dns));
  f.add("domain", n.domain);
  f.add("dhcp", n.dhcp);
  f.add("relays", addresses(n.relays));
  addGiving(f, n.subnets[0]);
}

/** The subnets but the rack's own, which is the network's. */
function behindRelays({ subnets }: Network): readonly Subnet[] {
  return subnets.slice(1);
}

function addSubnet(f: Facts, s: Subnet): void {
  f.add("prefix", `${formatIpv4(s.prefix)}/${s.prefixLen}`);
  f.add("router", s.router === undefined ? undefined : formatIpv4(s.router));
  f.add("dns", addresses(s.dns));
  f.add("domain", s.domain);
  addGiving(f, s);
}

/** How addresses are given. */
function addGiving(f: Facts, s: Subnet): void {
  f.add("pool", s.pool.map((r) => `${formatIpv4(r.first)}-${formatIpv4(r.last)}`).join(", "));
  f.add("lease", `${s.leaseS} s`);
  f.add("identity", s.identity);
  if (s.pool.length > 0) f.add("probe", s.probe);
}

/** `but`: entries that are the same there go without saying. */
function addChain(f: Facts, chain: Chain, but?: Chain): void {
  for (const [family, { name }] of chain) {
    if (but?.get(family)?.name !== name) f.add(`chain.${family}`, name);
  }
}

function addMachine(f: Facts, m: Machine, common: Chain): void {
  f.add("mac", m.mac);
  f.add("ip", formatIpv4(m.ip));
  f.add("profile", m.profile?.name);
  if (m.hostname !== m.name) f.add("hostname", m.hostname);
  addChain(f, m.chain, common);
  addVars(f, m.vars);
}

function addRule(f: Facts, r: UnknownRule, common: Chain): void {
  const { relay, ...match } = r.match;
  f.addAny("match", match);
  f.add("match.relay", relay === undefined ? undefined : formatIpv4(relay));
  f.add("profile", r.profile?.name);
  addChain(f, r.chain, common);
  addVars(f, r.vars);
}

function addVars(f: Facts, vars: Machine["vars"]): void {
  for (const [key, value] of Object.entries(vars)) {
    // 1 and "1" are two things to a template.
    const quoted = typeof value === "string" && /^(?:[-+."\d].*|true|false|)$/.test(value);
    f.add(`vars.${key}`, quoted ? `"${value}"` : value);
  }
}

function addProfile(f: Facts, p: Profile): void {
  if (p.bsd) addBsd(f, p.bsd, p.name);
  if (p.linux) addLinux(f, p.linux, p.name);
  for (const [name, source] of p.files) {
    if (source.kind === "asset") f.add(`files.${name}`, source.asset.name);
    else f.addFile(`files.${name}`, source.file, "template ");
  }
  f.add("boot", p.boot);
  if (p.menu) addMenu(f, p.menu);
}

function addMenu(f: Facts, { prompt, items }: BootMenu): void {
  f.add("menu.prompt", prompt.text);
  const { timeoutS } = prompt;
  f.add("menu.timeout", timeoutS === PXE_MENU_FOREVER ? "never" : `${timeoutS} s`);
  for (const [i, { name, boot }] of items.entries()) {
    f.add(`menu.items.${i + 1}`, boot === undefined ? name : `${name}: ${boot}`);
  }
}

function addBsd(f: Facts, b: BsdBoot, profile: string): void {
  f.add("bsd.loader", b.loader.name);
  addRoot(f, "bsd", b.root, b.rootPath, profile);
  addRules(f, "bsd", b.rules);
  f.add("bsd.overlay", mebibytes(b.overlay));
  for (const [key, p] of b.bootparams) {
    const server = p.server === undefined ? "" : `${p.server}:`;
    f.add(`bsd.bootparams.${key}`, `${server}${p.path}`);
  }
}

function addLinux(f: Facts, l: LinuxBoot, profile: string): void {
  f.add("linux.kernel", l.kernel?.name);
  f.add("linux.initrd", l.initrd.map(({ name }) => name).join(", "));
  f.add("linux.cmdline", l.cmdline);
  if (l.root) addRoot(f, "linux", l.root, l.rootPath, profile);
  if (l.rules) addRules(f, "linux", l.rules);
  f.add("linux.overlay", mebibytes(l.overlay));
}

function addRoot(
  f: Facts,
  at: string,
  root: Root,
  rootPath: string | undefined,
  profile: string,
): void {
  if (root.kind === "directory") f.addPath(`${at}.root`, root.path, "directory ");
  else if (root.kind === "image") f.add(`${at}.rootImage`, root.asset.name);
  else for (const [name, asset] of root.files) f.add(`${at}.root.${name}`, asset.name);
  if (rootPath !== `/${profile}`) f.add(`${at}.rootPath`, rootPath);
}

function addRules(f: Facts, at: string, rules: ExportRules): void {
  f.add(`${at}.rootSquash`, rules.rootSquash);
  f.add(`${at}.privilegedPorts`, rules.privilegedPorts);
}

function mebibytes(octets: number | undefined): string | undefined {
  return octets === undefined ? undefined : `${octets / 2 ** 20} MiB`;
}

function addAsset(f: Facts, a: AssetSpec): void {
  for (const [i, source] of a.sources.entries()) {
    addSource(f, i === 0 ? "source" : `mirror ${i + 1}`, source);
  }
  f.add("sha256", a.sha256);
  const { checksums } = a;
  if (checksums) {
    addSource(f, "checksums", checksums.source);
    f.add("checksums.entry", checksums.entry);
    const { signature } = checksums;
    if (signature) {
      f.add(`checksums.${signature.by}`, signature.key.trim().split("\n").at(-1));
      if (signature.source) addSource(f, "checksums.signature", signature.source);
    }
  }
  f.add("pin", a.pin);
  f.add("treatment", treatmentKey(a.treatment));
  f.add("refresh", a.refreshMs === 0 ? "never" : `${a.refreshMs / 1000} s`);
}

function addSource(f: Facts, key: string, s: SourceSpec): void {
  switch (s.kind) {
    case "file":
      f.addPath(key, s.file, "file ");
      break;
    case "folder":
      f.addPath(key, path.join(s.folder, s.match), "newest of ");
      break;
    case "http":
      f.add(key, s.url);
      addAccess(f, key, s.access);
      break;
    case "s3":
      f.add(key, `s3://${s.bucket}/${s.key}`);
      f.add(`${key}: store's endpoint`, s.endpoint);
      f.add(`${key}: store's region`, s.region);
      f.add(`${key}: store's pathStyle`, s.pathStyle);
      f.addFile(`${key}: store's ca`, s.ca);
      f.addSecret(`${key}: store's accessKey`, s.accessKey);
      f.addSecret(`${key}: store's secretKey`, s.secretKey);
      break;
    case "oci":
      f.add(key, `${s.registry}/${s.repository}${ociPart(s.reference)}`);
      f.add(`${key}: ${s.pick.by}`, pickText(s.pick));
      f.add(`${key}: platform`, s.platform);
      f.add(`${key}: store's plainHttp`, s.plainHttp);
      addAccess(f, key, s.access);
      break;
  }
}

function ociPart(reference: string): string {
  return reference.includes(":") ? `@${reference}` : `:${reference}`;
}

function pickText(pick: OciPick): string | undefined {
  switch (pick.by) {
    case "title":
      return pick.title;
    case "mediaType":
      return pick.mediaType;
    case "path":
      return pick.path;
    case "only":
      return undefined;
  }
}

function addAccess(f: Facts, key: string, a: StoreAccess): void {
  f.addFile(`${key}: store's ca`, a.ca);
  f.add(`${key}: store's username`, a.username);
  f.addSecret(`${key}: store's password`, a.password);
  f.addSecret(`${key}: store's token`, a.token);
}

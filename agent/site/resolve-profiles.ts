import path from "node:path";
import { type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { isAbsPath } from "./leaves.ts";
import type { Names } from "./names.ts";
import type { Path, Problems } from "./problems.ts";
import { resolveMenu } from "./resolve-menu.ts";
import type { RawBsd, RawLinux, RawProfile, RawRoot } from "./schema.ts";
import type {
  AssetSpec,
  BootParameter,
  BsdBoot,
  ExportRules,
  FileSource,
  LinuxBoot,
  Profile,
  Root,
} from "./site.ts";
import { didYouMean, quote } from "./wording.ts";

/** The BOOTP header's `file` holds 128 octets with its NUL (RFC 951 section 3). */
const MAX_BOOT_NAME = 127;

/** Whose address a bootparams server's name stands for. */
export interface HostAddresses {
  readonly ours: Ipv4;
  /** Host names in lower case. */
  readonly byName: ReadonlyMap<string, Ipv4>;
}

/** What the profiles are resolved against. */
export interface ProfileContext {
  /** The site's folder. */
  readonly dir: string;
  readonly exists: (file: string) => boolean;
  readonly assets: Names<AssetSpec>;
  readonly hosts: HostAddresses;
  readonly problems: Problems;
}

/** Resolves every profile into `into`. */
export function resolveProfiles(
  raw: Readonly<Record<string, RawProfile>>,
  context: ProfileContext,
  into: Names<Profile>,
): void {
  for (const [name, profile] of Object.entries(raw)) {
    into.add(name, resolveProfile(name, profile, context));
  }
}

function resolveProfile(name: string, raw: RawProfile, context: ProfileContext): Profile {
  const { problems } = context;
  const at = ["profiles", name];
  if (raw.bsd !== undefined && raw.linux !== undefined) {
    const cure = "make two profiles of it: a machine boots one or the other";
    problems.add([...at, "linux"], `profile "${name}" has both bsd and linux`, cure, "key");
  }
  if (raw.bsd === undefined && raw.linux === undefined && raw.files === undefined) {
    const cure = "give it bsd, linux or files";
    problems.addMissing(at, "files", `profile "${name}" has nothing to boot`, cure);
  }
  const bsd = raw.bsd && resolveBsd(name, raw.bsd, [...at, "bsd"], context);
  const linux = raw.linux && resolveLinux(name, raw, raw.linux, [...at, "linux"], context);
  const files = resolveFiles(raw, [...at, "files"], context);
  const boots = (boot: string, there: Path, whose: string): void =>
    checkBoot(raw, boot, [...at, "files", boot], there, whose, problems);
  if (raw.boot !== undefined) boots(raw.boot, [...at, "boot"], `boot of profile "${name}"`);
  const menu = raw.menu && resolveMenu(name, raw.menu, [...at, "menu"], problems, boots);
  return Object.freeze({
    name,
    files,
    ...(bsd ? { bsd } : {}),
    ...(linux ? { linux } : {}),
    ...(raw.boot === undefined ? {} : { boot: raw.boot }),
    ...(menu ? { menu } : {}),
  });
}

function resolveBsd(
  name: string,
  raw: RawBsd,
  at: Path,
  context: ProfileContext,
): BsdBoot | undefined {
  const { assets, problems } = context;
  const bootparams = new Map<string, BootParameter>();
  for (const [key, text] of Object.entries(raw.bootparams ?? {})) {
    const parameter = resolveBootParameter(text, [...at, "bootparams", key], context);
    if (parameter !== undefined) bootparams.set(key, parameter);
  }
  if (raw.loader === undefined) {
    const cure = "name the asset that it gets by TFTP: loader: ASSET";
    problems.addMissing(at, "loader", `bsd of profile "${name}" has no loader`, cure);
  }
  if (raw.root === undefined && raw.rootImage === undefined) {
    const cure =
      "say what it finds over NFS: root: { NAME: ASSET }, root: DIRECTORY or rootImage: ASSET";
    problems.addMissing(at, "root", `bsd of profile "${name}" has no root`, cure);
  }
  const loader = raw.loader && assets.find(raw.loader, [...at, "loader"]);
  const root = rootOf(raw, at, context);
  if (!loader || !root) return undefined;
  const rootPath = raw.rootPath ?? `/${name}`;
  return Object.freeze({
    loader,
    root,
    rootPath,
    rules: rulesOf(raw),
    ...overlayOf(raw),
    bootparams,
  });
}

function resolveLinux(
  name: string,
  profile: RawProfile,
  raw: RawLinux,
  at: Path,
  context: ProfileContext,
): LinuxBoot {
  const { assets, problems } = context;
  const hasFiles = profile.files !== undefined || problems.isExcused(["profiles", name, "files"]);
  const hasRoot =
    raw.root !== undefined ||
    raw.rootImage !== undefined ||
    problems.isExcused([...at, "root"]) ||
    problems.isExcused([...at, "rootImage"]);
  if (raw.kernel === undefined && !hasRoot && !hasFiles) {
    const message = `linux of profile "${name}" has neither a kernel nor a root, and no files`;
    problems.addMissing(at, "kernel", message, "name the asset that is the kernel: kernel: ASSET");
  }
  const misplaced: [keyof RawLinux, "kernel" | "root"][] = [
    ["initrd", "kernel"],
    ["rootPath", "root"],
    ["rootSquash", "root"],
    ["privilegedPorts", "root"],
    ["overlay", "root"],
  ];
  for (const [key, needs] of misplaced) {
    if (raw[key] === undefined || raw[needs] !== undefined) continue;
    if (problems.isExcused([...at, needs]) || (needs === "root" && hasRoot)) continue;
    const message = `"${key}" in linux of profile "${name}" is of no use without "${needs}"`;
    problems.add([...at, key], message, `add "${needs}", or remove "${key}"`, "key");
  }
  const kernel = raw.kernel === undefined ? undefined : assets.find(raw.kernel, [...at, "kernel"]);
  const root = rootOf(raw, at, context);
  const initrd = (raw.initrd ?? []).map((asset, i) => {
    const item = [...at, "initrd", String(i)];
    return assets.find(asset, problems.isPlaced(item) ? item : item.slice(0, -1));
  });
  return Object.freeze({
    initrd: initrd.filter((asset) => asset !== undefined),
    ...(kernel ? { kernel } : {}),
    ...(raw.cmdline === undefined ? {} : { cmdline: oneLine(raw.cmdline) }),
    ...(root
      ? { root, rootPath: raw.rootPath ?? `/${name}`, rules: rulesOf(raw), ...overlayOf(raw) }
      : {}),
  });
}

function rulesOf({ rootSquash = false, privilegedPorts = false }: RawBsd | RawLinux): ExportRules {
  return Object.freeze({ rootSquash, privilegedPorts });
}

function overlayOf({ overlay }: { readonly overlay?: number }): { readonly overlay?: number } {
  return overlay === undefined ? {} : { overlay };
}

/** Folded YAML text ends in a newline, and a command line has none. */
function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}

function rootOf(
  { root, rootImage }: RawBsd | RawLinux,
  at: Path,
  context: ProfileContext,
): Root | undefined {
  if (rootImage === undefined) {
    return root === undefined ? undefined : resolveRoot(root, [...at, "root"], context);
  }
  const here = [...at, "rootImage"];
  if (root !== undefined) {
    const message = `a root is either names of assets or a directory ("root"), or an image ("rootImage")`;
    context.problems.add(here, message, "remove one of the two", "key");
  }
  const asset = context.assets.find(rootImage, here);
  return asset && Object.freeze({ kind: "image", asset });
}

function resolveRoot(raw: RawRoot, at: Path, context: ProfileContext): Root {
  if (typeof raw === "string") {
    return Object.freeze({ kind: "directory", path: path.resolve(context.dir, raw) });
  }
  const files = new Map<string, AssetSpec>();
  const names = Object.keys(raw);
  for (const [name, assetName] of Object.entries(raw)) {
    const asset = context.assets.find(assetName, [...at, name]);
    if (asset !== undefined) files.set(name, asset);
    const below = names.find((other) => other.startsWith(`${name}/`));
    if (below === undefined) continue;
    const message = `${quote(name)} is a file here, and a folder in ${quote(below)}`;
    context.problems.add([...at, name], message, "rename one of the two", "key");
  }
  return Object.freeze({ kind: "files", files });
}

function resolveFiles(
  raw: RawProfile,
  at: Path,
  context: ProfileContext,
): ReadonlyMap<string, FileSource> {
  const files = new Map<string, FileSource>();
  for (const [name, source] of Object.entries(raw.files ?? {})) {
    const here = [...at, name];
    if (typeof source === "string") {
      const asset = context.assets.find(source, here);
      if (asset !== undefined) files.set(name, Object.freeze({ kind: "asset", asset }));
      continue;
    }
    if (source.template === undefined) {
      const cure = "name an asset, or say where it is: { template: PATH }";
      context.problems.addMissing(here, "template", `file ${quote(name)} has no template`, cure);
      continue;
    }
    const file = path.resolve(context.dir, source.template);
    if (!context.exists(file)) {
      const message = `the template ${quote(source.template)} of file ${quote(name)} is not there`;
      const cure = `create ${file}, or correct the path: it is relative to the site file`;
      context.problems.add([...here, "template"], message, cure);
    }
    files.set(name, Object.freeze({ kind: "template", file }));
  }
  return files;
}

/** `inFiles`: the path that `boot` would have in `files`. `whose`: what names it, at `at`. */
function checkBoot(
  raw: RawProfile,
  boot: string,
  inFiles: Path,
  at: Path,
  whose: string,
  problems: Problems,
): void {
  const files = Object.keys(raw.files ?? {});
  if (!files.includes(boot)) {
    if (problems.isExcused(inFiles)) return;
    const cure = didYouMean(boot, files, `add it: files: { ${boot}: ASSET }`);
    problems.add(at, `${whose} names no file of it: ${quote(boot)}`, cure);
  } else if (boot.length > MAX_BOOT_NAME) {
    const cure = `a BOOTP header has room for ${MAX_BOOT_NAME} octets: shorten the name`;
    problems.add(at, `${whose} is ${boot.length} octets long`, cure);
  }
}

/** "server:path", ":path" or "/path" (bootparams(4)). */
function resolveBootParameter(
  text: string,
  at: Path,
  { hosts, problems }: ProfileContext,
): BootParameter | undefined {
  const colon = text.indexOf(":");
  if (colon < 0) {
    if (isAbsPath(text)) return Object.freeze({ address: hosts.ours, path: text });
    const cure = 'write "/path" for one on this agent, "server:/path", or ":value" for no server';
    problems.add(at, `${quote(text)} is not a bootparams value`, cure);
    return undefined;
  }
  const server = text.slice(0, colon);
  const address = server === "" ? 0 : (parseIpv4(server) ?? hosts.byName.get(server.toLowerCase()));
  if (address !== undefined) {
    return Object.freeze({ server, address, path: text.slice(colon + 1) });
  }
  const cure = didYouMean(server, [...hosts.byName.keys()], "write the server's IPv4 address");
  problems.add(at, `unknown server ${quote(server)}`, `${cure} (a machine's name or an address)`);
  return undefined;
}

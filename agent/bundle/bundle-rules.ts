import { isFingerprint } from "../identity/fingerprint.ts";
import { printable } from "../log/printable.ts";
import { quote } from "../site/wording.ts";
import type { Bundle, Targets } from "./bundle.ts";

/** Octets of a signed bundle. */
export const MAX_BUNDLE: number = 4 * 1024 * 1024;
export const MAX_FILES = 256;
export const MAX_FILE: number = 1024 * 1024;
/** Octets of UTF-8 of a path, and of one name in it (NAME_MAX of Linux file systems). */
export const MAX_PATH = 512;
const MAX_NAME = 255;
const MAX_DEPTH = 16;
/** Octets of UTF-8 of a site's name. */
export const MAX_SITE_NAME = 255;
/** Agents that a bundle can name in each way. */
export const MAX_TARGETS = 256;
/** Octets of UTF-8 of an instance name (RFC 6763 section 4.1.1). */
export const MAX_INSTANCE_NAME = 63;

/** Why this cannot be a bundle, in words. The same rules hold for who seals and who opens one. Undefined: it can be. */
export function bundleFault(bundle: Bundle): string | undefined {
  const { site, serial, targets, notBefore, expires, made, main, files } = bundle;
  if (site === "" || octetsOf(site) > MAX_SITE_NAME || isUnprintable(site)) {
    return "the name of its site is empty, too long or not printable";
  }
  if (!Number.isSafeInteger(serial) || serial < 1) return `its serial number is ${serial}`;
  for (const time of [made, notBefore ?? 0, expires ?? 0]) {
    if (!Number.isSafeInteger(time) || time < 0) return `one of its times is ${time}`;
  }
  if (notBefore !== undefined && expires !== undefined && expires <= notBefore) {
    return "it expires before it may be applied";
  }
  const fault = targetsFault(targets) ?? filesFault(files);
  if (fault !== undefined) return fault;
  return files.has(main) ? undefined : `its site file ${shown(main)} is not in it`;
}

/** A text that a bundle has, in quotes, with nothing in it that a terminal would follow. */
export function shown(text: string): string {
  return quote(printable(text));
}

/** Why a path cannot stand in a bundle, in words. Undefined: it can. */
export function pathFault(path: string): string | undefined {
  if (octetsOf(path) > MAX_PATH) return `it is longer than ${MAX_PATH} octets`;
  if (path.includes("\\")) return "it has a backslash in it";
  if (isUnprintable(path)) return "it has characters in it that cannot be printed";
  const parts = path.split("/");
  if (parts.length > MAX_DEPTH) return `it is deeper than ${MAX_DEPTH} folders`;
  for (const part of parts) {
    if (part === "" || part === "." || part === "..") return "it has an empty part, . or .. in it";
    if (octetsOf(part) > MAX_NAME) return `a name in it is longer than ${MAX_NAME} octets`;
  }
  return undefined;
}

/**
 * Why these cannot be the files of a bundle, in words. Undefined: they can.
 *
 * Paths that differ in case or in Unicode form alone are refused, as is a file where another needs a folder: `pull` writes them
 * onto laptops as well, whose file systems mostly fold both, and one of the two would be lost without a word.
 */
export function filesFault(files: ReadonlyMap<string, Uint8Array>): string | undefined {
  if (files.size > MAX_FILES) return `it has ${files.size} files, and ${MAX_FILES} are allowed`;
  const seen = new Map<string, "file" | "folder">();
  for (const [path, octets] of files) {
    const fault = pathFault(path);
    if (fault !== undefined) return `the path ${shown(path)}: ${fault}`;
    if (octets.length > MAX_FILE) return `${shown(path)} is larger than 1 MiB`;
    const parts = folded(path).split("/");
    for (let n = 1; n < parts.length; n++) {
      const folder = parts.slice(0, n).join("/");
      if (seen.get(folder) === "file") return `${shown(path)} needs a folder where a file is`;
      seen.set(folder, "folder");
    }
    const other = seen.get(folded(path));
    if (other === "folder") return `${shown(path)} is a file where another needs a folder`;
    if (other === "file")
      return `two paths differ from ${shown(path)} in case alone, or not at all`;
    seen.set(folded(path), "file");
  }
  return undefined;
}

function targetsFault({ any, agents = [], names = [] }: Targets): string | undefined {
  if (any !== true && agents.length === 0 && names.length === 0) return "it is for no agent";
  if (agents.length > MAX_TARGETS || names.length > MAX_TARGETS) {
    return `it names more than ${MAX_TARGETS} agents`;
  }
  if (!agents.every(isFingerprint)) return "it is for an agent whose fingerprint is none";
  const bad = names.find(
    (name) => name === "" || octetsOf(name) > MAX_INSTANCE_NAME || isUnprintable(name),
  );
  return bad === undefined ? undefined : `it is for an agent whose name is none: ${shown(bad)}`;
}

function folded(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

/** Control characters, marks that turn the direction of writing, unassigned ones, lone surrogates, line separators. */
function isUnprintable(text: string): boolean {
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

function octetsOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

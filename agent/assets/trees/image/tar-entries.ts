import {
  isTarEnd,
  parsePax,
  parseTarHeader,
  TAR_BLOCK,
  type TarHeader,
} from "../../treatment/archives/tar-header.ts";
import { Pace } from "../../treatment/pace.ts";
import { Refusal } from "../../treatment/refusal.ts";
import { deviceNumber, type NodeKind } from "../tree.ts";
import type { ImageEntry } from "./image-entry.ts";
import type { ImageOctets } from "./image-octets.ts";

/** Octets of an extended header at most: the longest path, and attributes that nobody looks at. */
const MAX_EXTENDED = 1024 * 1024;
/** Owners are numbers of 32 bits; a larger one would become root on the wire. */
const MAX_ID = 0xffff_ffff;

const DECODER = new TextDecoder();

const KINDS: Readonly<Record<string, NodeKind | "hardlink">> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

/** What extended headers said of the entry that follows them. */
interface Extended {
  pax: ReadonlyMap<string, string>;
  path?: string;
  linkpath?: string;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/**
 * The entries of a tar archive (old, ustar, GNU, pax), of which the headers alone are read.
 *
 * The library that unpacks tar archives elsewhere takes an archive as a stream: all of it would have to come from the disk.
 */
export async function* tarEntries(
  octets: ImageOctets,
): AsyncGenerator<ImageEntry, void, undefined> {
  const pace = new Pace();
  let global = NOTHING;
  let extended: Extended = { pax: NOTHING };
  for (let at = 0; at < octets.size; ) {
    if (pace.due()) await pace.rest();
    const read = octets.read(at, TAR_BLOCK, "a header");
    const block = read instanceof Promise ? await read : read;
    if (isTarEnd(block)) return;
    const header = parseTarHeader(block);
    at += TAR_BLOCK;
    if ("xgLK".includes(header.type)) {
      const said = await extension(octets, header, at);
      if (header.type === "g") global = parsePax(said);
      else if (header.type === "x") extended.pax = parsePax(said);
      else extended[header.type === "L" ? "path" : "linkpath"] = upToNul(said);
      at += padded(header.size);
      continue;
    }
    const pax = global.size === 0 ? extended.pax : new Map([...global, ...extended.pax]);
    const size = sizeOf(header, pax);
    const entry = entryOf(header, { ...extended, pax }, at, size);
    if (at + size > octets.size) throw new Refusal(`is cut short in ${entry?.path}`);
    if (entry) yield entry;
    at += padded(size);
    extended = { pax: NOTHING };
  }
}

async function extension(octets: ImageOctets, header: TarHeader, at: number): Promise<Uint8Array> {
  if (header.size < 0 || header.size > MAX_EXTENDED) {
    throw new Refusal(`is damaged (a tar archive): an extended header of ${header.size} octets`);
  }
  return await octets.read(at, header.size, "an extended header");
}

function entryOf(
  header: TarHeader,
  { pax, path, linkpath }: Extended,
  at: number,
  size: number,
): ImageEntry | undefined {
  const name = pax.get("path") ?? path ?? header.name;
  if (header.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."))) {
    throw new Refusal(
      `has ${pax.get("GNU.sparse.name") ?? name} in it, which is sparse: pack it without --sparse`,
    );
  }
  // POSIX: what is not known is a file. Volume labels and the directories of incremental archives are none.
  if ("VMDN".includes(header.type)) return undefined;
  const given = KINDS[header.type] ?? "file";
  // Before ustar a slash at the end said that it is a directory.
  const kind = given === "file" && name.endsWith("/") ? "directory" : given;
  const target = pax.get("linkpath") ?? linkpath ?? header.linkname;
  const isDevice = kind === "block" || kind === "character";
  return {
    path: name,
    kind,
    mode: header.mode & 0o7777,
    uid: idOf(pax.get("uid"), header.uid, name),
    gid: idOf(pax.get("gid"), header.gid, name),
    mtimeMs: mtimeOf(pax.get("mtime"), header.mtime),
    at,
    size: kind === "file" ? size : 0,
    rdev: isDevice ? deviceNumber(header.devmajor, header.devminor) : 0,
    ...(kind === "symlink" || kind === "hardlink" ? { target } : {}),
  };
}

/** Octets that follow the header. */
function sizeOf(header: TarHeader, pax: ReadonlyMap<string, string>): number {
  const said = pax.get("size");
  const size = said === undefined ? header.size : decimalOf(said);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new Refusal("is damaged (a tar archive): the size of an entry is not a number");
  }
  // Only pax has content behind a hard link. Others say how long the file is that it is a link to.
  if (header.type === "1" && said === undefined) return 0;
  // Of these a size may be said that nothing follows.
  return "23456".includes(header.type) ? 0 : size;
}

function idOf(said: string | undefined, header: number, path: string): number {
  const id = said === undefined ? header : decimalOf(said);
  if (Number.isInteger(id) && id >= 0 && id <= MAX_ID) return id;
  throw new Refusal(`has an owner of ${path} that is no number of 32 bits`);
}

/** pax has fractions of seconds. */
function mtimeOf(said: string | undefined, header: number): number {
  const seconds = said !== undefined && /^-?\d+(\.\d*)?$/.test(said) ? Number(said) : header;
  return Math.floor(seconds * 1000);
}

function decimalOf(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

function padded(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

function upToNul(octets: Uint8Array): string {
  const end = octets.indexOf(0);
  return DECODER.decode(end < 0 ? octets : octets.subarray(0, end));
}

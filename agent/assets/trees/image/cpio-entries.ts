import {
  CPIO_MAGIC_LEN,
  CPIO_TRAILER,
  type CpioHeader,
  cpioFormat,
  cpioHeaderLen,
  cpioPadding,
  parseCpioHeader,
} from "../../treatment/archives/cpio-header.ts";
import { MAGIC_LEN, recogniseCompression } from "../../treatment/compression/recognise.ts";
import { Pace } from "../../treatment/pace.ts";
import { Refusal } from "../../treatment/refusal.ts";
import { deviceNumber, type NodeKind } from "../tree.ts";
import type { ImageEntry } from "./image-entry.ts";
import type { ImageOctets } from "./image-octets.ts";

/** Zeros between archives that are looked at in one piece, octets. */
const ZEROS_LEN = 4_096;

const DECODER = new TextDecoder();

/** By the upper four of the sixteen bits of a mode. */
const KINDS: readonly (NodeKind | undefined)[] = [
  undefined,
  "fifo",
  "character",
  undefined,
  "directory",
  undefined,
  "block",
  undefined,
  "file",
  undefined,
  "symlink",
  undefined,
  "socket",
];

/**
 * The entries of one or more cpio archives behind each other with zeros between them, as the kernel takes an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Headers, names and links alone are read.
 */
export async function* cpioEntries(
  octets: ImageOctets,
): AsyncGenerator<ImageEntry, void, undefined> {
  const pace = new Pace();
  let at = 0;
  for (let part = 0; ; part++) {
    at = await afterZeros(octets, at, pace);
    if (at >= octets.size) return;
    await refuseCompressed(octets, at);
    at = yield* onePart(octets, at, part, pace);
  }
}

/** The entries of one archive; returns where it ends. */
async function* onePart(
  octets: ImageOctets,
  start: number,
  part: number,
  pace: Pace,
): AsyncGenerator<ImageEntry, number, undefined> {
  for (let at = start; ; ) {
    if (pace.due()) await pace.rest();
    const magicRead = octets.read(at, CPIO_MAGIC_LEN, "a header");
    const format = cpioFormat(magicRead instanceof Promise ? await magicRead : magicRead);
    if (format === undefined) {
      throw new Refusal(`is damaged, or has something else at octet ${at} (a cpio archive)`);
    }
    const headerLen = cpioHeaderLen(format);
    const read = octets.read(at, headerLen, "a header");
    const header = parseCpioHeader(format, read instanceof Promise ? await read : read);
    const nameRead = octets.read(at + headerLen, header.nameLen, "a name");
    const name = nameRead instanceof Promise ? await nameRead : nameRead;
    const path = DECODER.decode(name.subarray(0, -1));
    at += headerLen + header.nameLen;
    at += cpioPadding(format, headerLen + header.nameLen);
    const end = at + header.size;
    if (end > octets.size) throw new Refusal(`is cut short in ${path}`);
    if (path === CPIO_TRAILER) return end;
    const entry = entryOf(header, path, part, at);
    if (entry.kind === "symlink") {
      const target = DECODER.decode(await octets.read(at, header.size, path));
      yield { ...entry, target };
    } else yield entry;
    // The last archive may end without its trailer's padding.
    at = Math.min(octets.size, end + cpioPadding(format, header.size));
  }
}

function entryOf(header: CpioHeader, path: string, part: number, at: number): ImageEntry {
  const kind = KINDS[(header.mode & 0o170000) >> 12];
  if (kind === undefined) {
    throw new Refusal(`is damaged (a cpio archive): nobody knows what ${path} is`);
  }
  const isDevice = kind === "block" || kind === "character";
  return {
    path,
    kind,
    mode: header.mode & 0o7777,
    uid: header.uid,
    gid: header.gid,
    mtimeMs: header.mtime * 1000,
    at,
    size: kind === "file" ? header.size : 0,
    rdev: isDevice ? deviceNumber(header.rdevMajor, header.rdevMinor) : 0,
    // The kernel joins names of one inode within one archive (init/initramfs.c).
    ...(header.links > 1 && kind !== "directory" ? { inode: `${part}:${header.inode}` } : {}),
  };
}

async function afterZeros(octets: ImageOctets, from: number, pace: Pace): Promise<number> {
  for (let at = from; at < octets.size; at += ZEROS_LEN) {
    if (pace.due()) await pace.rest();
    const piece = await octets.read(at, Math.min(ZEROS_LEN, octets.size - at), "zeros");
    const found = piece.findIndex((octet) => octet !== 0);
    if (found >= 0) return at + found;
  }
  return octets.size;
}

async function refuseCompressed(octets: ImageOctets, at: number): Promise<void> {
  const head = await octets.read(at, Math.min(MAGIC_LEN, octets.size - at), "a header");
  const compression = recogniseCompression(head);
  if (compression === undefined) return;
  throw new Refusal(
    `has a part compressed with ${compression} at octet ${at}: unpack it and pack one archive that is not (unmkinitramfs, then cpio -o -H newc)`,
  );
}

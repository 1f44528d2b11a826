import { Refusal } from "../refusal.ts";

/** Headers and content lie at multiples of this, octets. */
export const TAR_BLOCK = 512;

const NAME = 0; // octets from the start of the header, POSIX.1-1988 (ustar)
const MODE = 100;
const UID = 108;
const GID = 116;
const SIZE = 124;
const MTIME = 136;
const SUM = 148;
const TYPE = 156;
const LINKNAME = 157;
const MAGIC = 257;
const DEVMAJOR = 329;
const DEVMINOR = 337;
const PREFIX = 345;

const DECODER = new TextDecoder();

/** A tar header as it stands: what extended headers before it say comes on top. */
export interface TarHeader {
  /** "0" and "" are files; see tar(5). */
  readonly type: string;
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Octets of content. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly devmajor: number;
  readonly devminor: number;
}

/** Whether a block's octets add up to what it says, with blanks where it says so. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK) return false;
  const said = textOf(block, SUM, 8).trim();
  if (!/^[0-7]+$/.test(said)) return false;
  let sum = 8 * 0x20;
  for (let i = 0; i < TAR_BLOCK; i++) if (i < SUM || i >= SUM + 8) sum += block[i] ?? 0;
  return Number.parseInt(said, 8) === sum;
}

/** Whether a block ends the archive: it is zeros. */
export function isTarEnd(block: Uint8Array): boolean {
  return block.every((octet) => octet === 0);
}

/** Reads a header: old, ustar or GNU. Throws a Refusal where it is none, or a number in it is not one. */
export function parseTarHeader(block: Uint8Array): TarHeader {
  if (!isTarHeader(block)) throw new Refusal("is damaged (a tar archive): a header is not one");
  const magic = textOf(block, MAGIC, 6);
  // GNU has other things where the prefix is (ctime, the map of a sparse file), and a blank behind "ustar".
  const prefix = magic === "ustar" ? textOf(block, PREFIX, 155) : "";
  const name = textOf(block, NAME, 100);
  const hasDevices = magic.startsWith("ustar");
  const type = block[TYPE] === 0 ? "0" : String.fromCharCode(block[TYPE] ?? 0);
  return {
    type,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: textOf(block, LINKNAME, 100),
    mode: numberOf(block, MODE, 8),
    uid: numberOf(block, UID, 8),
    gid: numberOf(block, GID, 8),
    size: numberOf(block, SIZE, 12),
    mtime: numberOf(block, MTIME, 12),
    devmajor: hasDevices ? numberOf(block, DEVMAJOR, 8) : 0,
    devminor: hasDevices ? numberOf(block, DEVMINOR, 8) : 0,
  };
}

/**
 * The records of a pax header (POSIX.1-2001): "LEN KEY=VALUE\n", LEN in octets and of the whole record. Throws a Refusal where
 * they are not so.
 */
export function parsePax(octets: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < octets.length; ) {
    const blank = octets.indexOf(0x20, at);
    const digits = blank < 0 ? "" : DECODER.decode(octets.subarray(at, blank));
    const end = at + Number(digits);
    const equals = octets.indexOf(0x3d, blank);
    const isSound = /^[1-9][0-9]{0,8}$/.test(digits) && equals > blank && equals < end;
    if (!isSound || octets[end - 1] !== 0x0a) {
      throw new Refusal("is damaged (a tar archive): a pax header is not one");
    }
    const key = DECODER.decode(octets.subarray(blank + 1, equals));
    records.set(key, DECODER.decode(octets.subarray(equals + 1, end - 1)));
    at = end;
  }
  return records;
}

/** Octal digits, or with the first bit set a number to base 256 (GNU, for what is too large or negative). */
function numberOf(block: Uint8Array, at: number, len: number): number {
  const first = block[at] ?? 0;
  if (first & 0x80) {
    let value = first & 0x40 ? first - 0x100 : first & 0x3f;
    for (let i = 1; i < len; i++) value = value * 0x100 + (block[at + i] ?? 0);
    if (Number.isSafeInteger(value)) return value;
  } else {
    const text = textOf(block, at, len).trim();
    if (text === "") return 0;
    if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  }
  throw new Refusal("is damaged (a tar archive): a header's number is not one");
}

/** Up to a NUL. */
function textOf(block: Uint8Array, at: number, len: number): string {
  const field = block.subarray(at, at + len);
  const end = field.indexOf(0);
  return DECODER.decode(end < 0 ? field : field.subarray(0, end));
}

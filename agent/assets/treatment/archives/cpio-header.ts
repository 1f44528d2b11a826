import { Refusal } from "../refusal.ts";

/** Octets of the magic number that every header begins with. */
export const CPIO_MAGIC_LEN = 6;
/** The name of an archive's last entry, which is none. */
export const CPIO_TRAILER = "TRAILER!!!";
/** A path or the target of a link at most, octets. */
const MAX_NAME = 4_096;

/** `newc`: "070701", of the kernel's initramfs; `crc`: "070702", the same with a sum; `odc`: "070707", POSIX. */
export type CpioFormat = "newc" | "crc" | "odc";

/** An entry's header, without its name. */
export interface CpioHeader {
  readonly format: CpioFormat;
  readonly inode: string;
  /** File type and permissions, as stat(2) has them. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Of a device. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Octets of content. */
  readonly size: number;
  /** Octets of the name, its NUL included. */
  readonly nameLen: number;
  /** Of `crc`: all octets of a file added up, 32 bits. */
  readonly sum: number;
}

const FORMATS: Readonly<Record<string, CpioFormat>> = {
  "070701": "newc",
  "070702": "crc",
  "070707": "odc",
};

/** The format that a header's first octets tell of. */
export function cpioFormat(magic: Uint8Array): CpioFormat | undefined {
  return FORMATS[String.fromCharCode(...magic.subarray(0, CPIO_MAGIC_LEN))];
}

export function cpioHeaderLen(format: CpioFormat): number {
  return format === "odc" ? 76 : 110;
}

/** Octets of padding behind a header with its name, or behind content: `newc` has both at multiples of four. */
export function cpioPadding(format: CpioFormat, len: number): number {
  return format === "odc" ? 0 : (4 - (len & 3)) & 3;
}

/**
 * Reads a header of `cpioHeaderLen` octets. newc: 13 numbers of 8 hex digits (inode, mode, owner, group, links, mtime, size,
 * device, rdev, name, sum). odc: octal numbers of 6 digits, of which mtime and size have 11.
 */
export function parseCpioHeader(format: CpioFormat, header: Uint8Array): CpioHeader {
  const text = String.fromCharCode(...header);
  const field = (at: number, len: number): number => {
    const digits = text.slice(at, at + len);
    const sound = format === "odc" ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/;
    if (digits.length < len || !sound.test(digits)) {
      throw new Refusal("is damaged (a cpio archive): a header's number is not one");
    }
    return Number.parseInt(digits, format === "odc" ? 8 : 16);
  };
  const parsed: CpioHeader =
    format === "odc"
      ? {
          format,
          inode: `${field(6, 6)}:${field(12, 6)}`,
          mode: field(18, 6),
          links: field(36, 6),
          uid: field(24, 6),
          gid: field(30, 6),
          mtime: field(48, 11),
          // As stat(2) had it on a machine with 16 bits for it.
          rdevMajor: field(42, 6) >> 8,
          rdevMinor: field(42, 6) & 0xff,
          size: field(65, 11),
          nameLen: field(59, 6),
          sum: 0,
        }
      : {
          format,
          inode: `${field(62, 8)}:${field(70, 8)}:${field(6, 8)}`,
          mode: field(14, 8),
          links: field(38, 8),
          uid: field(22, 8),
          gid: field(30, 8),
          mtime: field(46, 8),
          rdevMajor: field(78, 8),
          rdevMinor: field(86, 8),
          size: field(54, 8),
          nameLen: field(94, 8),
          sum: format === "crc" ? field(102, 8) : 0,
        };
  if (parsed.nameLen < 1 || parsed.nameLen > MAX_NAME) {
    throw new Refusal(`is damaged (a cpio archive): a name of ${parsed.nameLen} octets`);
  }
  if ((parsed.mode & 0o170000) === 0o120000 && parsed.size > MAX_NAME) {
    throw new Refusal(`is damaged (a cpio archive): a link of ${parsed.size} octets`);
  }
  return parsed;
}

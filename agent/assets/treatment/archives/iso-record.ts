import { Refusal } from "../refusal.ts";

/** Directories are laid out in these; a record lies within one. */
export const SECTOR_LEN = 2_048;
const FIXED_LEN = 33;

const FLAG_DIRECTORY = 2;
/** The next record goes on with the same file. */
const FLAG_MORE = 0x80;

/** A directory record (ECMA-119 section 9.1). */
export interface IsoRecord {
  /** Octets of the record. */
  readonly len: number;
  /** First block of the content, behind its extended attributes. */
  readonly block: number;
  /** Octets. */
  readonly size: number;
  readonly isDirectory: boolean;
  /** Whether the file has a further part, in the next record. */
  readonly hasMore: boolean;
  readonly isInterleaved: boolean;
  /** The name's octets: one octet 0 for the directory itself, one octet 1 for the one above it. */
  readonly name: Uint8Array;
  /** What Rock Ridge uses. */
  readonly systemUse: Uint8Array;
}

/**
 * Reads the record at `at` of a sector. Undefined: the sector has no more of them.
 *
 * Numbers are there in both byte orders; the little-endian one is read, as all systems do that matter.
 */
export function parseIsoRecord(sector: Uint8Array, at: number): IsoRecord | undefined {
  const len = sector[at] ?? 0;
  if (len === 0) return undefined;
  const nameLen = sector[at + 32] ?? 0;
  if (len < FIXED_LEN + nameLen || nameLen === 0 || at + len > sector.length) {
    throw new Refusal("is damaged (an ISO 9660 image): a directory's record is not one");
  }
  const dv = new DataView(sector.buffer, sector.byteOffset + at, len);
  const flags = dv.getUint8(25);
  // The name is padded to an even length with the fixed part.
  const systemUseAt = Math.min(len, FIXED_LEN + nameLen + ((FIXED_LEN + nameLen) & 1));
  return {
    len,
    block: dv.getUint32(2, true) + dv.getUint8(1),
    size: dv.getUint32(10, true),
    isDirectory: (flags & FLAG_DIRECTORY) !== 0,
    hasMore: (flags & FLAG_MORE) !== 0,
    isInterleaved: dv.getUint8(26) !== 0,
    name: sector.subarray(at + FIXED_LEN, at + FIXED_LEN + nameLen),
    systemUse: sector.subarray(at + systemUseAt, at + len),
  };
}

/** Whether a record stands for the directory itself or the one above it. */
export function isDots(record: IsoRecord): boolean {
  return record.name.length === 1 && (record.name[0] ?? 0) <= 1;
}

/** A name of the plain or Joliet tree, without its version ";1" and the point of a name without an extension. */
export function isoName(name: Uint8Array, isJoliet: boolean): string {
  let text = "";
  if (isJoliet) {
    for (let i = 0; i + 1 < name.length; i += 2) {
      text += String.fromCharCode(((name[i] ?? 0) << 8) | (name[i + 1] ?? 0));
    }
  } else {
    text = String.fromCharCode(...name);
  }
  const bare = text.replace(/;\d+$/, "");
  return isJoliet ? bare : bare.replace(/\.$/, "");
}

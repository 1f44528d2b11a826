import type { XdrWriter } from "../sunrpc/xdr.ts";
import { NO_VIEW, Octets } from "../wire/octets.ts";

// RFC 1094 section 2.3.5, fattr: offsets in octets.
const TYPE = 0;
const MODE = 4;
const NLINK = 8;
const UID = 12;
const GID = 16;
const SIZE = 20;
const BLOCKSIZE = 24;
const RDEV = 28;
const BLOCKS = 32;
const FSID = 36;
const FILEID = 40;
const ATIME = 44;
const MTIME = 52;
const CTIME = 60;

// RFC 1094 section 2.3.6, sattr.
const SET_MODE = 0;
const SET_UID = 4;
const SET_GID = 8;
const SET_SIZE = 12;
const SET_ATIME = 16;
const SET_MTIME = 24;

/** Octets of fattr on the wire. */
export const FATTR_LEN = 68;
/** Octets of sattr on the wire. */
export const SATTR_LEN = 32;
/** "Leave it as it is" in any word of sattr. */
export const SATTR_UNSET = 0xffff_ffff;

const ZEROS: Octets = Octets.alloc(FATTR_LEN);

/** A time in seconds since 1970 and microseconds (RFC 1094 section 2.3.4). */
export interface NfsTime {
  readonly seconds: number;
  readonly useconds: number;
}

/** Attributes of a file (section 2.3.5), by the RFC's names. */
export interface FattrRepr {
  /** One of NfsFtype. */
  readonly type: number;
  /** Permissions and, in its upper bits, the type once more: NfsMode. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Octets; NFS version 2 has 32 bits for it. */
  readonly size: number;
  /** Octets of a block on disk. */
  readonly blocksize: number;
  readonly rdev: number;
  /** Blocks of 512 octets that the file takes, by custom. */
  readonly blocks: number;
  readonly fsid: number;
  /** Stable and unique within fsid: clients take it for an inode number. */
  readonly fileid: number;
  readonly atime: NfsTime;
  readonly mtime: NfsTime;
  readonly ctime: NfsTime;
}

/** Attributes inside a result view. All of them are 0 when the result carries none. */
export class FattrView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  /** For result views, which have checked that there are FATTR_LEN octets at `at`. */
  point(o: Octets, at: number): void {
    this.dv = o.dv;
    this.at = at;
  }
  /** For result views that carry no attributes. */
  clear(): void {
    this.point(ZEROS, 0);
  }
  get type(): number {
    return this.dv.getUint32(this.at + TYPE);
  }
  get mode(): number {
    return this.dv.getUint32(this.at + MODE);
  }
  get nlink(): number {
    return this.dv.getUint32(this.at + NLINK);
  }
  get uid(): number {
    return this.dv.getUint32(this.at + UID);
  }
  get gid(): number {
    return this.dv.getUint32(this.at + GID);
  }
  get size(): number {
    return this.dv.getUint32(this.at + SIZE);
  }
  get blocksize(): number {
    return this.dv.getUint32(this.at + BLOCKSIZE);
  }
  get rdev(): number {
    return this.dv.getUint32(this.at + RDEV);
  }
  get blocks(): number {
    return this.dv.getUint32(this.at + BLOCKS);
  }
  get fsid(): number {
    return this.dv.getUint32(this.at + FSID);
  }
  get fileid(): number {
    return this.dv.getUint32(this.at + FILEID);
  }
  get atimeSeconds(): number {
    return this.dv.getUint32(this.at + ATIME);
  }
  get atimeUseconds(): number {
    return this.dv.getUint32(this.at + ATIME + 4);
  }
  get mtimeSeconds(): number {
    return this.dv.getUint32(this.at + MTIME);
  }
  get mtimeUseconds(): number {
    return this.dv.getUint32(this.at + MTIME + 4);
  }
  get ctimeSeconds(): number {
    return this.dv.getUint32(this.at + CTIME);
  }
  get ctimeUseconds(): number {
    return this.dv.getUint32(this.at + CTIME + 4);
  }
}

/** Writes fattr, 68 octets. */
export function writeFattr(r: FattrRepr, w: XdrWriter): XdrWriter {
  w.u32(r.type).u32(r.mode).u32(r.nlink).u32(r.uid).u32(r.gid).u32(r.size).u32(r.blocksize);
  w.u32(r.rdev).u32(r.blocks).u32(r.fsid).u32(r.fileid);
  return writeTime(r.ctime, writeTime(r.mtime, writeTime(r.atime, w)));
}

/** Attributes to be set (section 2.3.6). What is absent stays as it is. */
export interface SattrRepr {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: NfsTime;
  readonly mtime?: NfsTime;
}

/**
 * Attributes to be set, inside a view of arguments. A value means something only where its `sets…` is true.
 *
 * A time with 1000000 microseconds is Sun's way to say "the server's time now".
 */
export class SattrView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  /** For argument views, which have checked that there are SATTR_LEN octets at `at`. */
  point(o: Octets, at: number): void {
    this.dv = o.dv;
    this.at = at;
  }
  /** Some Suns write ffff where they mean ffffffff: it is taken as "leave it", too. */
  get setsMode(): boolean {
    return (this.mode & 0xffff) !== 0xffff;
  }
  get mode(): number {
    return this.dv.getUint32(this.at + SET_MODE);
  }
  get setsUid(): boolean {
    return this.uid !== SATTR_UNSET;
  }
  get uid(): number {
    return this.dv.getUint32(this.at + SET_UID);
  }
  get setsGid(): boolean {
    return this.gid !== SATTR_UNSET;
  }
  get gid(): number {
    return this.dv.getUint32(this.at + SET_GID);
  }
  get setsSize(): boolean {
    return this.size !== SATTR_UNSET;
  }
  get size(): number {
    return this.dv.getUint32(this.at + SET_SIZE);
  }
  get setsAtime(): boolean {
    return this.atimeSeconds !== SATTR_UNSET;
  }
  get atimeSeconds(): number {
    return this.dv.getUint32(this.at + SET_ATIME);
  }
  get atimeUseconds(): number {
    return this.dv.getUint32(this.at + SET_ATIME + 4);
  }
  get setsMtime(): boolean {
    return this.mtimeSeconds !== SATTR_UNSET;
  }
  get mtimeSeconds(): number {
    return this.dv.getUint32(this.at + SET_MTIME);
  }
  get mtimeUseconds(): number {
    return this.dv.getUint32(this.at + SET_MTIME + 4);
  }
}

const UNSET_TIME: NfsTime = { seconds: SATTR_UNSET, useconds: SATTR_UNSET };

/** Writes sattr, 32 octets. */
export function writeSattr(r: SattrRepr, w: XdrWriter): XdrWriter {
  w.u32(r.mode ?? SATTR_UNSET)
    .u32(r.uid ?? SATTR_UNSET)
    .u32(r.gid ?? SATTR_UNSET);
  w.u32(r.size ?? SATTR_UNSET);
  return writeTime(r.mtime ?? UNSET_TIME, writeTime(r.atime ?? UNSET_TIME, w));
}

function writeTime(t: NfsTime, w: XdrWriter): XdrWriter {
  return w.u32(t.seconds).u32(t.useconds);
}

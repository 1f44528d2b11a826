import { XdrCursor, XdrWriter } from "../sunrpc/xdr.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

/** The mount program (RFC 1094 appendix A), versions 1 and 2, which both go with NFS version 2. */
export const MOUNT_PROG = 100_005;
export const MOUNT_VERS_LOW = 1;
/** Version 2 is version 1 plus PATHCONF; it is in no RFC. U-Boot calls it. */
export const MOUNT_VERS_HIGH = 2;

/**
 * Procedures (RFC 1094 appendix A.5). UMNT and UMNTALL return nothing at all, not even a status. ExportAll is EXPORT under
 * another number, and Pathconf is version 2 only (both in Sun's mount.x, not in the RFC).
 */
export const MountProc = {
  Null: 0,
  Mnt: 1,
  Dump: 2,
  Umnt: 3,
  Umntall: 4,
  Export: 5,
  ExportAll: 6,
  Pathconf: 7,
} as const;

/** Octets of a file handle. It is a fixed opaque: no length word goes before it. */
export const MOUNT_FHSIZE = 32;
/** Longest path in octets (MNTPATHLEN). */
export const MOUNT_PATH_MAX = 1_024;
/** Longest host or group name in octets (MNTNAMLEN). */
export const MOUNT_NAME_MAX = 255;

/** Status of MNT: UNIX errno values; what is not listed is kept as a number. */
export const MountStat = {
  Ok: 0,
  Perm: 1,
  NoEnt: 2,
  Io: 5,
  Acces: 13,
  NotDir: 20,
  Inval: 22,
} as const;

const PATHCONF_LEN = 40;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of a dirpath: the argument of MNT, UMNT and PATHCONF. */
export class MountPathView {
  private path = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.path = cursor.opaqueVar(MOUNT_PATH_MAX);
    this.octets = cursor.len;
    return cursor.status;
  }
  get pathAt(): number {
    return this.path;
  }
  get pathLen(): number {
    return this.octets;
  }
}

/** Writes a dirpath as UTF-8. */
export function emitMountPath(path: string, o: Octets, at: number): number {
  return writer.begin(o, at).string(path).at - at;
}

/** Re-pointable view of the result of MNT: a status, and after status 0 a file handle (fhstatus). */
export class MountResultView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 4) return Status.Truncated;
    if (o.dv.getUint32(at) === MountStat.Ok && len < 4 + MOUNT_FHSIZE) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get status(): number {
    return this.dv.getUint32(this.at);
  }
  /** Offset of the 32 octets of the handle; -1 unless the status is 0. */
  get fhandleAt(): number {
    return this.status === MountStat.Ok ? this.at + 4 : -1;
  }
}

/** Writes a successful result of MNT, 36 octets. `fhandle` has 32 octets. */
export function emitMountResult(fhandle: Uint8Array, o: Octets, at: number): number {
  return writer.begin(o, at).u32(MountStat.Ok).opaqueFixed(fhandle).at - at;
}

/** Writes a refusal of MNT, 4 octets. */
export function emitMountRefusal(status: number, o: Octets, at: number): number {
  return writer.begin(o, at).u32(status).at - at;
}

/** POSIX limits of an exported file system (Sun's mount.x, ppathcnf); every field is one word on the wire. */
export interface PathconfRepr {
  readonly linkMax: number;
  readonly maxCanon: number;
  readonly maxInput: number;
  readonly nameMax: number;
  readonly pathMax: number;
  readonly pipeBuf: number;
  /** The character that turns off a special character of a terminal. */
  readonly vdisable: number;
  /** Bits that say which of the others are not valid, and two words of them. */
  readonly mask: readonly [number, number];
}

/** Re-pointable view of the result of PATHCONF. */
export class PathconfResultView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < PATHCONF_LEN) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get linkMax(): number {
    return this.dv.getInt32(this.at);
  }
  get maxCanon(): number {
    return this.dv.getInt32(this.at + 4);
  }
  get maxInput(): number {
    return this.dv.getInt32(this.at + 8);
  }
  get nameMax(): number {
    return this.dv.getInt32(this.at + 12);
  }
  get pathMax(): number {
    return this.dv.getInt32(this.at + 16);
  }
  get pipeBuf(): number {
    return this.dv.getInt32(this.at + 20);
  }
  get vdisable(): number {
    return this.dv.getUint32(this.at + 24);
  }
  get mask0(): number {
    return this.dv.getInt32(this.at + 32);
  }
  get mask1(): number {
    return this.dv.getInt32(this.at + 36);
  }
}

/** Writes the result of PATHCONF, 40 octets. */
export function emitPathconfResult(r: PathconfRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).i32(r.linkMax).i32(r.maxCanon).i32(r.maxInput).i32(r.nameMax);
  w.i32(r.pathMax).i32(r.pipeBuf).u32(r.vdisable).u32(0);
  return w.i32(r.mask[0]).i32(r.mask[1]).at - at;
}

import { XdrWriter, xdrPadded } from "../sunrpc/xdr.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { NFS_FHSIZE, NFS_MAXNAMLEN } from "./constants.ts";

// Arguments of the procedures that read (RFC 1094 section 2.2). A diskless client sends little else, so these views read
// fixed offsets instead of going through a cursor. File handles are given as offsets of 32 octets.

const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of a single file handle: GETATTR, READLINK, STATFS. */
export class FhandleArgsView {
  private at = 0;

  reset(_o: Octets, at: number, len: number): Status {
    if (len < NFS_FHSIZE) return Status.Truncated;
    this.at = at;
    return Status.Ok;
  }
  get fhandleAt(): number {
    return this.at;
  }
}

/** Writes a file handle: the arguments of GETATTR, READLINK, STATFS. */
export function emitFhandleArgs(fhandle: Uint8Array, o: Octets, at: number): number {
  return writer.begin(o, at).opaqueFixed(fhandle).at - at;
}

/** Re-pointable view of a directory and a name in it (diropargs): LOOKUP, REMOVE, RMDIR. */
export class DiropArgsView {
  private at = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < NFS_FHSIZE + 4) return Status.Truncated;
    const n = o.dv.getUint32(at + NFS_FHSIZE);
    if (n > NFS_MAXNAMLEN || NFS_FHSIZE + 4 + xdrPadded(n) > len) return Status.BadLength;
    this.at = at;
    this.octets = n;
    return Status.Ok;
  }
  get dirAt(): number {
    return this.at;
  }
  get nameAt(): number {
    return this.at + NFS_FHSIZE + 4;
  }
  /** 0 to 255. */
  get nameLen(): number {
    return this.octets;
  }
}

/** Writes the arguments of LOOKUP, REMOVE, RMDIR. */
export function emitDiropArgs(dir: Uint8Array, name: string, o: Octets, at: number): number {
  return writer.begin(o, at).opaqueFixed(dir).string(name).at - at;
}

/** Re-pointable view of the arguments of READ: handle, offset, count, totalcount. */
export class ReadArgsView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < NFS_FHSIZE + 12) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get fhandleAt(): number {
    return this.at;
  }
  /** Octets from the start of the file. */
  get offset(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE);
  }
  /** Octets wanted. May be above NFS_MAXDATA: the server bounds it. */
  get count(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE + 4);
  }
  /** Unused by the protocol. U-Boot sends 0, Linux `count`. */
  get totalcount(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE + 8);
  }
}

/** What a client decides for READ. */
export interface ReadArgsRepr {
  readonly fhandle: Uint8Array;
  readonly offset: number;
  /** At most NFS_MAXDATA. */
  readonly count: number;
  /** Default `count`. */
  readonly totalcount?: number;
}

/** Writes the arguments of READ, 44 octets. */
export function emitReadArgs(r: ReadArgsRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).opaqueFixed(r.fhandle).u32(r.offset).u32(r.count);
  return w.u32(r.totalcount ?? r.count).at - at;
}

/** Re-pointable view of the arguments of READDIR: directory, cookie, count. */
export class ReaddirArgsView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < NFS_FHSIZE + 8) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get dirAt(): number {
    return this.at;
  }
  /** 0 for the start, else the cookie of the last entry that the client has. Opaque on the wire, a number here. */
  get cookie(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE);
  }
  /** Most octets of the result. */
  get count(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE + 4);
  }
}

/** Writes the arguments of READDIR, 40 octets. */
export function emitReaddirArgs(
  dir: Uint8Array,
  cookie: number,
  count: number,
  o: Octets,
  at: number,
): number {
  return writer.begin(o, at).opaqueFixed(dir).u32(cookie).u32(count).at - at;
}

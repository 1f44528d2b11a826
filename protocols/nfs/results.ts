import { XdrCursor, XdrWriter } from "../sunrpc/xdr.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { FATTR_LEN, type FattrRepr, FattrView, writeFattr } from "./attributes.ts";
import { NFS_FHSIZE, NFS_MAXDATA, NFS_MAXPATHLEN, NfsStat } from "./constants.ts";

// Results (RFC 1094 section 2.2): a status, and after NFS_OK what was asked for. The views take any status; what an error
// does not carry reads as 0, an offset as -1.

/** Octets of the result of READ before the data: status, attributes, length. */
export const NFS_READ_RESULT_HEADER_LEN: number = 4 + FATTR_LEN + 4;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of a bare status: REMOVE, RENAME, LINK, SYMLINK, RMDIR, and the error of any other procedure. */
export class StatResultView {
  private code = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 4) return Status.Truncated;
    this.code = o.dv.getUint32(at);
    return Status.Ok;
  }
  /** One of NfsStat, or any other number. */
  get status(): number {
    return this.code;
  }
}

/** Writes a bare status, 4 octets: the whole result where nothing else follows, and of every error. */
export function emitStatResult(status: number, o: Octets, at: number): number {
  return writer.begin(o, at).u32(status).at - at;
}

/** Re-pointable view of attrstat: GETATTR, SETATTR, WRITE. */
export class AttrResultView {
  private readonly fattr: FattrView = new FattrView();
  private code = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.code = cursor.u32();
    pointAt(this.fattr, this.code, o);
    return cursor.status;
  }
  get status(): number {
    return this.code;
  }
  get attributes(): FattrView {
    return this.fattr;
  }
}

/** Writes a successful attrstat, 72 octets. */
export function emitAttrResult(attributes: FattrRepr, o: Octets, at: number): number {
  return writeFattr(attributes, writer.begin(o, at).u32(NfsStat.Ok)).at - at;
}

/** Re-pointable view of diropres: LOOKUP, CREATE, MKDIR. */
export class DiropResultView {
  private readonly fattr: FattrView = new FattrView();
  private code = 0;
  private fhandle = -1;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.code = cursor.u32();
    this.fhandle = this.code === NfsStat.Ok ? cursor.opaqueFixed(NFS_FHSIZE) : -1;
    pointAt(this.fattr, this.code, o);
    return cursor.status;
  }
  get status(): number {
    return this.code;
  }
  /** Offset of 32 octets; -1 after an error. */
  get fhandleAt(): number {
    return this.fhandle;
  }
  get attributes(): FattrView {
    return this.fattr;
  }
}

/** Writes a successful diropres, 104 octets. */
export function emitDiropResult(
  fhandle: Uint8Array,
  attributes: FattrRepr,
  o: Octets,
  at: number,
): number {
  const w = writer.begin(o, at).u32(NfsStat.Ok).opaqueFixed(fhandle);
  return writeFattr(attributes, w).at - at;
}

/** Re-pointable view of the result of READLINK. */
export class ReadlinkResultView {
  private code = 0;
  private path = -1;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.code = cursor.u32();
    this.path = this.code === NfsStat.Ok ? cursor.opaqueVar(NFS_MAXPATHLEN) : -1;
    this.octets = cursor.len;
    return cursor.status;
  }
  get status(): number {
    return this.code;
  }
  get pathAt(): number {
    return this.path;
  }
  get pathLen(): number {
    return this.octets;
  }
}

/** Writes a successful result of READLINK. */
export function emitReadlinkResult(path: string, o: Octets, at: number): number {
  return writer.begin(o, at).u32(NfsStat.Ok).string(path).at - at;
}

/** Re-pointable view of the result of READ. The data is not copied. */
export class ReadResultView {
  private readonly fattr: FattrView = new FattrView();
  private code = 0;
  private data = -1;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.code = cursor.u32();
    pointAt(this.fattr, this.code, o);
    this.data = this.code === NfsStat.Ok ? cursor.opaqueVar(NFS_MAXDATA) : -1;
    this.octets = cursor.len;
    return cursor.status;
  }
  get status(): number {
    return this.code;
  }
  /** Its size tells the client where the file ends. */
  get attributes(): FattrView {
    return this.fattr;
  }
  get dataAt(): number {
    return this.data;
  }
  /** 0 to 8192; fewer than were asked for at the end of the file. */
  get dataLen(): number {
    return this.octets;
  }
}

/**
 * Writes a successful result of READ up to the data, 76 octets. `count` octets of data and xdrPad(count) zeros follow, which
 * the caller sends by gather.
 */
export function emitReadResultHeader(
  attributes: FattrRepr,
  count: number,
  o: Octets,
  at: number,
): number {
  return writeFattr(attributes, writer.begin(o, at).u32(NfsStat.Ok)).u32(count).at - at;
}

/** What STATFS tells (section 2.2.18). */
export interface StatfsRepr {
  /** Octets that the server likes to have in READ and WRITE. */
  readonly tsize: number;
  /** Octets of a block; the next three count these. */
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  /** Free blocks for users other than root. */
  readonly bavail: number;
}

/** Re-pointable view of the result of STATFS. */
export class StatfsResultView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 4) return Status.Truncated;
    if (o.dv.getUint32(at) === NfsStat.Ok && len < 24) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get status(): number {
    return this.dv.getUint32(this.at);
  }
  get tsize(): number {
    return this.word(4);
  }
  get bsize(): number {
    return this.word(8);
  }
  get blocks(): number {
    return this.word(12);
  }
  get bfree(): number {
    return this.word(16);
  }
  get bavail(): number {
    return this.word(20);
  }

  private word(rel: number): number {
    return this.status === NfsStat.Ok ? this.dv.getUint32(this.at + rel) : 0;
  }
}

/** Writes a successful result of STATFS, 24 octets. */
export function emitStatfsResult(r: StatfsRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(NfsStat.Ok).u32(r.tsize).u32(r.bsize);
  return w.u32(r.blocks).u32(r.bfree).u32(r.bavail).at - at;
}

/** Points `fattr` at the attributes that the cursor stands before, or at zeros after an error. */
function pointAt(fattr: FattrView, status: number, o: Octets): void {
  const at = status === NfsStat.Ok ? cursor.opaqueFixed(FATTR_LEN) : -1;
  if (at < 0 || cursor.status !== Status.Ok) fattr.clear();
  else fattr.point(o, at);
}

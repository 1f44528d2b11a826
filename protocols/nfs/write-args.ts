import { XdrCursor, XdrWriter } from "../sunrpc/xdr.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { SATTR_LEN, type SattrRepr, SattrView, writeSattr } from "./attributes.ts";
import { NFS_FHSIZE, NFS_MAXDATA, NFS_MAXNAMLEN, NFS_MAXPATHLEN } from "./constants.ts";

// Arguments of the procedures that change something (RFC 1094 section 2.2).

/** Octets of the arguments of WRITE before the data: handle, three numbers, length. */
export const NFS_WRITE_ARGS_HEADER_LEN = 48;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of the arguments of SETATTR. */
export class SetattrArgsView {
  private readonly sattr: SattrView = new SattrView();
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < NFS_FHSIZE + SATTR_LEN) return Status.Truncated;
    this.at = at;
    this.sattr.point(o, at + NFS_FHSIZE);
    return Status.Ok;
  }
  get fhandleAt(): number {
    return this.at;
  }
  get attributes(): SattrView {
    return this.sattr;
  }
}

/** Writes the arguments of SETATTR, 64 octets. */
export function emitSetattrArgs(
  fhandle: Uint8Array,
  attributes: SattrRepr,
  o: Octets,
  at: number,
): number {
  return writeSattr(attributes, writer.begin(o, at).opaqueFixed(fhandle)).at - at;
}

/** Re-pointable view of the arguments of WRITE. The data is not copied. */
export class WriteArgsView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(NFS_WRITE_ARGS_HEADER_LEN - 4);
    cursor.opaqueVar(NFS_MAXDATA);
    this.dv = o.dv;
    this.at = at;
    this.octets = cursor.len;
    return cursor.status;
  }
  get fhandleAt(): number {
    return this.at;
  }
  /** Unused by the protocol. */
  get beginoffset(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE);
  }
  /** Octets from the start of the file. */
  get offset(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE + 4);
  }
  /** Unused by the protocol. */
  get totalcount(): number {
    return this.dv.getUint32(this.at + NFS_FHSIZE + 8);
  }
  get dataAt(): number {
    return this.at + NFS_WRITE_ARGS_HEADER_LEN;
  }
  /** 0 to 8192. */
  get dataLen(): number {
    return this.octets;
  }
}

/** Writes the arguments of WRITE up to the data, 48 octets; `count` octets of data and xdrPad(count) zeros follow. */
export function emitWriteArgsHeader(
  fhandle: Uint8Array,
  offset: number,
  count: number,
  o: Octets,
  at: number,
): number {
  const w = writer.begin(o, at).opaqueFixed(fhandle).u32(offset).u32(offset);
  return w.u32(count).u32(count).at - at;
}

/** Re-pointable view of the arguments of CREATE and MKDIR: where, and attributes to begin with. */
export class CreateArgsView {
  private readonly sattr: SattrView = new SattrView();
  private at = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(NFS_FHSIZE);
    cursor.opaqueVar(NFS_MAXNAMLEN);
    this.at = at;
    this.octets = cursor.len;
    this.sattr.point(o, cursor.opaqueFixed(SATTR_LEN));
    return cursor.status;
  }
  get dirAt(): number {
    return this.at;
  }
  get nameAt(): number {
    return this.at + NFS_FHSIZE + 4;
  }
  get nameLen(): number {
    return this.octets;
  }
  get attributes(): SattrView {
    return this.sattr;
  }
}

/** Writes the arguments of CREATE and MKDIR. */
export function emitCreateArgs(
  dir: Uint8Array,
  name: string,
  attributes: SattrRepr,
  o: Octets,
  at: number,
): number {
  return writeSattr(attributes, writer.begin(o, at).opaqueFixed(dir).string(name)).at - at;
}

/** Re-pointable view of the arguments of RENAME. */
export class RenameArgsView {
  private at = 0;
  private fromOctets = 0;
  private to = 0;
  private toOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(NFS_FHSIZE);
    cursor.opaqueVar(NFS_MAXNAMLEN);
    this.at = at;
    this.fromOctets = cursor.len;
    this.to = cursor.opaqueFixed(NFS_FHSIZE);
    cursor.opaqueVar(NFS_MAXNAMLEN);
    this.toOctets = cursor.len;
    return cursor.status;
  }
  get fromDirAt(): number {
    return this.at;
  }
  get fromNameAt(): number {
    return this.at + NFS_FHSIZE + 4;
  }
  get fromNameLen(): number {
    return this.fromOctets;
  }
  get toDirAt(): number {
    return this.to;
  }
  get toNameAt(): number {
    return this.to + NFS_FHSIZE + 4;
  }
  get toNameLen(): number {
    return this.toOctets;
  }
}

/** What a client decides for RENAME. */
export interface RenameArgsRepr {
  readonly fromDir: Uint8Array;
  readonly fromName: string;
  readonly toDir: Uint8Array;
  readonly toName: string;
}

/** Writes the arguments of RENAME. */
export function emitRenameArgs(r: RenameArgsRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).opaqueFixed(r.fromDir).string(r.fromName);
  return w.opaqueFixed(r.toDir).string(r.toName).at - at;
}

/** Re-pointable view of the arguments of LINK: a file, and a name that it shall have as well. */
export class LinkArgsView {
  private at = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(2 * NFS_FHSIZE);
    cursor.opaqueVar(NFS_MAXNAMLEN);
    this.at = at;
    this.octets = cursor.len;
    return cursor.status;
  }
  get fhandleAt(): number {
    return this.at;
  }
  get dirAt(): number {
    return this.at + NFS_FHSIZE;
  }
  get nameAt(): number {
    return this.at + 2 * NFS_FHSIZE + 4;
  }
  get nameLen(): number {
    return this.octets;
  }
}

/** Writes the arguments of LINK. */
export function emitLinkArgs(
  fhandle: Uint8Array,
  dir: Uint8Array,
  name: string,
  o: Octets,
  at: number,
): number {
  return writer.begin(o, at).opaqueFixed(fhandle).opaqueFixed(dir).string(name).at - at;
}

/** Re-pointable view of the arguments of SYMLINK: where, what it points to, attributes (which UNIX ignores). */
export class SymlinkArgsView {
  private readonly sattr: SattrView = new SattrView();
  private at = 0;
  private octets = 0;
  private path = 0;
  private pathOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(NFS_FHSIZE);
    cursor.opaqueVar(NFS_MAXNAMLEN);
    this.at = at;
    this.octets = cursor.len;
    this.path = cursor.opaqueVar(NFS_MAXPATHLEN);
    this.pathOctets = cursor.len;
    this.sattr.point(o, cursor.opaqueFixed(SATTR_LEN));
    return cursor.status;
  }
  get dirAt(): number {
    return this.at;
  }
  get nameAt(): number {
    return this.at + NFS_FHSIZE + 4;
  }
  get nameLen(): number {
    return this.octets;
  }
  get pathAt(): number {
    return this.path;
  }
  get pathLen(): number {
    return this.pathOctets;
  }
  get attributes(): SattrView {
    return this.sattr;
  }
}

/** What a client decides for SYMLINK. */
export interface SymlinkArgsRepr {
  readonly dir: Uint8Array;
  readonly name: string;
  /** The target. */
  readonly path: string;
  readonly attributes: SattrRepr;
}

/** Writes the arguments of SYMLINK. */
export function emitSymlinkArgs(r: SymlinkArgsRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).opaqueFixed(r.dir).string(r.name).string(r.path);
  return writeSattr(r.attributes, w).at - at;
}

import {
  DiropArgsView,
  FhandleArgsView,
  ReadArgsView,
  ReaddirArgsView,
} from "../../protocols/nfs/args.ts";
import type { FattrView, SattrView } from "../../protocols/nfs/attributes.ts";
import { NFS_FHSIZE, NfsStat } from "../../protocols/nfs/constants.ts";
import { ReaddirResultView } from "../../protocols/nfs/readdir-result.ts";
import {
  AttrResultView,
  DiropResultView,
  ReadlinkResultView,
  ReadResultView,
  StatfsResultView,
  StatResultView,
} from "../../protocols/nfs/results.ts";
import {
  CreateArgsView,
  LinkArgsView,
  RenameArgsView,
  SetattrArgsView,
  SymlinkArgsView,
  WriteArgsView,
} from "../../protocols/nfs/write-args.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type Fields, hexOf } from "./message.ts";
import {
  listField,
  named,
  type RpcProcedure,
  type RpcProgram,
  type RpcReader,
  stringField,
} from "./rpc-reading.ts";

// RFC 1094 calls a handle `file`, `dir` or `fhandle` where it is an argument of its own; a file's own handle is `fhandle`
// here. Of diropargs, `dir` and `name` stand alone where there is only one of them.

const fhandleArgs: FhandleArgsView = new FhandleArgsView();
const diropArgs: DiropArgsView = new DiropArgsView();
const readArgs: ReadArgsView = new ReadArgsView();
const readdirArgs: ReaddirArgsView = new ReaddirArgsView();
const setattrArgs: SetattrArgsView = new SetattrArgsView();
const writeArgs: WriteArgsView = new WriteArgsView();
const createArgs: CreateArgsView = new CreateArgsView();
const renameArgs: RenameArgsView = new RenameArgsView();
const linkArgs: LinkArgsView = new LinkArgsView();
const symlinkArgs: SymlinkArgsView = new SymlinkArgsView();
const statResult: StatResultView = new StatResultView();
const attrResult: AttrResultView = new AttrResultView();
const diropResult: DiropResultView = new DiropResultView();
const readlinkResult: ReadlinkResultView = new ReadlinkResultView();
const readResult: ReadResultView = new ReadResultView();
const readdirResult: ReaddirResultView = new ReaddirResultView();
const statfsResult: StatfsResultView = new StatfsResultView();

const readFhandle: RpcReader = (o, at, len, into) => {
  const status = fhandleArgs.reset(o, at, len);
  if (status === Status.Ok) Object.assign(into, { fhandle: handle(o, fhandleArgs.fhandleAt) });
  return status;
};

const readDirop: RpcReader = (o, at, len, into) => {
  const status = diropArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { dirAt, nameAt, nameLen } = diropArgs;
  Object.assign(into, { dir: handle(o, dirAt), name: stringField(o, nameAt, nameLen) });
  return status;
};

const readSetattr: RpcReader = (o, at, len, into) => {
  const status = setattrArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { fhandleAt, attributes } = setattrArgs;
  Object.assign(into, { fhandle: handle(o, fhandleAt), attributes: sattr(attributes) });
  return status;
};

const readReadArgs: RpcReader = (o, at, len, into) => {
  const status = readArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { fhandleAt, offset, count, totalcount } = readArgs;
  Object.assign(into, { fhandle: handle(o, fhandleAt), offset, count, totalcount });
  return status;
};

const readWriteArgs: RpcReader = (o, at, len, into, sink) => {
  const status = writeArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { fhandleAt, beginoffset, offset, totalcount, dataAt, dataLen } = writeArgs;
  Object.assign(into, { fhandle: handle(o, fhandleAt), beginoffset, offset, totalcount });
  Object.assign(into, { dataLength: dataLen, data: sink.bulk(o, dataAt, dataLen) });
  return status;
};

const readCreate: RpcReader = (o, at, len, into) => {
  const status = createArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { dirAt, nameAt, nameLen, attributes } = createArgs;
  Object.assign(into, { dir: handle(o, dirAt), name: stringField(o, nameAt, nameLen) });
  Object.assign(into, { attributes: sattr(attributes) });
  return status;
};

const readRename: RpcReader = (o, at, len, into) => {
  const v = renameArgs;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    from: { dir: handle(o, v.fromDirAt), name: stringField(o, v.fromNameAt, v.fromNameLen) },
    to: { dir: handle(o, v.toDirAt), name: stringField(o, v.toNameAt, v.toNameLen) },
  });
  return status;
};

const readLink: RpcReader = (o, at, len, into) => {
  const v = linkArgs;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    from: handle(o, v.fhandleAt),
    to: { dir: handle(o, v.dirAt), name: stringField(o, v.nameAt, v.nameLen) },
  });
  return status;
};

const readSymlink: RpcReader = (o, at, len, into) => {
  const v = symlinkArgs;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    from: { dir: handle(o, v.dirAt), name: stringField(o, v.nameAt, v.nameLen) },
    to: stringField(o, v.pathAt, v.pathLen),
    attributes: sattr(v.attributes),
  });
  return status;
};

const readReaddirArgs: RpcReader = (o, at, len, into) => {
  const status = readdirArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { dirAt, cookie, count } = readdirArgs;
  Object.assign(into, { dir: handle(o, dirAt), cookie, count });
  return status;
};

const readStat: RpcReader = (o, at, len, into) => {
  const status = statResult.reset(o, at, len);
  if (status === Status.Ok) Object.assign(into, { status: statResult.status });
  return status;
};

const readAttr: RpcReader = (o, at, len, into) => {
  const v = attrResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status === NfsStat.Ok) Object.assign(into, { attributes: fattr(v.attributes) });
  return status;
};

const readDiropResult: RpcReader = (o, at, len, into) => {
  const v = diropResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status !== NfsStat.Ok) return status;
  Object.assign(into, { fhandle: handle(o, v.fhandleAt), attributes: fattr(v.attributes) });
  return status;
};

const readReadlink: RpcReader = (o, at, len, into) => {
  const v = readlinkResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status === NfsStat.Ok) {
    Object.assign(into, { path: stringField(o, v.pathAt, v.pathLen) });
  }
  return status;
};

const readRead: RpcReader = (o, at, len, into, sink) => {
  const v = readResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status !== NfsStat.Ok) return status;
  const { dataAt, dataLen } = v;
  Object.assign(into, { attributes: fattr(v.attributes) });
  Object.assign(into, { dataLength: dataLen, data: sink.bulk(o, dataAt, dataLen) });
  return status;
};

const readReaddir: RpcReader = (o, at, len, into) => {
  const v = readdirResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status !== NfsStat.Ok) return status;
  const entries = listField(() => {
    if (!v.next()) return undefined;
    const { fileid, nameAt, nameLen, cookie } = v;
    return { fileid, name: stringField(o, nameAt, nameLen), cookie };
  });
  Object.assign(into, { entries, eof: v.eof });
  return status;
};

const readStatfs: RpcReader = (o, at, len, into) => {
  const v = statfsResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: v.status });
  if (v.status !== NfsStat.Ok) return status;
  const { tsize, bsize, blocks, bfree, bavail } = v;
  Object.assign(into, { tsize, bsize, blocks, bfree, bavail });
  return status;
};

const VERSION_2: readonly RpcProcedure[] = [
  { name: "NULL" },
  { name: "GETATTR", args: readFhandle, results: readAttr },
  { name: "SETATTR", args: readSetattr, results: readAttr },
  { name: "ROOT" },
  { name: "LOOKUP", args: readDirop, results: readDiropResult },
  { name: "READLINK", args: readFhandle, results: readReadlink },
  { name: "READ", args: readReadArgs, results: readRead },
  { name: "WRITECACHE" },
  { name: "WRITE", args: readWriteArgs, results: readAttr },
  { name: "CREATE", args: readCreate, results: readDiropResult },
  { name: "REMOVE", args: readDirop, results: readStat },
  { name: "RENAME", args: readRename, results: readStat },
  { name: "LINK", args: readLink, results: readStat },
  { name: "SYMLINK", args: readSymlink, results: readStat },
  { name: "MKDIR", args: readCreate, results: readDiropResult },
  { name: "RMDIR", args: readDirop, results: readStat },
  { name: "READDIR", args: readReaddirArgs, results: readReaddir },
  { name: "STATFS", args: readFhandle, results: readStatfs },
];

/** RFC 1813 section 3: names only. */
const VERSION_3: readonly RpcProcedure[] = named(
  "NULL",
  "GETATTR",
  "SETATTR",
  "LOOKUP",
  "ACCESS",
  "READLINK",
  "READ",
  "WRITE",
  "CREATE",
  "MKDIR",
  "SYMLINK",
  "MKNOD",
  "REMOVE",
  "RMDIR",
  "RENAME",
  "LINK",
  "READDIR",
  "READDIRPLUS",
  "FSSTAT",
  "FSINFO",
  "PATHCONF",
  "COMMIT",
);

/** NFS: version 2 in full (RFC 1094), of versions 3 and 4 the names of the procedures. */
export const NFS: RpcProgram = {
  protocol: "nfs",
  versions: new Map([
    [2, VERSION_2],
    [3, VERSION_3],
    [4, named("NULL", "COMPOUND")],
  ]),
};

function handle(o: Octets, at: number): string {
  return hexOf(o, at, NFS_FHSIZE);
}

/** fattr, RFC 1094 section 2.3.5. */
function fattr(v: FattrView): Fields {
  return {
    type: v.type,
    mode: v.mode,
    nlink: v.nlink,
    uid: v.uid,
    gid: v.gid,
    size: v.size,
    blocksize: v.blocksize,
    rdev: v.rdev,
    blocks: v.blocks,
    fsid: v.fsid,
    fileid: v.fileid,
    atime: { seconds: v.atimeSeconds, useconds: v.atimeUseconds },
    mtime: { seconds: v.mtimeSeconds, useconds: v.mtimeUseconds },
    ctime: { seconds: v.ctimeSeconds, useconds: v.ctimeUseconds },
  };
}

/** sattr, RFC 1094 section 2.3.6, as it is on the wire: 4294967295 leaves a value as it is. */
function sattr(v: SattrView): Fields {
  return {
    mode: v.mode,
    uid: v.uid,
    gid: v.gid,
    size: v.size,
    atime: { seconds: v.atimeSeconds, useconds: v.atimeUseconds },
    mtime: { seconds: v.mtimeSeconds, useconds: v.mtimeUseconds },
  };
}

import { MountDumpView, MountExportView } from "../../protocols/mount/lists.ts";
import {
  MOUNT_FHSIZE,
  MountPathView,
  MountResultView,
  PathconfResultView,
} from "../../protocols/mount/messages.ts";
import { XdrCursor } from "../../protocols/sunrpc/xdr.ts";
import { Status } from "../../protocols/wire/status.ts";
import { hexOf } from "./message.ts";
import {
  listField,
  named,
  type RpcProcedure,
  type RpcProgram,
  type RpcReader,
  stringField,
} from "./rpc-reading.ts";

// Names of RFC 1094 appendix A.

/** RFC 1813 section 2.4 */
const FHSIZE3 = 64;

const cursor: XdrCursor = new XdrCursor();
const dirpath: MountPathView = new MountPathView();
const mnt: MountResultView = new MountResultView();
const dump: MountDumpView = new MountDumpView();
const exported: MountExportView = new MountExportView();
const pathconf: PathconfResultView = new PathconfResultView();

const readPath: RpcReader = (o, at, len, into) => {
  const status = dirpath.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { dirpath: stringField(o, dirpath.pathAt, dirpath.pathLen) });
  return status;
};

const readMnt: RpcReader = (o, at, len, into) => {
  const status = mnt.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { status: mnt.status });
  if (mnt.fhandleAt >= 0) Object.assign(into, { fhandle: hexOf(o, mnt.fhandleAt, MOUNT_FHSIZE) });
  return status;
};

const readDump: RpcReader = (o, at, len, into) => {
  const v = dump;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const mounts = listField(() => {
    if (!v.next()) return undefined;
    const hostname = stringField(o, v.hostAt, v.hostLen);
    return { hostname, directory: stringField(o, v.directoryAt, v.directoryLen) };
  });
  Object.assign(into, { mounts });
  return status;
};

const readExport: RpcReader = (o, at, len, into) => {
  const v = exported;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const exports = listField(() => {
    if (!v.next()) return undefined;
    const filesys = stringField(o, v.directoryAt, v.directoryLen);
    const groups = listField(() =>
      v.nextGroup() ? stringField(o, v.groupAt, v.groupLen) : undefined,
    );
    return { filesys, groups };
  });
  Object.assign(into, { exports });
  return status;
};

const readPathconf: RpcReader = (o, at, len, into) => {
  const v = pathconf;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { linkMax, maxCanon, maxInput, nameMax, pathMax, pipeBuf, vdisable } = v;
  Object.assign(into, { linkMax, maxCanon, maxInput, nameMax, pathMax, pipeBuf, vdisable });
  Object.assign(into, { mask: [v.mask0, v.mask1] });
  return status;
};

/** mountres3, RFC 1813 section 5.2.1: the handle is of variable length, and the flavors of credentials that will do follow. */
const readMnt3: RpcReader = (o, at, len, into) => {
  cursor.reset(o, at, len);
  const result = cursor.u32();
  if (cursor.status !== Status.Ok || result !== 0) {
    if (cursor.status === Status.Ok) Object.assign(into, { status: result });
    return cursor.status;
  }
  const handleAt = cursor.opaqueVar(FHSIZE3);
  const fhandle = hexOf(o, handleAt, cursor.len);
  let more = cursor.u32();
  const flavors = listField(() => {
    if (more-- <= 0) return undefined;
    const flavor = cursor.u32();
    return cursor.status === Status.Ok ? flavor : undefined;
  });
  if (cursor.status === Status.Ok) {
    Object.assign(into, { status: result, fhandle, auth_flavors: flavors });
  }
  return cursor.status;
};

const VERSION_1: readonly RpcProcedure[] = [
  { name: "NULL" },
  { name: "MNT", args: readPath, results: readMnt },
  { name: "DUMP", results: readDump },
  { name: "UMNT", args: readPath },
  { name: "UMNTALL" },
  { name: "EXPORT", results: readExport },
  { name: "EXPORTALL", results: readExport },
];

/** RFC 1813 appendix I: the lists and paths are those of version 1, the result of MNT is not. */
const VERSION_3: readonly RpcProcedure[] = [
  { name: "NULL" },
  { name: "MNT", args: readPath, results: readMnt3 },
  { name: "DUMP", results: readDump },
  { name: "UMNT", args: readPath },
  ...named("UMNTALL"),
  { name: "EXPORT", results: readExport },
];

/** MOUNT: versions 1 to 3. */
export const MOUNT: RpcProgram = {
  protocol: "mount",
  versions: new Map([
    [1, VERSION_1],
    [2, [...VERSION_1, { name: "PATHCONF", args: readPath, results: readPathconf }]],
    [3, VERSION_3],
  ]),
};

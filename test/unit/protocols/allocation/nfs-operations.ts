import * as A from "../../../../protocols/nfs/args.ts";
import type { FattrRepr } from "../../../../protocols/nfs/attributes.ts";
import { ReaddirResultView, ReaddirWriter } from "../../../../protocols/nfs/readdir-result.ts";
import * as R from "../../../../protocols/nfs/results.ts";
import * as W from "../../../../protocols/nfs/write-args.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { type CodecOperation, decode, emitted, encode, joined, out } from "./operation.ts";

const fhandle = new Uint8Array(32);
const time = { seconds: 1_700_000_000, useconds: 0 };
const attributes: FattrRepr = {
  ...{ type: 1, mode: 0o100444, nlink: 1, uid: 0, gid: 0, size: 1_000_000, blocksize: 4_096 },
  ...{ rdev: 0, blocks: 1_954, fsid: 1, fileid: 7, atime: time, mtime: time, ctime: time },
};
const sattr = { mode: 0o644, uid: 0, gid: 0, size: 0, atime: time, mtime: time };
const read = { fhandle, offset: 8_192, count: 8_192 };
const rename = { fromDir: fhandle, fromName: "a", toDir: fhandle, toName: "b" };
const symlink = { dir: fhandle, name: "a", path: "b/c", attributes: sattr };
const DATA = Octets.alloc(512);

const ARGS: readonly CodecOperation[] = [
  decode(
    new A.FhandleArgsView(),
    emitted((o, at) => A.emitFhandleArgs(fhandle, o, at)),
    (v) => v.fhandleAt,
  ),
  decode(
    new A.DiropArgsView(),
    emitted((o, at) => A.emitDiropArgs(fhandle, "netbsd", o, at)),
    (v) => v.dirAt + v.nameAt + v.nameLen,
  ),
  decode(
    new A.ReadArgsView(),
    emitted((o, at) => A.emitReadArgs(read, o, at)),
    (v) => v.fhandleAt + v.offset + v.count + v.totalcount,
  ),
  decode(
    new A.ReaddirArgsView(),
    emitted((o, at) => A.emitReaddirArgs(fhandle, 3, 4_096, o, at)),
    (v) => v.dirAt + v.cookie + v.count,
  ),
  decode(
    new W.SetattrArgsView(),
    emitted((o, at) => W.emitSetattrArgs(fhandle, sattr, o, at)),
    (v) => v.fhandleAt + v.attributes.mode + Number(v.attributes.setsSize),
  ),
  decode(
    new W.WriteArgsView(),
    joined(
      emitted((o, at) => W.emitWriteArgsHeader(fhandle, 0, 512, o, at)),
      DATA,
    ),
    (v) => v.fhandleAt + v.offset + v.dataLen,
  ),
  decode(
    new W.CreateArgsView(),
    emitted((o, at) => W.emitCreateArgs(fhandle, "a", sattr, o, at)),
    (v) => v.dirAt + v.nameLen + v.attributes.mode,
  ),
  decode(
    new W.RenameArgsView(),
    emitted((o, at) => W.emitRenameArgs(rename, o, at)),
    (v) => v.fromDirAt + v.fromNameLen + v.toDirAt + v.toNameLen,
  ),
  decode(
    new W.LinkArgsView(),
    emitted((o, at) => W.emitLinkArgs(fhandle, fhandle, "a", o, at)),
    (v) => v.fhandleAt + v.dirAt + v.nameLen,
  ),
  decode(
    new W.SymlinkArgsView(),
    emitted((o, at) => W.emitSymlinkArgs(symlink, o, at)),
    (v) => v.dirAt + v.nameLen + v.pathLen + v.attributes.mode,
  ),
  encode(A.emitFhandleArgs, () => A.emitFhandleArgs(fhandle, out, 0)),
  encode(A.emitDiropArgs, () => A.emitDiropArgs(fhandle, "netbsd", out, 0)),
  encode(A.emitReadArgs, () => A.emitReadArgs(read, out, 0)),
  encode(A.emitReaddirArgs, () => A.emitReaddirArgs(fhandle, 3, 4_096, out, 0)),
  encode(W.emitSetattrArgs, () => W.emitSetattrArgs(fhandle, sattr, out, 0)),
  encode(W.emitWriteArgsHeader, () => W.emitWriteArgsHeader(fhandle, 0, 512, out, 0)),
  encode(W.emitCreateArgs, () => W.emitCreateArgs(fhandle, "a", sattr, out, 0)),
  encode(W.emitRenameArgs, () => W.emitRenameArgs(rename, out, 0)),
  encode(W.emitLinkArgs, () => W.emitLinkArgs(fhandle, fhandle, "a", out, 0)),
  encode(W.emitSymlinkArgs, () => W.emitSymlinkArgs(symlink, out, 0)),
];

const statfs = { tsize: 8_192, bsize: 512, blocks: 1_000, bfree: 0, bavail: 0 };
const names = ["netbsd", "boot.cfg", "etc"].map((name) => new TextEncoder().encode(name));
const directory = new ReaddirWriter();
const TEXTS = ["netbsd", "boot.cfg", "etc"];

function readdir(o: Octets, at: number): number {
  directory.begin(o, at, 1_024);
  for (let i = 0; i < names.length; i++) directory.addEntry(i + 1, names[i] ?? fhandle, i + 1);
  return directory.end(true);
}

function readdirOfTexts(o: Octets, at: number): number {
  directory.begin(o, at, 1_024);
  for (let i = 0; i < TEXTS.length; i++) directory.addName(i + 1, TEXTS[i] ?? "", i + 1);
  return directory.end(true);
}

const RESULTS: readonly CodecOperation[] = [
  decode(
    new R.StatResultView(),
    emitted((o, at) => R.emitStatResult(2, o, at)),
    (v) => v.status,
  ),
  decode(
    new R.AttrResultView(),
    emitted((o, at) => R.emitAttrResult(attributes, o, at)),
    (v) => v.status + v.attributes.size + v.attributes.mtimeSeconds,
  ),
  decode(
    new R.DiropResultView(),
    emitted((o, at) => R.emitDiropResult(fhandle, attributes, o, at)),
    (v) => v.status + v.fhandleAt + v.attributes.type,
  ),
  decode(
    new R.ReadlinkResultView(),
    emitted((o, at) => R.emitReadlinkResult("../netbsd", o, at)),
    (v) => v.status + v.pathAt + v.pathLen,
  ),
  decode(
    new R.ReadResultView(),
    joined(
      emitted((o, at) => R.emitReadResultHeader(attributes, 512, o, at)),
      DATA,
    ),
    (v) => v.status + v.attributes.size + v.dataAt + v.dataLen,
  ),
  decode(
    new R.StatfsResultView(),
    emitted((o, at) => R.emitStatfsResult(statfs, o, at)),
    (v) => v.status + v.tsize + v.blocks,
  ),
  decode(new ReaddirResultView(), emitted(readdir), (v) => {
    let n = v.count;
    while (v.next()) n += v.fileid + v.nameLen + v.cookie;
    return n;
  }),
  encode(R.emitStatResult, () => R.emitStatResult(2, out, 0)),
  encode(R.emitAttrResult, () => R.emitAttrResult(attributes, out, 0)),
  encode(R.emitDiropResult, () => R.emitDiropResult(fhandle, attributes, out, 0)),
  encode(R.emitReadlinkResult, () => R.emitReadlinkResult("../netbsd", out, 0)),
  encode(R.emitReadResultHeader, () => R.emitReadResultHeader(attributes, 512, out, 0)),
  encode(R.emitStatfsResult, () => R.emitStatfsResult(statfs, out, 0)),
  encode(ReaddirWriter, () => readdir(out, 0)),
  encode(ReaddirWriter, () => readdirOfTexts(out, 0)),
];

/** NFS version 2. */
export const NFS_OPERATIONS: readonly CodecOperation[] = [...ARGS, ...RESULTS];

import * as B from "../../../../protocols/bootparams/messages.ts";
import * as L from "../../../../protocols/mount/lists.ts";
import * as M from "../../../../protocols/mount/messages.ts";
import { emitRpcCall, RpcCallView } from "../../../../protocols/sunrpc/call.ts";
import * as C from "../../../../protocols/sunrpc/callit.ts";
import * as P from "../../../../protocols/sunrpc/portmap.ts";
import { emitRecordMark, RecordReader } from "../../../../protocols/sunrpc/record.ts";
import * as R from "../../../../protocols/sunrpc/reply.ts";
import {
  RpcbCallitResultView,
  RpcbDumpView,
  RpcbView,
} from "../../../../protocols/sunrpc/rpcbind.ts";
import { XdrWriter } from "../../../../protocols/sunrpc/xdr.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { type CodecOperation, decode, emitted, encode, joined, out } from "./operation.ts";

const SERVER = 0xc0a84d01 | 0;
const unix = { machineName: "v100", uid: 0, gid: 0, groups: [0, 1] };
const call = { xid: 7, prog: 100_003, vers: 2, proc: 6, unix };
const PAYLOAD = Octets.alloc(100);

const SUNRPC: readonly CodecOperation[] = [
  decode(
    new RpcCallView(),
    emitted((o, at) => emitRpcCall(call, o, at)),
    (v) => v.xid + v.prog + v.vers + v.proc + v.uid() + v.group(1) + v.machineNameLen + v.argsLen,
  ),
  encode(emitRpcCall, () => emitRpcCall(call, out, 0)),
  decode(
    new R.RpcReplyView(),
    emitted((o, at) => R.emitAcceptedReply(7, 0, o, at)),
    (v) => v.xid + v.acceptStat + v.resultsAt + v.resultsLen,
  ),
  decode(
    new R.RpcReplyView(),
    emitted((o, at) => R.emitProgMismatch(7, 2, 2, o, at)),
    (v) => v.acceptStat + v.mismatchLow + v.mismatchHigh + v.authStat,
  ),
  encode(R.emitAcceptedReply, () => R.emitAcceptedReply(7, 0, out, 0)),
  encode(R.emitProgMismatch, () => R.emitProgMismatch(7, 2, 2, out, 0)),
  encode(R.emitRpcMismatch, () => R.emitRpcMismatch(7, out, 0)),
  encode(R.emitAuthError, () => R.emitAuthError(7, 1, out, 0)),
];

const stream = joined(
  emitted((o, at) => emitRecordMark(100, o, at)),
  PAYLOAD,
);
const reader = new RecordReader(512);
let records = 0;
const onRecord = (_o: Octets, _at: number, len: number): void => {
  records = (records + len) & 0xffff;
};

const RECORDS: readonly CodecOperation[] = [
  encode(RecordReader, () => reader.feed(stream, 0, 104, onRecord) + records),
  encode(RecordReader, () => {
    reader.feed(stream, 0, 30, onRecord);
    return reader.feed(stream, 30, 74, onRecord) + records;
  }),
  encode(emitRecordMark, () => emitRecordMark(100, out, 0)),
];

const mapping = { prog: 100_003, vers: 2, prot: 17, port: 2_049 };
const mappings = [mapping, { ...mapping, prot: 6 }];
const callit = { prog: 100_026, vers: 1, proc: 1 };

const rpcb = (w: XdrWriter): XdrWriter =>
  w.u32(100_026).u32(1).string("udp").string("192.168.77.1.0.111").string("superuser");
const written = (write: (w: XdrWriter) => XdrWriter) =>
  emitted((o, at) => write(new XdrWriter().begin(o, at)).at - at);

const RPCBIND: readonly CodecOperation[] = [
  decode(new RpcbView(), written(rpcb), (v) => v.prog + v.vers + v.netidAt + v.addrLen + v.endAt),
  decode(
    new RpcbDumpView(),
    written((w) => rpcb(rpcb(w.bool(true)).bool(true)).bool(false)),
    (v) => Number(v.next()) + v.item.prog,
  ),
  decode(
    new RpcbCallitResultView(),
    written((w) => w.string("192.168.77.1.2.188").opaque(Uint8Array.of(1, 2, 3))),
    (v) => v.addrAt + v.addrLen + v.resultsAt + v.resultsLen,
  ),
];

const PORTMAP: readonly CodecOperation[] = [
  decode(
    new P.PmapMappingView(),
    emitted((o, at) => P.emitPmapMapping(mapping, o, at)),
    (v) => v.prog + v.vers + v.prot + v.port,
  ),
  decode(
    new P.PmapPortView(),
    emitted((o, at) => P.emitPmapPort(2_049, o, at)),
    (v) => v.port,
  ),
  decode(
    new P.PmapBoolView(),
    emitted((o, at) => P.emitPmapBool(true, o, at)),
    (v) => Number(v.ok),
  ),
  decode(
    new P.PmapDumpView(),
    emitted((o, at) => P.emitPmapDump(mappings, o, at)),
    (v) => v.count,
  ),
  decode(
    new C.PmapCallitArgsView(),
    emitted((o, at) => C.emitCallitArgs(callit, 20, o, at)),
    (v) => v.prog + v.vers + v.proc + v.argsAt + v.argsLen,
  ),
  decode(
    new C.PmapCallitResultView(),
    emitted((o, at) => C.emitCallitResult(1_023, 20, o, at)),
    (v) => v.port + v.resultsAt + v.resultsLen,
  ),
  encode(P.emitPmapMapping, () => P.emitPmapMapping(mapping, out, 0)),
  encode(P.emitPmapPort, () => P.emitPmapPort(2_049, out, 0)),
  encode(P.emitPmapBool, () => P.emitPmapBool(true, out, 0)),
  encode(P.emitPmapDump, () => P.emitPmapDump(mappings, out, 0)),
  encode(C.emitCallitArgs, () => C.emitCallitArgs(callit, 20, out, 0)),
  encode(C.emitCallitResult, () => C.emitCallitResult(1_023, 20, out, 0)),
];

const whoami = { clientName: "v100", domain: "(none)", router: SERVER };
const getfile = { serverName: "pilot", serverAddress: SERVER, path: "/export/root/v100" };

const BOOTPARAMS: readonly CodecOperation[] = [
  decode(
    new B.WhoamiArgsView(),
    emitted((o, at) => B.emitWhoamiArgs(SERVER, o, at)),
    (v) => v.clientAddress,
  ),
  decode(
    new B.WhoamiResultView(),
    emitted((o, at) => B.emitWhoamiResult(whoami, o, at)),
    (v) => v.clientNameAt + v.clientNameLen + v.domainLen + v.router,
  ),
  decode(
    new B.GetfileArgsView(),
    emitted((o, at) => B.emitGetfileArgs("v100", "root", o, at)),
    (v) => v.clientNameLen + v.keyAt + v.keyLen,
  ),
  decode(
    new B.GetfileResultView(),
    emitted((o, at) => B.emitGetfileResult(getfile, o, at)),
    (v) => v.serverNameLen + v.serverAddress + v.pathAt + v.pathLen,
  ),
  encode(B.emitWhoamiArgs, () => B.emitWhoamiArgs(SERVER, out, 0)),
  encode(B.emitWhoamiResult, () => B.emitWhoamiResult(whoami, out, 0)),
  encode(B.emitGetfileArgs, () => B.emitGetfileArgs("v100", "root", out, 0)),
  encode(B.emitGetfileResult, () => B.emitGetfileResult(getfile, out, 0)),
];

const fhandle = new Uint8Array(32);
const pathconf: M.PathconfRepr = {
  ...{ linkMax: 127, maxCanon: 255, maxInput: 255, nameMax: 255, pathMax: 1_024 },
  ...{ pipeBuf: 4_096, vdisable: 0, mask: [0, 0] },
};
const mounts = [{ host: "v100", directory: "/export/root/v100" }];
const exports = [{ directory: "/export/root/v100", groups: ["v100", "sunray"] }];

const MOUNT: readonly CodecOperation[] = [
  decode(
    new M.MountPathView(),
    emitted((o, at) => M.emitMountPath("/export/root/v100", o, at)),
    (v) => v.pathAt + v.pathLen,
  ),
  decode(
    new M.MountResultView(),
    emitted((o, at) => M.emitMountResult(fhandle, o, at)),
    (v) => v.status + v.fhandleAt,
  ),
  decode(
    new M.PathconfResultView(),
    emitted((o, at) => M.emitPathconfResult(pathconf, o, at)),
    (v) => v.linkMax + v.nameMax + v.pathMax + v.mask0,
  ),
  decode(
    new L.MountDumpView(),
    emitted((o, at) => L.emitMountDump(mounts, 1_024, o, at)),
    (v) => {
      let n = v.count;
      while (v.next()) n += v.hostLen + v.directoryAt;
      return n;
    },
  ),
  decode(
    new L.MountExportView(),
    emitted((o, at) => L.emitMountExport(exports, 1_024, o, at)),
    (v) => {
      let n = v.count;
      while (v.next()) while (v.nextGroup()) n += v.directoryLen + v.groupLen;
      return n;
    },
  ),
  encode(M.emitMountPath, () => M.emitMountPath("/export/root/v100", out, 0)),
  encode(M.emitMountResult, () => M.emitMountResult(fhandle, out, 0)),
  encode(M.emitMountRefusal, () => M.emitMountRefusal(13, out, 0)),
  encode(M.emitPathconfResult, () => M.emitPathconfResult(pathconf, out, 0)),
  encode(L.emitMountDump, () => L.emitMountDump(mounts, 1_024, out, 0)),
  encode(L.emitMountExport, () => L.emitMountExport(exports, 1_024, out, 0)),
];

/** ONC RPC and its small programs. */
export const RPC_OPERATIONS: readonly CodecOperation[] = [
  ...SUNRPC,
  ...RECORDS,
  ...PORTMAP,
  ...RPCBIND,
  ...BOOTPARAMS,
  ...MOUNT,
];

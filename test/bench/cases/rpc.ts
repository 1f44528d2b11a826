import {
  emitGetfileResult,
  emitWhoamiResult,
  GetfileArgsView,
  GetfileResultView,
  WhoamiArgsView,
  WhoamiResultView,
} from "../../../protocols/bootparams/messages.ts";
import {
  emitMountResult,
  MountPathView,
  MountResultView,
} from "../../../protocols/mount/messages.ts";
import { emitRpcCall, RpcCallView } from "../../../protocols/sunrpc/call.ts";
import { emitPmapPort, PmapMappingView, PmapPortView } from "../../../protocols/sunrpc/portmap.ts";
import { AcceptStat, emitAcceptedReply, RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { dirty } from "../../support/hex.ts";
import {
  decodeCall,
  decodeGetfileArgs,
  decodeGetfileResult,
  decodeMapping,
  decodeMountPath,
  decodeMountResult,
  decodeReply,
  decodeWhoamiArgs,
  decodeWhoamiResult,
  encodeCall,
  encodeGetfileResult,
  encodeMountResult,
  encodeReply,
  encodeWhoamiResult,
} from "../baseline/rpc.ts";
import { words } from "../baseline/xdr.ts";
import {
  GETFILE_CALLS,
  GETFILE_REPLIES,
  GETPORT_CALLS,
  GETPORT_REPLIES,
  MOUNT_CALLS,
  MOUNT_REPLIES,
  NFS_READ_CALLS,
  WHOAMI_CALLS,
  WHOAMI_REPLIES,
} from "../frames-rpc.ts";
import { pick, rotation } from "../packets.ts";
import { type BenchCase, keep } from "../runner.ts";

const CALLS = [...NFS_READ_CALLS, ...MOUNT_CALLS, ...GETPORT_CALLS, ...WHOAMI_CALLS];
const REPLIES = [...MOUNT_REPLIES, ...GETPORT_REPLIES, ...WHOAMI_REPLIES, ...GETFILE_REPLIES];
const calls = rotation(CALLS, "udp-payload");
const replies = rotation(REPLIES, "udp-payload");
const out = dirty(2_048);
const SERVER = 0xc0a84d01 | 0;

const call = new RpcCallView();
const reply = new RpcReplyView();
const unix = { stamp: 0, machineName: "v100", uid: 0, gid: 0 };
const callRepr = { xid: 0, prog: 100_003, vers: 2, proc: 6, unix };
const plainUnix = { ...unix, gids: [] };
const EMPTY = Buffer.alloc(0);

const SUNRPC: readonly BenchCase[] = [
  {
    codec: "sunrpc",
    kind: "decode",
    name: "calls with AUTH_UNIX",
    subject: (i) => {
      const p = pick(calls, i);
      const sum = call.reset(p.o, p.at, p.len) + call.xid + call.prog + call.vers + call.proc;
      return (sum + call.uid() + call.machineNameLen + call.argsAt + call.argsLen) & 0xffff;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeCall(pick(calls, i).buffer)) }],
  },
  {
    codec: "sunrpc",
    kind: "encode",
    name: "call with AUTH_UNIX",
    subject: (i) => {
      callRepr.xid = i;
      return emitRpcCall(callRepr, out, i & 252);
    },
    baselines: [
      {
        name: "plain",
        run: (i) => keep(encodeCall({ xid: i, prog: 100_003, vers: 2, proc: 6 }, plainUnix, EMPTY)),
      },
    ],
  },
  {
    codec: "sunrpc",
    kind: "decode",
    name: "replies",
    subject: (i) => {
      const p = pick(replies, i);
      const sum = reply.reset(p.o, p.at, p.len) + reply.xid + reply.acceptStat;
      return (sum + reply.resultsAt + reply.resultsLen) & 0xffff;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeReply(pick(replies, i).buffer)) }],
  },
  {
    codec: "sunrpc",
    kind: "encode",
    name: "reply without results",
    subject: (i) => emitAcceptedReply(i, AcceptStat.Success, out, i & 252),
    baselines: [{ name: "plain", run: (i) => keep(encodeReply(i, EMPTY)) }],
  },
];

const getportArgs = rotation(GETPORT_CALLS, "call-args");
const getportResults = rotation(GETPORT_REPLIES, "results");
const mapping = new PmapMappingView();
const port = new PmapPortView();

const PORTMAP: readonly BenchCase[] = [
  {
    codec: "portmap",
    kind: "decode",
    name: "GETPORT arguments",
    subject: (i) => {
      const p = pick(getportArgs, i);
      return (
        (mapping.reset(p.o, p.at, p.len) + mapping.prog + mapping.vers + mapping.prot) & 0xffff
      );
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeMapping(pick(getportArgs, i).buffer)) }],
  },
  {
    codec: "portmap",
    kind: "decode",
    name: "GETPORT result",
    subject: (i) => {
      const p = pick(getportResults, i);
      return (port.reset(p.o, p.at, p.len) + port.port) & 0xffff;
    },
    baselines: [
      {
        name: "plain",
        run: (i) => keep({ port: pick(getportResults, i).buffer.readUInt32BE(0) }),
      },
    ],
  },
  {
    codec: "portmap",
    kind: "encode",
    name: "GETPORT reply",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitPmapPort(2_049, out, n);
    },
    baselines: [{ name: "plain", run: (i) => keep(encodeReply(i, words(2_049))) }],
  },
];

const mountArgs = rotation(MOUNT_CALLS, "call-args");
const mountResults = rotation(MOUNT_REPLIES, "results");
const path = new MountPathView();
const mounted = new MountResultView();
const fhandle = Buffer.alloc(32, 7);

const MOUNT: readonly BenchCase[] = [
  {
    codec: "mount",
    kind: "decode",
    name: "MNT arguments",
    subject: (i) => {
      const p = pick(mountArgs, i);
      return (path.reset(p.o, p.at, p.len) + path.pathAt + path.pathLen) & 0xffff;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeMountPath(pick(mountArgs, i).buffer)) }],
  },
  {
    codec: "mount",
    kind: "decode",
    name: "MNT result",
    subject: (i) => {
      const p = pick(mountResults, i);
      return (mounted.reset(p.o, p.at, p.len) + mounted.status + mounted.fhandleAt) & 0xffff;
    },
    baselines: [
      { name: "plain", run: (i) => keep(decodeMountResult(pick(mountResults, i).buffer)) },
    ],
  },
  {
    codec: "mount",
    kind: "encode",
    name: "MNT reply",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitMountResult(fhandle, out, n);
    },
    baselines: [{ name: "plain", run: (i) => keep(encodeReply(i, encodeMountResult(fhandle))) }],
  },
];

const whoamiArgs = rotation(WHOAMI_CALLS, "call-args");
const whoamiResults = rotation(WHOAMI_REPLIES, "results");
const getfileArgs = rotation(GETFILE_CALLS, "call-args");
const getfileResults = rotation(GETFILE_REPLIES, "results");
const whoami = new WhoamiArgsView();
const whoamiResult = new WhoamiResultView();
const getfile = new GetfileArgsView();
const getfileResult = new GetfileResultView();
const whoamiRepr = { clientName: "v100", domain: "", router: SERVER };
const getfileRepr = { serverName: "pilot", serverAddress: SERVER, path: "/export/root/v100" };

const BOOTPARAMS: readonly BenchCase[] = [
  {
    codec: "bootparams",
    kind: "decode",
    name: "WHOAMI arguments",
    subject: (i) => {
      const p = pick(whoamiArgs, i);
      return (whoami.reset(p.o, p.at, p.len) + whoami.clientAddress) & 0xffff;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeWhoamiArgs(pick(whoamiArgs, i).buffer)) }],
  },
  {
    codec: "bootparams",
    kind: "decode",
    name: "WHOAMI result",
    subject: (i) => {
      const p = pick(whoamiResults, i);
      const status = whoamiResult.reset(p.o, p.at, p.len);
      return (
        (status + whoamiResult.clientNameLen + whoamiResult.domainLen + whoamiResult.router) &
        0xffff
      );
    },
    baselines: [
      { name: "plain", run: (i) => keep(decodeWhoamiResult(pick(whoamiResults, i).buffer)) },
    ],
  },
  {
    codec: "bootparams",
    kind: "encode",
    name: "WHOAMI reply",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitWhoamiResult(whoamiRepr, out, n);
    },
    baselines: [
      {
        name: "plain",
        run: (i) => keep(encodeReply(i, encodeWhoamiResult("v100", "", "192.168.77.1"))),
      },
    ],
  },
  {
    codec: "bootparams",
    kind: "decode",
    name: "GETFILE arguments",
    subject: (i) => {
      const p = pick(getfileArgs, i);
      return (getfile.reset(p.o, p.at, p.len) + getfile.clientNameLen + getfile.keyAt) & 0xffff;
    },
    baselines: [
      { name: "plain", run: (i) => keep(decodeGetfileArgs(pick(getfileArgs, i).buffer)) },
    ],
  },
  {
    codec: "bootparams",
    kind: "decode",
    name: "GETFILE result",
    subject: (i) => {
      const p = pick(getfileResults, i);
      const status = getfileResult.reset(p.o, p.at, p.len);
      return (
        (status + getfileResult.serverAddress + getfileResult.pathAt + getfileResult.pathLen) &
        0xffff
      );
    },
    baselines: [
      { name: "plain", run: (i) => keep(decodeGetfileResult(pick(getfileResults, i).buffer)) },
    ],
  },
  {
    codec: "bootparams",
    kind: "encode",
    name: "GETFILE reply",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitGetfileResult(getfileRepr, out, n);
    },
    baselines: [
      {
        name: "plain",
        run: (i) =>
          keep(encodeReply(i, encodeGetfileResult("pilot", "192.168.77.1", "/export/root/v100"))),
      },
    ],
  },
];

/** ONC RPC and the programs on the way to a root file system. */
export const RPC_CASES: readonly BenchCase[] = [...SUNRPC, ...PORTMAP, ...MOUNT, ...BOOTPARAMS];

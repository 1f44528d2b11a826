import { ETHERTYPE_IPV4, EthernetView } from "../../../protocols/ethernet/frame.ts";
import { IPPROTO_UDP, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { DiropArgsView, emitReadArgs, ReadArgsView } from "../../../protocols/nfs/args.ts";
import type { FattrRepr } from "../../../protocols/nfs/attributes.ts";
import { NFS_PORT, NFS_PROG, NFS_VERS, NfsProc } from "../../../protocols/nfs/constants.ts";
import {
  DiropResultView,
  emitDiropResult,
  emitReadResultHeader,
  ReadResultView,
} from "../../../protocols/nfs/results.ts";
import { emitRpcCall, RpcCallView } from "../../../protocols/sunrpc/call.ts";
import { AcceptStat, emitAcceptedReply, RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { UdpView } from "../../../protocols/udp/datagram.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { dirty } from "../../support/hex.ts";
import {
  decodeDiropArgs,
  decodeDiropResult,
  decodeReadArgs,
  decodeReadResult,
  encodeDiropResult,
  encodeReadArgs,
  encodeReadResultHeader,
} from "../baseline/nfs.ts";
import { PcapEthernet } from "../baseline/packages.ts";
import { decodeCall, decodeReply, encodeCall, encodeReply } from "../baseline/rpc.ts";
import {
  NFS_LOOKUP_CALLS,
  NFS_LOOKUP_REPLIES,
  NFS_READ_CALLS,
  NFS_READ_REPLIES,
} from "../frames-rpc.ts";
import { pick, rotation } from "../packets.ts";
import { type BenchCase, keep } from "../runner.ts";

const frames = rotation(NFS_READ_CALLS, "ethernet");
const readCalls = rotation(NFS_READ_CALLS, "udp-payload");
const readReplies = rotation(NFS_READ_REPLIES, "udp-payload");
const lookupCalls = rotation(NFS_LOOKUP_CALLS, "udp-payload");
const lookupReplies = rotation(NFS_LOOKUP_REPLIES, "udp-payload");
const out = dirty(2_048);

const ethernet = new EthernetView();
const ipv4 = new Ipv4View();
const udp = new UdpView();
const call = new RpcCallView();
const reply = new RpcReplyView();
const read = new ReadArgsView();
const readResult = new ReadResultView();
const lookup = new DiropArgsView();
const lookupResult = new DiropResultView();

const fhandle = Buffer.alloc(32, 7);
const time = { seconds: 1_700_000_000, useconds: 0 };
const attributes: FattrRepr = {
  type: 1,
  mode: 0o100444,
  nlink: 1,
  uid: 0,
  gid: 0,
  size: 1_000_000,
  blocksize: 4_096,
  rdev: 0,
  blocks: 1_954,
  fsid: 1,
  fileid: 7,
  atime: time,
  mtime: time,
  ctime: time,
};
const unix = { stamp: 0, machineName: "v100", uid: 0, gid: 0 };
const plainUnix = { ...unix, gids: [] };
const callRepr = { xid: 0, prog: NFS_PROG, vers: NFS_VERS, proc: NfsProc.Read, unix };
const readRepr = { fhandle, offset: 8_192, count: 8_192 };

// The whole way in functions, each of which V8 can inline completely, as a driver has them, too.

function frameToCall(o: Octets, at: number, len: number): number {
  let status = ethernet.reset(o, at, len);
  if (status !== Status.Ok || ethernet.etherType !== ETHERTYPE_IPV4) return 0;
  status = ipv4.reset(o, ethernet.payloadAt, ethernet.payloadLen);
  if (status !== Status.Ok || ipv4.protocol !== IPPROTO_UDP || ipv4.isFragment) return 0;
  status = udp.reset(o, ipv4.payloadAt, ipv4.payloadLen);
  if (status !== Status.Ok || udp.dstPort !== NFS_PORT) return 0;
  const peer = ipv4.src + udp.srcPort;
  return (peer + callToRead(o, udp.payloadAt, udp.payloadLen)) & 0xffff;
}

function callToRead(o: Octets, at: number, len: number): number {
  if (call.reset(o, at, len) !== Status.Ok || call.prog !== NFS_PROG) return 0;
  if (call.vers !== NFS_VERS || call.proc !== NfsProc.Read) return 0;
  if (read.reset(o, call.argsAt, call.argsLen) !== Status.Ok) return 0;
  return (call.xid + read.fhandleAt + read.offset + read.count) & 0xffff;
}

const READ: readonly BenchCase[] = [
  {
    codec: "nfs",
    kind: "decode",
    name: "READ call",
    subject: (i) => {
      const p = pick(readCalls, i);
      let sum = call.reset(p.o, p.at, p.len) + call.xid + call.prog + call.vers + call.proc;
      sum += read.reset(p.o, call.argsAt, call.argsLen);
      return (sum + read.fhandleAt + read.offset + read.count) & 0xffff;
    },
    baselines: [
      {
        name: "plain",
        run: (i) => {
          const c = decodeCall(pick(readCalls, i).buffer);
          return keep(c) + keep(decodeReadArgs(c.args));
        },
      },
    ],
    target: { ratio: 20 },
  },
  {
    codec: "chain",
    kind: "decode",
    name: "Ethernet to NFS READ call",
    subject: (i) => {
      const p = pick(frames, i);
      return frameToCall(p.o, p.at, p.len);
    },
    baselines: [
      {
        name: "pcap, then plain",
        run: (i) => {
          const frame = new PcapEthernet().decode(pick(frames, i).buffer, 0);
          const c = decodeCall(frame.payload.payload.data);
          return keep(frame) + keep(c) + keep(decodeReadArgs(c.args));
        },
      },
    ],
    target: { medianNs: 100 },
  },
  {
    codec: "nfs",
    kind: "encode",
    name: "READ call",
    subject: (i) => {
      callRepr.xid = i;
      const n = emitRpcCall(callRepr, out, 0);
      return n + emitReadArgs(readRepr, out, n);
    },
    baselines: [
      {
        name: "plain",
        run: (i) => {
          const args = encodeReadArgs(fhandle, 8_192, 8_192);
          return keep(encodeCall({ xid: i, prog: 100_003, vers: 2, proc: 6 }, plainUnix, args));
        },
      },
    ],
  },
  {
    codec: "nfs",
    kind: "decode",
    name: "READ reply",
    subject: (i) => {
      const p = pick(readReplies, i);
      let sum = reply.reset(p.o, p.at, p.len) + reply.xid + reply.acceptStat;
      sum += readResult.reset(p.o, reply.resultsAt, reply.resultsLen) + readResult.status;
      return (sum + readResult.attributes.size + readResult.dataAt + readResult.dataLen) & 0xffff;
    },
    baselines: [
      {
        name: "plain",
        run: (i) => {
          const r = decodeReply(pick(readReplies, i).buffer);
          return keep(r) + keep(decodeReadResult(r.results));
        },
      },
    ],
  },
  {
    codec: "nfs",
    kind: "encode",
    name: "READ reply up to its data",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitReadResultHeader(attributes, 8_192, out, n);
    },
    baselines: [
      {
        name: "plain",
        run: (i) => keep(encodeReply(i, encodeReadResultHeader(attributes, 8_192))),
      },
    ],
  },
];

const LOOKUP: readonly BenchCase[] = [
  {
    codec: "nfs",
    kind: "decode",
    name: "LOOKUP call",
    subject: (i) => {
      const p = pick(lookupCalls, i);
      let sum = call.reset(p.o, p.at, p.len) + call.xid + call.prog + call.vers + call.proc;
      sum += lookup.reset(p.o, call.argsAt, call.argsLen);
      return (sum + lookup.dirAt + lookup.nameAt + lookup.nameLen) & 0xffff;
    },
    baselines: [
      {
        name: "plain",
        run: (i) => {
          const c = decodeCall(pick(lookupCalls, i).buffer);
          return keep(c) + keep(decodeDiropArgs(c.args));
        },
      },
    ],
  },
  {
    codec: "nfs",
    kind: "decode",
    name: "LOOKUP reply",
    subject: (i) => {
      const p = pick(lookupReplies, i);
      let sum = reply.reset(p.o, p.at, p.len) + reply.xid + reply.acceptStat;
      sum += lookupResult.reset(p.o, reply.resultsAt, reply.resultsLen) + lookupResult.status;
      return (sum + lookupResult.fhandleAt + lookupResult.attributes.type) & 0xffff;
    },
    baselines: [
      {
        name: "plain",
        run: (i) => {
          const r = decodeReply(pick(lookupReplies, i).buffer);
          return keep(r) + keep(decodeDiropResult(r.results));
        },
      },
    ],
  },
  {
    codec: "nfs",
    kind: "encode",
    name: "LOOKUP reply",
    subject: (i) => {
      const n = emitAcceptedReply(i, AcceptStat.Success, out, 0);
      return n + emitDiropResult(fhandle, attributes, out, n);
    },
    baselines: [
      {
        name: "plain",
        run: (i) => keep(encodeReply(i, encodeDiropResult(fhandle, attributes))),
      },
    ],
  },
];

/** NFS version 2, and the whole way to it from a frame. */
export const NFS_CASES: readonly BenchCase[] = [...READ, ...LOOKUP];

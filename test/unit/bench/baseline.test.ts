import { describe, expect, it } from "vitest";
import { emitArp } from "../../../protocols/arp/packet.ts";
import { emitGetfileResult, emitWhoamiResult } from "../../../protocols/bootparams/messages.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { emitEthernet } from "../../../protocols/ethernet/frame.ts";
import { emitIpv4 } from "../../../protocols/ipv4/packet.ts";
import { emitMountResult } from "../../../protocols/mount/messages.ts";
import { emitReadArgs, ReadArgsView } from "../../../protocols/nfs/args.ts";
import type { FattrRepr } from "../../../protocols/nfs/attributes.ts";
import {
  emitDiropResult,
  emitReadResultHeader,
  ReadResultView,
} from "../../../protocols/nfs/results.ts";
import { emitRpcCall, RpcCallView } from "../../../protocols/sunrpc/call.ts";
import { emitAcceptedReply, RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { emitTcp } from "../../../protocols/tcp/segment.ts";
import { emitDataHeader, emitOack, TftpView } from "../../../protocols/tftp/packet.ts";
import { emitUdp } from "../../../protocols/udp/datagram.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import * as link from "../../bench/baseline/link.ts";
import * as nfs from "../../bench/baseline/nfs.ts";
import { dhcpProtocol, silenceUnknownOptions } from "../../bench/baseline/packages.ts";
import * as rpc from "../../bench/baseline/rpc.ts";
import * as tftp from "../../bench/baseline/tftp.ts";
import { DHCP_REQUESTS, TFTP_OACKS, TFTP_REQUESTS } from "../../bench/frames.ts";
import { NFS_READ_CALLS, NFS_READ_REPLIES } from "../../bench/frames-rpc.ts";
import { rotation } from "../../bench/packets.ts";
import { bytes, dirty } from "../../support/hex.ts";

// A comparison is worth something only if both sides do the same: the baselines read and write what ours do.

const SERVER = 0xc0a84d01 | 0;
const CLIENT = 0xc0a84d15 | 0;
const SERVER_TEXT = "192.168.77.1";
const CLIENT_TEXT = "192.168.77.21";
const SERVER_MAC = "52:54:00:77:00:01";
const CLIENT_MAC = "52:54:00:aa:00:01";
const fhandle = Buffer.alloc(32, 7);
const time = { seconds: 1_700_000_000, useconds: 5 };
const attributes: FattrRepr = {
  ...{ type: 1, mode: 0o100444, nlink: 1, uid: 0, gid: 0, size: 1_000_000, blocksize: 4_096 },
  ...{ rdev: 0, blocks: 1_954, fsid: 1, fileid: 7, atime: time, mtime: time, ctime: time },
};
const unix = { stamp: 0, machineName: "v100", uid: 0, gid: 0 };
const head = { xid: 7, prog: 100_003, vers: 2, proc: 6 };
const payload = Buffer.alloc(301, 0x5a);
const segment = { srcPort: 1_024, dstPort: 80, seq: 7, ack: 9, flags: 24, window: 8_192, mss: 0 };

function ours(emit: (o: Octets) => number): string {
  const o = dirty(2_048);
  return Buffer.from(o.u8.slice(0, emit(o))).toString("hex");
}

function around(headerLen: number, emit: (o: Octets) => number): string {
  const o = dirty(2_048);
  o.u8.set(payload, headerLen);
  return Buffer.from(o.u8.slice(0, emit(o) + payload.length)).toString("hex");
}

describe("encoders of the benches", () => {
  it.each<[string, Buffer, string]>([
    [
      "Ethernet",
      link.encodeEthernet(CLIENT_MAC, SERVER_MAC, 0x0800),
      ours((o) => {
        const r = { dst: bytes("525400aa0001"), src: bytes("525400770001"), etherType: 0x0800 };
        return emitEthernet(r, o, 0);
      }),
    ],
    [
      "ARP",
      link.encodeArp(4, SERVER_MAC, SERVER_TEXT, CLIENT_MAC, CLIENT_TEXT),
      ours((o) => {
        const from = { sha: bytes("525400770001"), spa: SERVER };
        return emitArp({ op: 4, ...from, tha: bytes("525400aa0001"), tpa: CLIENT }, o, 0);
      }),
    ],
    [
      "IPv4",
      link.encodeIpv4(SERVER_TEXT, CLIENT_TEXT, 17, payload),
      around(20, (o) => emitIpv4({ src: SERVER, dst: CLIENT, protocol: 17 }, 301, o, 0)),
    ],
    [
      "UDP",
      link.encodeUdp({ src: 67, dst: 68 }, SERVER_TEXT, CLIENT_TEXT, payload),
      around(8, (o) => emitUdp({ srcPort: 67, dstPort: 68 }, 301, SERVER, CLIENT, o, 0)),
    ],
    [
      "TCP",
      link.encodeTcp(segment, SERVER_TEXT, CLIENT_TEXT, payload),
      around(20, (o) => emitTcp(segment, 301, SERVER, CLIENT, o, 0)),
    ],
    [
      "TFTP OACK",
      tftp.encodeOack(new Map([["blksize", "1468"]])),
      ours((o) => emitOack([{ name: "blksize", value: "1468" }], o, 0)),
    ],
    ["TFTP DATA", tftp.encodeDataHeader(7), ours((o) => emitDataHeader(7, o, 0))],
    [
      "RPC call with READ",
      rpc.encodeCall(head, { ...unix, gids: [] }, nfs.encodeReadArgs(fhandle, 4_096, 8_192)),
      ours((o) => {
        const n = emitRpcCall({ ...head, unix }, o, 0);
        return n + emitReadArgs({ fhandle, offset: 4_096, count: 8_192 }, o, n);
      }),
    ],
    [
      "RPC reply to READ",
      rpc.encodeReply(7, nfs.encodeReadResultHeader(attributes, 100)),
      ours((o) => {
        const n = emitAcceptedReply(7, 0, o, 0);
        return n + emitReadResultHeader(attributes, 100, o, n);
      }),
    ],
    [
      "LOOKUP result",
      nfs.encodeDiropResult(fhandle, attributes),
      ours((o) => emitDiropResult(fhandle, attributes, o, 0)),
    ],
    ["MNT result", rpc.encodeMountResult(fhandle), ours((o) => emitMountResult(fhandle, o, 0))],
    [
      "WHOAMI result",
      rpc.encodeWhoamiResult("v100", "", SERVER_TEXT),
      ours((o) => emitWhoamiResult({ clientName: "v100", domain: "", router: SERVER }, o, 0)),
    ],
    [
      "GETFILE result",
      rpc.encodeGetfileResult("pilot", SERVER_TEXT, "/export"),
      ours((o) => {
        const r = { serverName: "pilot", serverAddress: SERVER, path: "/export" };
        return emitGetfileResult(r, o, 0);
      }),
    ],
  ])("write the same %s", (_, theirs, wanted) => {
    expect(theirs.toString("hex")).toBe(wanted);
  });
});

describe("decoders of the benches", () => {
  it("read the same READ calls", () => {
    for (const { o, at, len, buffer } of rotation(NFS_READ_CALLS, "udp-payload")) {
      const call = new RpcCallView();
      const read = new ReadArgsView();
      expect(call.reset(o, at, len)).toBe(Status.Ok);
      expect(read.reset(o, call.argsAt, call.argsLen)).toBe(Status.Ok);
      const theirs = rpc.decodeCall(buffer);
      const args = nfs.decodeReadArgs(theirs.args);
      expect([theirs.xid, theirs.proc, theirs.unix?.uid, theirs.unix?.machineName.length]).toEqual([
        call.xid,
        call.proc,
        call.uid(),
        call.machineNameLen,
      ]);
      expect([args.offset, args.count, args.totalcount]).toEqual([
        read.offset,
        read.count,
        read.totalcount,
      ]);
    }
  });

  it("read the same READ replies", () => {
    for (const { o, at, len, buffer } of rotation(NFS_READ_REPLIES, "udp-payload")) {
      const reply = new RpcReplyView();
      const read = new ReadResultView();
      expect(reply.reset(o, at, len)).toBe(Status.Ok);
      expect(read.reset(o, reply.resultsAt, reply.resultsLen)).toBe(Status.Ok);
      const theirs = nfs.decodeReadResult(rpc.decodeReply(buffer).results);
      expect(theirs.attributes?.size).toBe(read.attributes.size);
      expect(theirs.data?.length).toBe(read.dataLen);
    }
  });

  it("read the same TFTP options", () => {
    const frames = [...TFTP_REQUESTS, ...TFTP_OACKS];
    for (const { o, at, len, buffer } of rotation(frames, "udp-payload")) {
      const view = new TftpView();
      expect(view.reset(o, at, len)).toBe(Status.Ok);
      const theirs = tftp.decodeTftp(buffer);
      if (!("options" in theirs)) throw new Error(theirs.op);
      expect(theirs.options.size).toBe(view.optionCount);
      expect(theirs.options.get("blksize")).toBe(view.optionValue("blksize"));
    }
  });

  it("read the same DHCP requests", () => {
    silenceUnknownOptions();
    for (const { o, at, len, buffer } of rotation(DHCP_REQUESTS, "udp-payload")) {
      const view = new DhcpView();
      expect(view.reset(o, at, len)).toBe(Status.Ok);
      const theirs = dhcpProtocol.parse(buffer);
      expect(theirs.xid).toBe(view.xid);
      expect(theirs.options[53]).toBe(view.messageType);
    }
  });
});

import { describe, expect, it } from "vitest";
import { emitWhoamiArgs, emitWhoamiResult } from "../../../../protocols/bootparams/messages.ts";
import { emitReadArgs } from "../../../../protocols/nfs/args.ts";
import { emitReadResultHeader, emitStatResult } from "../../../../protocols/nfs/results.ts";
import { emitRpcCall, type RpcCallRepr } from "../../../../protocols/sunrpc/call.ts";
import { emitCallitArgs, emitCallitResult } from "../../../../protocols/sunrpc/callit.ts";
import { emitPmapMapping, emitPmapPort } from "../../../../protocols/sunrpc/portmap.ts";
import { emitRecordMark } from "../../../../protocols/sunrpc/record.ts";
import {
  AcceptStat,
  emitAcceptedReply,
  emitAuthError,
  emitProgMismatch,
  emitRpcMismatch,
} from "../../../../protocols/sunrpc/reply.ts";
import { TcpFlag } from "../../../../protocols/tcp/segment.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { FrameFeed, fragments, frame, tcpPacket, udpPacket } from "../../../support/packets.ts";

const CLIENT = "192.168.77.21:1023";
const NFSD = "192.168.77.1:2049";
const PORTMAP = "192.168.77.1:111";
const HANDLE = new Uint8Array(32).fill(0x5a);
const HANDLE_HEX = "5a".repeat(32);

/** The octets of what `writers` write one behind the other. */
function octets(...writers: readonly ((o: Octets, at: number) => number)[]): Uint8Array {
  const o = Octets.alloc(20_000);
  let at = 0;
  for (const write of writers) at += write(o, at);
  return o.u8.slice(0, at);
}

function call(repr: RpcCallRepr, args?: (o: Octets, at: number) => number): Uint8Array {
  return octets((o, at) => emitRpcCall(repr, o, at), args ?? (() => 0));
}

function reply(xid: number, results?: (o: Octets, at: number) => number): Uint8Array {
  return octets((o, at) => emitAcceptedReply(xid, AcceptStat.Success, o, at), results ?? (() => 0));
}

const unix = { machineName: "vm", uid: 0, gid: 5, groups: [7] };

function readCall(xid: number): Uint8Array {
  const args = { fhandle: HANDLE, offset: 4_096, count: 1_024 };
  return call({ xid, prog: 100_003, vers: 2, proc: 6, unix }, (o, at) => emitReadArgs(args, o, at));
}

function readReply(xid: number, count: number): Uint8Array {
  const time = { seconds: 1, useconds: 2 };
  const attributes = {
    ...{ type: 1, mode: 0o100644, nlink: 1, uid: 0, gid: 0, size: 9_999, blocksize: 4_096 },
    ...{ rdev: 0, blocks: 8, fsid: 1, fileid: 77, atime: time, mtime: time, ctime: time },
  };
  return octets(
    (o, at) => emitAcceptedReply(xid, AcceptStat.Success, o, at),
    (o, at) => emitReadResultHeader(attributes, count, o, at),
    (o, at) => {
      o.u8.fill(0xab, at, at + count);
      return count;
    },
  );
}

function record(message: Uint8Array): Uint8Array {
  return Uint8Array.of(...octets((o, at) => emitRecordMark(message.length, o, at)), ...message);
}

describe("RPC over UDP", () => {
  it("shows a call with its arguments and credential", () => {
    const [message] = new FrameFeed().give(frame(udpPacket(CLIENT, NFSD, readCall(0x80000001))));
    expect(message).toMatchObject({ protocol: "nfs", status: "ok" });
    expect(message?.fields).toEqual({
      ...{ xid: 0x80000001, type: 0, prog: 100_003, vers: 2, proc: 6, procName: "READ" },
      credFlavor: 1,
      cred: { stamp: 0, machinename: "vm", uid: 0, gid: 5, gids: [7] },
      ...{ fhandle: HANDLE_HEX, offset: 4_096, count: 1_024, totalcount: 1_024 },
    });
  });

  it("reads a reply by its call, also when both came in fragments", () => {
    const feed = new FrameFeed();
    for (const part of fragments(udpPacket(CLIENT, NFSD, readCall(5)), 64)) feed.give(frame(part));
    const answer = fragments(udpPacket(NFSD, CLIENT, readReply(5, 4_096)), 1_480).reverse();
    const last = answer.map((part) => feed.give(frame(part))).at(-1);
    expect(last).toHaveLength(1);
    expect(last?.[0]).toMatchObject({ protocol: "nfs", status: "ok" });
    expect(last?.[0]?.fields).toMatchObject({
      ...{ xid: 5, type: 1, prog: 100_003, proc: 6, procName: "READ" },
      ...{ replyStat: 0, acceptStat: 0, status: 0, dataLength: 4_096, data: "ab".repeat(4_096) },
      attributes: { size: 9_999, fileid: 77, atime: { seconds: 1, useconds: 2 } },
    });
    expect(feed.kinds.filter((kind) => kind.includes("nfs"))).toHaveLength(2);
  });

  it("shows a reply without its call as rpc", () => {
    const [message] = new FrameFeed().give(frame(udpPacket(NFSD, CLIENT, reply(9))));
    expect(message).toMatchObject({
      protocol: "rpc",
      status: "ok",
      fields: { xid: 9, type: 1, replyStat: 0, acceptStat: 0 },
    });
  });

  it("takes no datagram for RPC that only may be some", () => {
    const [message] = new FrameFeed().give(frame(udpPacket("10.0.0.1:4000", CLIENT, reply(9))));
    expect(message?.protocol).toBe("udp");
  });

  it("knows a call on any port, and the ports that a port mapper tells", () => {
    const feed = new FrameFeed();
    const mapping = { prog: 100_005, vers: 1, prot: 17, port: 0 };
    const getport = { xid: 1, prog: 100_000, vers: 2, proc: 3 };
    const give = (from: string, to: string, payload: Uint8Array): void => {
      feed.give(frame(udpPacket(from, to, payload)));
    };
    give(
      CLIENT,
      PORTMAP,
      call(getport, (o, at) => emitPmapMapping(mapping, o, at)),
    );
    give(
      PORTMAP,
      CLIENT,
      reply(1, (o, at) => emitPmapPort(635, o, at)),
    );
    give(CLIENT, "192.168.77.1:635", Uint8Array.of(1, 2, 3));
    give(CLIENT, "192.168.77.1:700", call({ xid: 2, prog: 100_021, vers: 3, proc: 1 }));
    expect(feed.kinds).toEqual(["1 portmap ok", "2 portmap ok", "3 rpc truncated", "4 rpc ok"]);
    expect(feed.messages[0]?.fields).toMatchObject({ procName: "GETPORT", mapping });
    expect(feed.messages[1]?.fields).toMatchObject({ port: 635 });
  });

  it("reads what CALLIT carries, and its answer from another address", () => {
    const feed = new FrameFeed();
    const client = parseIpv4("192.168.77.21") ?? 0;
    const target = { prog: 100_026, vers: 1, proc: 1 };
    const whoami = call({ xid: 3, prog: 100_000, vers: 2, proc: 5 }, (o, at) =>
      emitCallitArgs(target, emitWhoamiArgs(client, o, at + 16), o, at),
    );
    const result = { clientName: "sparky", domain: "lab", router: client };
    const answer = reply(3, (o, at) =>
      emitCallitResult(700, emitWhoamiResult(result, o, at + 8), o, at),
    );
    feed.give(frame(udpPacket(CLIENT, "255.255.255.255:111", whoami)));
    feed.give(frame(udpPacket("192.168.77.2:40111", CLIENT, answer)));
    expect(feed.kinds).toEqual(["1 portmap ok", "2 portmap ok"]);
    expect(feed.messages[0]?.fields).toMatchObject({
      procName: "CALLIT",
      call_args: { ...target, procName: "WHOAMI", args: { client_address: "192.168.77.21" } },
    });
    expect(feed.messages[1]?.fields).toMatchObject({
      port: 700,
      res: { client_name: "sparky", domain_name: "lab", router_address: "192.168.77.21" },
    });
  });

  it("shows each kind of refusal", () => {
    const feed = new FrameFeed();
    for (let xid = 1; xid <= 3; xid++) feed.give(frame(udpPacket(CLIENT, NFSD, readCall(xid))));
    const refusals = [
      octets((o, at) => emitProgMismatch(1, 3, 4, o, at)),
      octets((o, at) => emitRpcMismatch(2, o, at)),
      octets((o, at) => emitAuthError(3, 1, o, at)),
    ];
    const fields = refusals.map((r) => feed.give(frame(udpPacket(NFSD, CLIENT, r)))[0]?.fields);
    expect(fields[0]).toMatchObject({ replyStat: 0, acceptStat: 2, low: 3, high: 4 });
    expect(fields[1]).toMatchObject({ replyStat: 1, rejectStat: 0, low: 2, high: 2 });
    expect(fields[2]).toMatchObject({ replyStat: 1, rejectStat: 1, authStat: 1 });
  });

  it("names what is wrong with a call", () => {
    const feed = new FrameFeed();
    const damage = (change: (dv: DataView) => void, len?: number): void => {
      const message = readCall(1).slice(0, len);
      change(new DataView(message.buffer));
      feed.give(frame(udpPacket(CLIENT, NFSD, message)));
    };
    damage((dv) => dv.setUint32(8, 3));
    damage((dv) => dv.setUint32(28, 401));
    damage(() => {}, 40);
    damage(() => {}, 100);
    damage((dv) => dv.setUint32(4, 7));
    expect(feed.kinds).toEqual([
      "1 rpc bad-version",
      "2 nfs bad-length",
      "3 nfs truncated",
      "4 nfs truncated",
      "5 rpc bad-magic",
    ]);
    expect(feed.messages[0]?.fields).toEqual({ xid: 1, type: 0, rpcvers: 3 });
    expect(feed.messages[3]?.fields).toMatchObject({ proc: 6, procName: "READ", credFlavor: 1 });
  });
});

describe("RPC over TCP", () => {
  const stream = (...xids: number[]): Uint8Array =>
    Uint8Array.from(xids.flatMap((xid) => [...record(readCall(xid))]));
  const syn = tcpPacket(CLIENT, NFSD, { seq: 99, flags: TcpFlag.Syn });

  /** A segment that starts `at` octets into the stream. */
  function segment(data: Uint8Array, at: number, end: number): Uint8Array {
    const head = { seq: (100 + at) | 0, flags: TcpFlag.Ack };
    return frame(tcpPacket(CLIENT, NFSD, head, data.slice(at, end)));
  }

  const xids = (feed: FrameFeed): string[] =>
    feed.messages
      .filter((m) => m.protocol === "nfs")
      .map(({ frame, fields: { xid } }) => `${frame}:${xid}`);

  it("gives a line for each message of a segment", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2, 3);
    feed.give(frame(syn));
    feed.give(segment(data, 0, data.length));
    expect(feed.kinds).toEqual(["1 ipv4 ok", "2 nfs ok", "2 nfs ok", "2 nfs ok"]);
    expect(xids(feed)).toEqual(["2:1", "2:2", "2:3"]);
  });

  it.each([1, 3, 50, 107])("puts segments of %i octets together", (size) => {
    const feed = new FrameFeed();
    const data = stream(1, 2);
    feed.give(frame(syn));
    for (let at = 0; at < data.length; at += size) feed.give(segment(data, at, at + size));
    const ends = [data.length / 2, data.length].map((end) => Math.ceil(end / size) + 1);
    expect(xids(feed)).toEqual([`${ends[0]}:1`, `${ends[1]}:2`]);
    expect(new Set(feed.messages.map((m) => m.status))).toEqual(new Set(["ok"]));
  });

  it("takes segments in any order and more than once", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2, 3);
    feed.give(frame(syn));
    for (const [at, end] of [
      [200, 300],
      [0, 60],
      [200, 250],
      [120, 210],
      [40, 70],
      [0, 60],
    ] as const) {
      feed.give(segment(data, at, end));
    }
    expect(xids(feed)).toEqual([]);
    feed.give(segment(data, 60, 130));
    feed.give(segment(data, 290, data.length));
    expect(xids(feed)).toEqual(["8:1", "8:2", "9:3"]);
  });

  it("passes sequence number 0", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2);
    for (let at = 0; at < data.length; at += 50) {
      const head = { seq: (-60 + at) | 0, flags: TcpFlag.Ack };
      feed.give(frame(tcpPacket(CLIENT, NFSD, head, data.slice(at, at + 50))));
    }
    expect(feed.messages.filter((m) => m.protocol === "nfs")).toHaveLength(2);
  });

  it("goes on behind a hole that the other end has acknowledged", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2, 3, 4);
    const one = data.length / 4;
    feed.give(frame(syn));
    feed.give(segment(data, 0, one + 40));
    // Missing: the rest of 2. Then 3 arrives, and the server acknowledges it.
    feed.give(segment(data, 2 * one, 3 * one));
    const ack = { seq: 1, ack: 100 + 3 * one, flags: TcpFlag.Ack };
    feed.give(frame(tcpPacket(NFSD, CLIENT, ack)));
    feed.give(segment(data, 3 * one, 4 * one));
    expect(feed.kinds).toEqual([
      "1 ipv4 ok",
      "2 nfs ok",
      "3 ipv4 ok",
      "4 nfs truncated",
      "4 nfs ok",
      "5 nfs ok",
    ]);
    expect(xids(feed)).toEqual(["2:1", "4:2", "4:3", "5:4"]);
    expect(feed.messages[3]).toMatchObject({ from: CLIENT, to: NFSD });
  });

  it("shows at the end what waited for a segment that never came", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2, 3);
    const one = data.length / 3;
    feed.give(frame(syn));
    feed.give(segment(data, 0, one));
    feed.give(segment(data, 2 * one, 3 * one));
    expect(xids(feed)).toEqual(["2:1"]);
    feed.end();
    expect(xids(feed)).toEqual(["2:1", "3:3"]);
  });

  it("joins a conversation in the middle, on any port", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2);
    const one = data.length / 2;
    const port = "192.168.77.1:20048";
    const give = (at: number, end: number): void => {
      const head = { seq: at, flags: TcpFlag.Ack };
      feed.give(frame(tcpPacket(CLIENT, port, head, data.slice(at, end))));
    };
    give(30, one);
    give(one, 2 * one);
    expect(feed.kinds).toEqual(["1 ipv4 ok", "2 nfs ok"]);
  });

  it("shows the beginning of a message that was cut off in the capture", () => {
    const feed = new FrameFeed();
    const data = stream(1, 2);
    const one = data.length / 2;
    feed.give(frame(syn));
    feed.give(segment(data, 0, one), 1, 10);
    feed.give(segment(data, one, 2 * one));
    expect(feed.kinds).toEqual(["1 ipv4 ok", "2 nfs truncated", "3 nfs ok"]);
  });

  it("says so when a stream holds no records, once", () => {
    const feed = new FrameFeed();
    feed.give(frame(syn));
    const data = new Uint8Array(400).fill(0x77);
    feed.give(segment(data, 0, 200));
    feed.give(segment(data, 200, 400));
    expect(feed.kinds).toEqual(["1 ipv4 ok", "2 rpc bad-length", "3 ipv4 ok"]);
  });

  it("reads replies by their calls", () => {
    const feed = new FrameFeed();
    feed.give(segment(stream(1), 0, 1_000));
    const answer = record(reply(1, (o, at) => emitStatResult(70, o, at)));
    feed.give(frame(tcpPacket(NFSD, CLIENT, { seq: 1, flags: TcpFlag.Ack }, answer)));
    expect(feed.messages[1]).toMatchObject({
      protocol: "nfs",
      status: "ok",
      fields: { procName: "READ", status: 70 },
    });
  });
});

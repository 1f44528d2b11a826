import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../../agent/errors.ts";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { rpcPrograms } from "../../../../../agent/services/rpc/service.ts";
import { emitMountPath } from "../../../../../protocols/mount/messages.ts";
import { emitDiropArgs, emitReadArgs } from "../../../../../protocols/nfs/args.ts";
import { NfsProc, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { DiropResultView, ReadResultView } from "../../../../../protocols/nfs/results.ts";
import { RpcReplyView } from "../../../../../protocols/sunrpc/reply.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { callOctets, type EmitArgs } from "../../../../support/rpc-client.ts";
import { ip, KERNEL, testRack } from "../../../../support/test-site.ts";

const V100 = ip("172.24.42.51");
const [MOUNT, NFS] = [100_005, 100_003];

async function setUp() {
  const rack = await testRack();
  const rpc = new RpcDispatcher(rack.context, rpcPrograms(rack.context));
  const replies: RpcReplyView[] = [];
  const bodies: Octets[] = [];
  const sink = () => {
    const slab = Octets.alloc(9_216);
    return {
      begin: () => ({ octets: slab, at: 0 }),
      commit: (len: number, payload: readonly Uint8Array[] = []) => {
        const o = new Octets(
          Uint8Array.from([slab.u8.subarray(0, len), ...payload].flatMap((piece) => [...piece])),
        );
        const view = new RpcReplyView();
        expect(view.reset(o, 0, o.u8.length)).toBe(0);
        replies.push(view);
        bodies.push(o);
      },
    };
  };
  /** One datagram; `xid` and `srcPort` make it a new call or a repetition. */
  const call = (xid: number, prog: number, proc: number, args: EmitArgs, srcPort = 1_000): void => {
    const message = new Octets(callOctets(prog, prog === NFS ? 2 : 1, proc, args));
    message.dv.setUint32(0, xid);
    const from = { src: V100, srcPort, transport: "udp" as const, broadcast: false };
    rpc.handle(message, 0, message.u8.length, from, sink());
    message.u8.fill(0x5a);
  };
  const tree = rack.plan("v100").export?.tree;
  if (!tree) throw new Error("no tree");
  const handleOf = (fileid: number): Uint8Array => {
    const o = Octets.alloc(32);
    rack.context.handles.emit(tree.fsid, fileid, o, 0);
    return o.u8;
  };
  const look = (xid: number, name: string, srcPort?: number): void =>
    call(
      xid,
      NFS,
      NfsProc.Lookup,
      (o, at) => emitDiropArgs(handleOf(tree.root), name, o, at),
      srcPort,
    );
  const read = (xid: number, fhandle: Uint8Array): void =>
    call(xid, NFS, NfsProc.Read, (o, at) =>
      emitReadArgs({ fhandle, offset: 0, count: 8_192 }, o, at),
    );
  /** Status of a LOOKUP or READ, and where its view stands. */
  const statusOf = (i: number): number => {
    const [view, o] = [replies[i], bodies[i]];
    if (!view || !o) throw new Error(`no reply ${i}`);
    return o.dv.getUint32(view.resultsAt);
  };
  const handleIn = (i: number): Uint8Array => {
    const [view, o, result] = [replies[i], bodies[i], new DiropResultView()];
    if (!view || !o) throw new Error(`no reply ${i}`);
    expect(result.reset(o, view.resultsAt, view.resultsLen)).toBe(0);
    return o.u8.slice(result.fhandleAt, result.fhandleAt + 32);
  };
  const dataIn = (i: number): number[] => {
    const [view, o, result] = [replies[i], bodies[i], new ReadResultView()];
    if (!view || !o) throw new Error(`no reply ${i}`);
    expect(result.reset(o, view.resultsAt, view.resultsLen)).toBe(0);
    return [...o.u8.subarray(result.dataAt, result.dataAt + result.dataLen)];
  };
  return { ...rack, call, look, read, replies, statusOf, handleIn, dataIn };
}

describe("NFS, asked for what is being fetched", () => {
  it("is silent, works on one call however often it comes, and answers it once", async () => {
    const { look, assets, clock, context, journal, replies, statusOf, last } = await setUp();
    const ready = assets.withhold("netbsd");
    look(1, "netbsd");
    expect(last()).toMatchObject({
      machine: "v100",
      protocol: "nfs",
      event: "look for netbsd",
      decision: "held: fetching netbsd (3.1 of 6.0 MB)",
      outcome: "silent",
    });
    for (let i = 0; i < 5; i++) {
      clock.advance(2_000);
      look(1, "netbsd");
    }
    await settle();
    expect(replies).toEqual([]);
    expect(context.counters.get("rpc", "repeated")).toBe(5);
    ready();
    await settle();
    expect([replies.length, replies[0]?.xid, statusOf(0)]).toEqual([1, 1, 0]);
    expect(last()).toMatchObject({ decision: "was fetched; held for 10.0 s" });
    expect(journal.entries()).toHaveLength(2);
    look(1, "netbsd");
    await settle();
    expect(replies).toHaveLength(2);
  });

  it("answers all else meanwhile", async () => {
    const { look, assets, replies } = await setUp();
    assets.withhold("netbsd");
    look(1, "netbsd");
    look(2, "etc");
    await settle();
    expect(replies.map(({ xid }) => xid)).toEqual([2]);
  });

  it("says that it is not there when it will not come", async () => {
    const { look, assets, statusOf } = await setUp();
    assets.withhold("netbsd");
    look(1, "netbsd");
    assets.named("netbsd").become(new AgentError("E_ASSET_MISSING", "nobody has it"));
    await settle();
    expect(statusOf(0)).toBe(NfsStat.NoEnt);
  });

  it("works on so many calls of one machine, and drops the rest", async () => {
    const { look, assets, context, replies } = await setUp();
    const ready = assets.withhold("netbsd");
    for (let xid = 0; xid < 200; xid++) look(xid, "netbsd", 1_000 + (xid % 3));
    expect(context.counters.get("rpc", "too-many")).toBe(136);
    ready();
    await settle();
    expect(replies).toHaveLength(64);
    look(500, "netbsd");
    await settle();
    expect(replies).toHaveLength(65);
  });

  it("reads on the version whose handle a machine has, though there is a newer one", async () => {
    const { look, read, assets, context, replies, handleIn, dataIn } = await setUp();
    const slot = assets.named("netbsd");
    look(1, "netbsd");
    const newer = assets.named("initrd").current();
    if ("waiting" in newer) throw new Error("not there");
    slot.become(newer);
    look(2, "netbsd");
    const [old, fresh] = [handleIn(0), handleIn(1)];
    expect(old).not.toEqual(fresh);
    read(3, old);
    await eventually(() => replies.length === 3, "the old version");
    expect(dataIn(2)).toEqual([...KERNEL]);
    read(4, fresh);
    await eventually(() => replies.length === 4, "the new version");
    expect(dataIn(3)).not.toEqual([...KERNEL]);
    expect(context.counters.entries()).toEqual([]);
  });
});

describe("MOUNT", () => {
  it("is answered though all files of the tree are being fetched", async () => {
    const { call, assets, replies } = await setUp();
    for (const name of ["netbsd", "initrd"]) assets.withhold(name);
    call(1, MOUNT, 1, (o, at) => emitMountPath("/sun", o, at));
    call(2, MOUNT, 1, (o, at) => emitMountPath("/sun/netbsd", o, at));
    await settle();
    expect(replies.map(({ xid }) => xid).sort()).toEqual([1, 2]);
  });
});

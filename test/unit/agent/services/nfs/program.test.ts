import { appendFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { StatusCounters } from "../../../../../agent/services/context.ts";
import { FileHandles } from "../../../../../agent/services/nfs/handle.ts";
import { NfsProgram } from "../../../../../agent/services/nfs/program.ts";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import {
  emitDiropArgs,
  emitFhandleArgs,
  emitReadArgs,
  emitReaddirArgs,
} from "../../../../../protocols/nfs/args.ts";
import { NfsFtype, NfsProc, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { ReaddirResultView } from "../../../../../protocols/nfs/readdir-result.ts";
import {
  AttrResultView,
  DiropResultView,
  ReadlinkResultView,
  ReadResultView,
  StatfsResultView,
} from "../../../../../protocols/nfs/results.ts";
import { AcceptStat } from "../../../../../protocols/sunrpc/reply.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import {
  answered,
  type CallOptions,
  callOctets,
  type EmitArgs,
  type Reply,
} from "../../../../support/rpc-client.ts";
import {
  CHUNK_LEN,
  HANDLE_KEY,
  ip,
  KERNEL,
  RACK,
  RACK_FILES,
  testRack,
} from "../../../../support/test-site.ts";

const V100: CallOptions = { src: ip("172.24.42.51") };
const MINIPC: CallOptions = { src: ip("172.24.42.60") };
const BARE: CallOptions = { src: ip("172.24.42.62") };

async function setUp(budget?: number) {
  const rack = await testRack(RACK, RACK_FILES, budget);
  symlinkSync("/etc/passwd", path.join(rack.dir, "tree/link"));
  const rpc = new RpcDispatcher(rack.context, [new NfsProgram(rack.context)]);
  const ask = (proc: number, args?: EmitArgs, from = V100): Promise<Reply> =>
    answered(rpc, callOctets(100_003, 2, proc, args), from);
  /** The handle of a machine's root. */
  const root = (machine = "v100"): Uint8Array => {
    const tree = rack.plan(machine).export?.tree;
    if (!tree) throw new Error("no tree");
    return handle(tree.fsid, tree.root);
  };
  const lookup = async (dir: Uint8Array, name: string, from = V100): Promise<DiropResultView> => {
    const args: EmitArgs = (o, at) => emitDiropArgs(dir, name, o, at);
    return viewOf(new DiropResultView(), await ask(NfsProc.Lookup, args, from));
  };
  const find = async (name: string, machine = "v100", from = V100): Promise<Uint8Array> => {
    let at = root(machine);
    for (const part of name.split("/")) {
      const args: EmitArgs = (o, where) => emitDiropArgs(at, part, o, where);
      const reply = await ask(NfsProc.Lookup, args, from);
      const view = viewOf(new DiropResultView(), reply);
      expect(view.status).toBe(0);
      at = reply.octets.u8.slice(view.fhandleAt, view.fhandleAt + 32);
    }
    return at;
  };
  const read = async (fhandle: Uint8Array, offset: number, count: number, from = V100) => {
    const args: EmitArgs = (o, at) => emitReadArgs({ fhandle, offset, count }, o, at);
    const reply = await ask(NfsProc.Read, args, from);
    const view = viewOf(new ReadResultView(), reply);
    const { dataAt, dataLen, status } = view;
    return { status, data: [...reply.octets.u8.subarray(dataAt, dataAt + dataLen)] };
  };
  return { ...rack, ask, root, lookup, find, read };
}

function handle(fsid: number, fileid: number): Uint8Array {
  const o = Octets.alloc(32);
  new FileHandles(HANDLE_KEY, new StatusCounters()).emit(fsid, fileid, o, 0);
  return o.u8;
}

function viewOf<V extends { reset(o: Octets, at: number, len: number): number }>(
  view: V,
  { octets, view: reply }: Reply,
): V {
  expect(reply.isSuccess).toBe(true);
  expect(view.reset(octets, reply.resultsAt, reply.resultsLen)).toBe(0);
  return view;
}

const withHandle =
  (fhandle: Uint8Array): EmitArgs =>
  (o, at) =>
    emitFhandleArgs(fhandle, o, at);
const readdir =
  (dir: Uint8Array, cookie: number, count: number): EmitArgs =>
  (o, at) =>
    emitReaddirArgs(dir, cookie, count, o, at);
const statusOf = ({ octets, view }: Reply): number => octets.dv.getUint32(view.resultsAt);

describe("GETATTR", () => {
  it("of the root is a directory, with numbers that stay", async () => {
    const { ask, root, plan } = await setUp();
    const view = viewOf(new AttrResultView(), await ask(NfsProc.Getattr, withHandle(root())));
    expect(view.status).toBe(0);
    expect(view.attributes.type).toBe(NfsFtype.Dir);
    expect(view.attributes.mode).toBe(0o040555);
    expect(view.attributes.fsid).toBe(plan("v100").export?.tree.fsid);
  });

  it("of a file says its size and type", async () => {
    const { ask, find } = await setUp();
    const args = withHandle(await find("netbsd"));
    const { attributes } = viewOf(new AttrResultView(), await ask(NfsProc.Getattr, args));
    expect([attributes.type, attributes.size, attributes.blocks]).toEqual([
      NfsFtype.Reg,
      5_000,
      10,
    ]);
  });
});

describe("handles", () => {
  it("of another machine's tree, of nothing, and of rubbish are stale for every procedure", async () => {
    const { ask, root, plan } = await setUp();
    const { fsid = 0 } = plan("v100").export?.tree ?? {};
    const tail = root().slice();
    tail[31] = 1;
    for (const bad of [root("minipc"), handle(fsid, 4), new Uint8Array(32), tail]) {
      const dirop: EmitArgs = (o, at) => emitDiropArgs(bad, "x", o, at);
      const calls: [number, EmitArgs][] = [
        [NfsProc.Getattr, withHandle(bad)],
        [NfsProc.Lookup, dirop],
        [NfsProc.Readlink, withHandle(bad)],
        [NfsProc.Read, (o, at) => emitReadArgs({ fhandle: bad, offset: 0, count: 10 }, o, at)],
        [NfsProc.Readdir, readdir(bad, 0, 512)],
      ];
      for (const [proc, args] of calls) {
        expect(statusOf(await ask(proc, args)), `procedure ${proc}`).toBe(NfsStat.Stale);
      }
      for (const name of [".", ".."]) {
        const args: EmitArgs = (o, at) => emitDiropArgs(bad, name, o, at);
        expect(statusOf(await ask(NfsProc.Lookup, args)), name).toBe(NfsStat.Stale);
      }
    }
  });

  it("say ACCES to a machine without a root, for every procedure", async () => {
    const { ask, root } = await setUp();
    for (let proc = 1; proc <= 17; proc++) {
      if (proc === NfsProc.Root || proc === NfsProc.Writecache) continue;
      expect(statusOf(await ask(proc, withHandle(root()), BARE)), `${proc}`).toBe(NfsStat.Acces);
    }
  });

  it("from before a restart are good, and so is what is above them", async () => {
    const before = await setUp();
    const etc = await before.find("etc", "minipc", MINIPC);
    const rpc = new RpcDispatcher((await again(before)).context, [
      new NfsProgram((await again(before)).context),
    ]);
    const args: EmitArgs = (o, at) => emitDiropArgs(etc, "..", o, at);
    const reply = await answered(rpc, callOctets(100_003, 2, NfsProc.Lookup, args), MINIPC);
    const view = viewOf(new DiropResultView(), reply);
    expect(view.status).toBe(0);
    expect([...reply.octets.u8.subarray(view.fhandleAt, view.fhandleAt + 32)]).toEqual([
      ...before.root("minipc"),
    ]);
  });
});

/** The same rack after the agent was started anew: nothing is known of any handle. */
async function again(rack: {
  dir: string;
  context: Awaited<ReturnType<typeof testRack>>["context"];
  cache: Awaited<ReturnType<typeof testRack>>["cache"];
  plan: (name: string) => { export: unknown };
}) {
  const { DirectoryTree } = await import("../../../../../agent/assets/trees/directory-tree.ts");
  const fresh = await DirectoryTree.open(path.join(rack.dir, "tree"), rack.cache);
  const old = rack.context.planner;
  const planner = Object.create(old) as typeof old;
  planner.byIp = (address) => {
    const plan = old.byIp(address);
    return (
      plan && {
        ...plan,
        export: {
          path: "/debian",
          tree: fresh,
          rules: { rootSquash: false, privilegedPorts: false },
        },
      }
    );
  };
  return { context: { ...rack.context, planner } };
}

describe("LOOKUP", () => {
  it("finds names, and . and .. of a directory", async () => {
    const { lookup, root, find } = await setUp();
    const etc = await find("etc");
    expect((await lookup(etc, ".")).attributes.fileid).toBe(
      (await lookup(root(), "etc")).attributes.fileid,
    );
    const rootId = (await lookup(root(), ".")).attributes.fileid;
    expect((await lookup(etc, "..")).attributes.fileid).toBe(rootId);
    expect((await lookup(root(), "..")).attributes.fileid).toBe(rootId);
  });

  it("says NOENT, and journals what is looked for in the root", async () => {
    const { lookup, root, find, journal, last } = await setUp();
    expect((await lookup(await find("etc"), "none")).status).toBe(NfsStat.NoEnt);
    expect(journal.entries()).toEqual([]);
    expect((await lookup(root(), "netbsd.old")).status).toBe(NfsStat.NoEnt);
    expect(last()).toMatchObject({ event: "look for netbsd.old", outcome: "refused" });
  });

  it.each(["x", ".", ".."])("says NOTDIR of %s in a file", async (name) => {
    const { lookup, find } = await setUp();
    expect((await lookup(await find("netbsd"), name)).status).toBe(NfsStat.NotDir);
    const kernel = await find("kernel", "minipc", MINIPC);
    expect((await lookup(kernel, name, MINIPC)).status).toBe(NfsStat.NotDir);
  });

  it("takes no path for a name", async () => {
    const { lookup, root } = await setUp();
    for (const name of ["etc/fstab", "../secret", "/etc"]) {
      expect((await lookup(root("minipc"), name, MINIPC)).status).toBe(NfsStat.NoEnt);
    }
  });
});

describe("READ", () => {
  it.each([
    [0, 1_024],
    [1, 3],
    [1_020, 8],
    [0, 5_000],
    [0, 65_536],
    [4_999, 10],
    [5_000, 10],
    [4_000_000_000, 10],
    [10, 0],
  ])("%d + %d gives what is there", async (offset, count) => {
    const { read, find } = await setUp();
    const { status, data } = await read(await find("netbsd"), offset, count);
    expect(status).toBe(0);
    expect(data).toEqual([...KERNEL.subarray(offset, offset + Math.min(count, 8_192))]);
  });

  it("works with as little cache as there may be", async () => {
    const { read, find } = await setUp(1);
    const { data } = await read(await find("netbsd"), CHUNK_LEN - 4, 8);
    expect(data).toEqual([...KERNEL.subarray(CHUNK_LEN - 4, CHUNK_LEN + 4)]);
  });

  it("reads files of a directory", async () => {
    const { read, find } = await setUp();
    const { data } = await read(await find("kernel", "minipc", MINIPC), 100, 50, MINIPC);
    expect(data).toEqual([...KERNEL.subarray(100, 150)]);
  });

  it("says INVAL of a link and ISDIR of a directory", async () => {
    const { read, find, root } = await setUp();
    expect((await read(await find("link", "minipc", MINIPC), 0, 10, MINIPC)).status).toBe(
      NfsStat.Inval,
    );
    expect((await read(root(), 0, 10)).status).toBe(NfsStat.IsDir);
  });

  it("says IO of a file that is not what it was, and tells why", async () => {
    const { read, find, dir, last } = await setUp();
    const fhandle = await find("netbsd");
    const { writeFileSync } = await import("node:fs");
    writeFileSync(path.join(dir, "netbsd"), "other");
    expect((await read(fhandle, 0, 10)).status).toBe(NfsStat.Io);
    expect(last()).toMatchObject({ outcome: "failed", protocol: "nfs", machine: "v100" });
    expect(last().decision).toContain("changed since it was verified");
  });

  it("serves a file of a directory that was written to, as it is now", async () => {
    const { read, find, dir } = await setUp();
    const fhandle = await find("kernel", "minipc", MINIPC);
    await read(fhandle, 0, 10, MINIPC);
    appendFileSync(path.join(dir, "tree/kernel"), "tail");
    const { data } = await read(fhandle, 5_000, 10, MINIPC);
    expect(data).toEqual([...Buffer.from("tail")]);
  });

  it("is one transfer in the journal from the first octet to the last", async () => {
    const { read, find, journal } = await setUp();
    const fhandle = await find("netbsd");
    for (let at = 0; at < 5_000; at += 1_024) await read(fhandle, at, 1_024);
    // The last answer was lost, or the client looks whether there is more.
    await read(fhandle, 4_096, 1_024);
    await read(fhandle, 5_000, 1_024);
    expect(journal.entries()).toMatchObject([
      { event: "read netbsd", outcome: "done", octets: 5_000, total: 5_000, file: "netbsd" },
    ]);
  });
});

describe("READDIR", () => {
  it.each([48, 64, 100, 512, 8_192])("lists all names once by counts of %d", async (count) => {
    const { ask, root } = await setUp();
    const names: string[] = [];
    let cookie = 0;
    for (let calls = 0; ; calls++) {
      expect(calls).toBeLessThan(20);
      const reply = await ask(NfsProc.Readdir, readdir(root("minipc"), cookie, count), MINIPC);
      const view = viewOf(new ReaddirResultView(), reply);
      expect(view.status).toBe(0);
      expect(reply.view.resultsLen).toBeLessThanOrEqual(count);
      while (view.next()) {
        const name = reply.octets.u8.subarray(view.nameAt, view.nameAt + view.nameLen);
        names.push(new TextDecoder().decode(name));
        cookie = view.cookie;
      }
      if (view.eof) break;
    }
    expect(names.slice(0, 2)).toEqual([".", ".."]);
    expect(names.slice(2).sort()).toEqual(["etc", "kernel", "link"]);
  });

  it("does not say 'go on' where nothing fits", async () => {
    const { ask, root } = await setUp();
    for (const count of [0, 12, 20, 31]) {
      const reply = await ask(NfsProc.Readdir, readdir(root(), 0, count));
      expect(statusOf(reply), `count ${count}`).not.toBe(0);
      expect(reply.view.resultsLen).toBe(4);
    }
  });

  it("is at its end behind the last name", async () => {
    const { ask, root } = await setUp();
    for (const cookie of [0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const reply = await ask(NfsProc.Readdir, readdir(root(), cookie, 512));
      const view = viewOf(new ReaddirResultView(), reply);
      expect([view.count, view.eof]).toEqual([0, true]);
    }
  });

  it("says NOTDIR of a file", async () => {
    const { ask, find } = await setUp();
    expect(statusOf(await ask(NfsProc.Readdir, readdir(await find("netbsd"), 0, 512)))).toBe(
      NfsStat.NotDir,
    );
  });
});

describe("the other procedures", () => {
  it("READLINK gives the text of a link, and INVAL of what is none", async () => {
    const { ask, find, root } = await setUp();
    const reply = await ask(
      NfsProc.Readlink,
      withHandle(await find("link", "minipc", MINIPC)),
      MINIPC,
    );
    const view = viewOf(new ReadlinkResultView(), reply);
    const target = reply.octets.u8.subarray(view.pathAt, view.pathAt + view.pathLen);
    expect(new TextDecoder().decode(target)).toBe("/etc/passwd");
    expect(statusOf(await ask(NfsProc.Readlink, withHandle(root())))).toBe(NfsStat.Inval);
  });

  it("STATFS is a full disk", async () => {
    const { ask, root } = await setUp();
    const view = viewOf(new StatfsResultView(), await ask(NfsProc.Statfs, withHandle(root())));
    expect([view.status, view.tsize, view.bsize, view.bfree, view.bavail]).toEqual([
      0, 8_192, 4_096, 0, 0,
    ]);
    // The kernel's 5000 octets and rc's 3000, and two directories.
    expect(view.blocks).toBe(3);
    const args = withHandle(root("minipc"));
    const disk = viewOf(new StatfsResultView(), await ask(NfsProc.Statfs, args, MINIPC));
    expect([disk.status, disk.bfree]).toEqual([0, 0]);
    expect(disk.blocks).toBeGreaterThan(100);
  });

  it.each([2, 8, 9, 10, 11, 12, 13, 14, 15])("procedure %d is refused: ROFS", async (proc) => {
    const { ask, root } = await setUp();
    expect(statusOf(await ask(proc, withHandle(root())))).toBe(NfsStat.Rofs);
    expect(statusOf(await ask(proc, withHandle(root("minipc"))))).toBe(NfsStat.Stale);
  });

  it.each([NfsProc.Root, NfsProc.Writecache])("obsolete procedure %d is void", async (proc) => {
    const { ask } = await setUp();
    const { view } = await ask(proc);
    expect([view.isSuccess, view.resultsLen]).toEqual([true, 0]);
  });

  it("procedures of nobody are PROC_UNAVAIL, other versions PROG_MISMATCH", async () => {
    const { ask, context } = await setUp();
    expect((await ask(18)).view.acceptStat).toBe(AcceptStat.ProcUnavail);
    const rpc = new RpcDispatcher(context, [new NfsProgram(context)]);
    const { view } = await answered(rpc, callOctets(100_003, 3, 1), V100);
    expect([view.acceptStat, view.mismatchLow, view.mismatchHigh]).toEqual([2, 2, 2]);
  });

  it.each([1, 2, 4, 5, 6, 8, 9, 16, 17])(
    "procedure %d with arguments cut off is GARBAGE_ARGS",
    async (proc) => {
      const { ask, root, context } = await setUp();
      const args: EmitArgs = (o, at) => withHandle(root())(o, at) - 4;
      expect((await ask(proc, args)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
      expect(context.counters.get("nfs", "truncated")).toBe(1);
    },
  );
});

import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { rpcPrograms } from "../../../../../agent/services/rpc/service.ts";
import {
  emitGetfileArgs,
  emitWhoamiArgs,
  GetfileResultView,
  WhoamiResultView,
} from "../../../../../protocols/bootparams/messages.ts";
import { MountDumpView, MountExportView } from "../../../../../protocols/mount/lists.ts";
import { emitMountPath, MountResultView } from "../../../../../protocols/mount/messages.ts";
import { emitCallitArgs, PmapCallitResultView } from "../../../../../protocols/sunrpc/callit.ts";
import {
  emitPmapMapping,
  PmapDumpView,
  PmapPortView,
} from "../../../../../protocols/sunrpc/portmap.ts";
import { AcceptStat } from "../../../../../protocols/sunrpc/reply.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import {
  answered,
  type CallOptions,
  callOctets,
  dispatch,
  type EmitArgs,
  type Reply,
} from "../../../../support/rpc-client.ts";
import { ip, testRack } from "../../../../support/test-site.ts";

const V100: CallOptions = { src: ip("172.24.42.51") };
const MINIPC: CallOptions = { src: ip("172.24.42.60") };
const BARE: CallOptions = { src: ip("172.24.42.62") };
const ALL: CallOptions = { ...V100, broadcast: true };
const [PMAP, BOOTPARAMS, MOUNT, NFS] = [100_000, 100_026, 100_005, 100_003];

async function setUp() {
  const rack = await testRack();
  const programs = rpcPrograms(rack.context);
  const rpc = new RpcDispatcher(rack.context, programs);
  const call = (prog: number, vers: number, proc: number, args?: EmitArgs, from = V100) =>
    dispatch(rpc, callOctets(prog, vers, proc, args), from);
  const ask = (prog: number, vers: number, proc: number, args?: EmitArgs, from = V100) =>
    answered(rpc, callOctets(prog, vers, proc, args), from);
  return { ...rack, rpc, call, ask, programs };
}

function text({ octets }: Reply, at: number, len: number): string {
  return new TextDecoder().decode(octets.u8.subarray(at, at + len));
}

function viewOf<V extends { reset(o: Reply["octets"], at: number, len: number): number }>(
  view: V,
  { octets, view: reply }: Reply,
): V {
  expect(reply.isSuccess).toBe(true);
  expect(view.reset(octets, reply.resultsAt, reply.resultsLen)).toBe(0);
  return view;
}

const mapping =
  (prog: number, vers: number, prot = 17): EmitArgs =>
  (o, at) =>
    emitPmapMapping({ prog, vers, prot, port: 0 }, o, at);
const whoami =
  (address: string): EmitArgs =>
  (o, at) =>
    emitWhoamiArgs(ip(address), o, at);
const getfile =
  (client: string, key: string): EmitArgs =>
  (o, at) =>
    emitGetfileArgs(client, key, o, at);
const callit =
  (prog: number, vers: number, proc: number, args: EmitArgs = () => 0): EmitArgs =>
  (o, at) =>
    emitCallitArgs({ prog, vers, proc }, args(o, at + 16), o, at);
const mountPath =
  (path: string): EmitArgs =>
  (o, at) =>
    emitMountPath(path, o, at);

describe("portmap", () => {
  it.each([
    [NFS, 2, 17, 2049],
    [NFS, 2, 6, 2049],
    [MOUNT, 1, 17, 635],
    [MOUNT, 2, 6, 635],
    [BOOTPARAMS, 1, 17, 636],
    [PMAP, 2, 17, 111],
    // A version of nobody: the program itself says PROG_MISMATCH, which is what makes U-Boot fall back.
    [NFS, 3, 17, 2049],
    [12, 1, 17, 0],
    [NFS, 2, 1, 0],
  ])("GETPORT of program %d version %d over %d is %d", async (prog, vers, prot, port) => {
    const { ask } = await setUp();
    const reply = await ask(PMAP, 2, 3, mapping(prog, vers, prot));
    expect(viewOf(new PmapPortView(), reply).port).toBe(port);
  });

  it("lists all programs", async () => {
    const { ask, programs } = await setUp();
    const dump = viewOf(new PmapDumpView(), await ask(PMAP, 2, 4));
    const versions = programs.reduce((sum, p) => sum + p.versions.length, 0);
    expect(dump.count).toBe(2 * versions);
  });

  it("registers nobody else", async () => {
    const { ask } = await setUp();
    for (const proc of [1, 2]) {
      const { octets, view } = await ask(PMAP, 2, proc, mapping(NFS, 2));
      expect([view.resultsLen, octets.dv.getUint32(view.resultsAt)]).toEqual([4, 0]);
    }
  });

  it("refuses what is not right", async () => {
    const { ask } = await setUp();
    expect((await ask(PMAP, 2, 3)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
    expect((await ask(PMAP, 2, 6)).view.acceptStat).toBe(AcceptStat.ProcUnavail);
    const { view } = await ask(PMAP, 3, 3);
    expect([view.mismatchLow, view.mismatchHigh]).toEqual([2, 2]);
  });

  it("calls WHOAMI for a broadcast, and tells the program's port", async () => {
    const { ask } = await setUp();
    const reply = await ask(PMAP, 2, 5, callit(BOOTPARAMS, 1, 1, whoami("172.24.42.51")), ALL);
    const result = viewOf(new PmapCallitResultView(), reply);
    expect(result.port).toBe(636);
    const who = new WhoamiResultView();
    expect(who.reset(reply.octets, result.resultsAt, result.resultsLen)).toBe(0);
    expect(text(reply, who.clientNameAt, who.clientNameLen)).toBe("v100");
  });

  it("says by CALLIT of NULL that a program is here", async () => {
    const { ask } = await setUp();
    const result = viewOf(
      new PmapCallitResultView(),
      await ask(PMAP, 2, 5, callit(NFS, 2, 0), ALL),
    );
    expect([result.port, result.resultsLen]).toEqual([2049, 0]);
  });

  it.each([
    ["a client of nobody", callit(BOOTPARAMS, 1, 1, whoami("172.24.42.99"))],
    ["arguments cut off", callit(BOOTPARAMS, 1, 1)],
    ["another version", callit(BOOTPARAMS, 2, 1, whoami("172.24.42.51"))],
    ["a procedure of nobody", callit(BOOTPARAMS, 1, 9)],
    ["a program of nobody", callit(12, 1, 0)],
    ["a program that is not for that", callit(MOUNT, 1, 1, mountPath("/sun"))],
    ["itself", callit(PMAP, 2, 4)],
    ["an unknown key", callit(BOOTPARAMS, 1, 2, getfile("v100", "install"))],
    ["nothing at all", () => 0],
  ] as [string, EmitArgs][])("is silent when CALLIT fails: %s", async (_, args) => {
    const { call } = await setUp();
    expect(await call(PMAP, 2, 5, args, ALL)).toBeUndefined();
    expect(await call(PMAP, 2, 5, args)).toBeUndefined();
  });
});

describe("bootparams", () => {
  it("answers WHOAMI with name, domain and router", async () => {
    const { ask, last } = await setUp();
    const reply = await ask(BOOTPARAMS, 1, 1, whoami("172.24.42.51"));
    const who = viewOf(new WhoamiResultView(), reply);
    expect(text(reply, who.clientNameAt, who.clientNameLen)).toBe("v100");
    expect(text(reply, who.domainAt, who.domainLen)).toBe("rack7.example");
    expect(formatIpv4(who.router)).toBe("172.24.42.1");
    expect(last()).toMatchObject({ protocol: "bootparams", outcome: "answered", machine: "v100" });
  });

  it.each([
    ["root", "rack7", "172.24.42.150", "/sun"],
    ["swap", "", "0.0.0.0", "none"],
    ["dump", "", "0.0.0.0", ""],
  ])("answers GETFILE %s", async (key, server, address, path) => {
    const { ask } = await setUp();
    const reply = await ask(BOOTPARAMS, 1, 2, getfile("v100", key));
    const file = viewOf(new GetfileResultView(), reply);
    expect(text(reply, file.serverNameAt, file.serverNameLen)).toBe(server);
    expect(formatIpv4(file.serverAddress)).toBe(address);
    expect(text(reply, file.pathAt, file.pathLen)).toBe(path);
  });

  it("is silent about hosts of nobody, and refuses what is not right", async () => {
    const { call, ask, last } = await setUp();
    expect(await call(BOOTPARAMS, 1, 2, getfile("nobody", "root"))).toBeUndefined();
    expect(last()).toMatchObject({ outcome: "silent" });
    expect((await ask(BOOTPARAMS, 1, 1)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
    expect((await ask(BOOTPARAMS, 1, 2)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
    expect((await ask(BOOTPARAMS, 1, 3)).view.acceptStat).toBe(AcceptStat.ProcUnavail);
  });
});

describe("mount", () => {
  const status = async (path: string, from: CallOptions, vers = 1): Promise<number> => {
    const { ask } = await setUp();
    return viewOf(new MountResultView(), await ask(MOUNT, vers, 1, mountPath(path), from)).status;
  };

  it.each([
    ["/sun", V100, 0],
    ["/sun/", V100, 0],
    ["//sun/.", V100, 0],
    ["/sun/etc", V100, 0],
    ["/debian/etc", MINIPC, 0],
    ["/sun/none", V100, 2],
    ["/sun/netbsd", V100, 20],
    ["/debian/kernel", MINIPC, 20],
    ["/debian", V100, 13],
    ["/sun/../debian", V100, 13],
    ["/sun/..", V100, 13],
    ["/sun/etc/..", V100, 0], // U-Boot, of a symbolic link to ../vmunix
    ["/debian/../sun/etc", V100, 0],
    ["/sun/etc/../../debian/etc", V100, 13],
    ["/../../sun", V100, 0],
    ["/sunny", V100, 13],
    ["/", V100, 13],
    ["", V100, 13],
    ["/sun", BARE, 13],
  ])("of %s is as it should be", async (path, from, expected) => {
    expect(await status(path, from)).toBe(expected);
    expect(await status(path, from, 2)).toBe(expected);
  });

  it("gives the same handle again, of 32 octets without a length", async () => {
    const { ask } = await setUp();
    const first = await ask(MOUNT, 1, 1, mountPath("/sun"));
    const again = await ask(MOUNT, 1, 1, mountPath("/sun"));
    expect(first.view.resultsLen).toBe(36);
    expect(again.octets.u8).toEqual(first.octets.u8);
  });

  it("lists who has mounted what, until it is unmounted", async () => {
    const { ask } = await setUp();
    const dump = async (): Promise<string[]> => {
      const reply = await ask(MOUNT, 1, 2);
      const view = viewOf(new MountDumpView(), reply);
      const list: string[] = [];
      while (view.next()) {
        list.push(
          `${text(reply, view.hostAt, view.hostLen)} ${text(reply, view.directoryAt, view.directoryLen)}`,
        );
      }
      return list;
    };
    expect(await dump()).toEqual([]);
    await ask(MOUNT, 1, 1, mountPath("/debian"));
    expect(await dump()).toEqual([]);
    await ask(MOUNT, 1, 1, mountPath("/sun"));
    await ask(MOUNT, 1, 1, mountPath("/sun/etc"));
    await ask(MOUNT, 1, 1, mountPath("/debian"), MINIPC);
    expect(await dump()).toEqual(["v100 /sun", "v100 /sun/etc", "minipc /debian"]);
    const { view } = await ask(MOUNT, 1, 3, mountPath("//sun/./etc/"));
    expect([view.isSuccess, view.resultsLen]).toEqual([true, 0]);
    expect(await dump()).toEqual(["v100 /sun", "minipc /debian"]);
    await ask(MOUNT, 1, 3, mountPath("/debian"));
    expect(await dump()).toEqual(["v100 /sun", "minipc /debian"]);
    await ask(MOUNT, 1, 1, mountPath("/sun/etc"));
    expect((await ask(MOUNT, 1, 4)).view.isSuccess).toBe(true);
    expect(await dump()).toEqual(["minipc /debian"]);
    expect((await ask(MOUNT, 1, 3)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
  });

  it("shows each machine its own export and no other", async () => {
    const { ask } = await setUp();
    const names = async (from: CallOptions): Promise<string[]> => {
      const reply = await ask(MOUNT, 1, 5, undefined, from);
      const view = viewOf(new MountExportView(), reply);
      const list: string[] = [];
      while (view.next()) list.push(text(reply, view.directoryAt, view.directoryLen));
      return list;
    };
    expect(await names(V100)).toEqual(["/sun"]);
    expect(await names(MINIPC)).toEqual(["/debian"]);
    expect(await names(BARE)).toEqual([]);
  });

  it("has PATHCONF in version 2 only, and refuses what is not right", async () => {
    const { ask } = await setUp();
    expect((await ask(MOUNT, 2, 7, mountPath("/sun"))).view.isSuccess).toBe(true);
    expect((await ask(MOUNT, 1, 7, mountPath("/sun"))).view.acceptStat).toBe(
      AcceptStat.ProcUnavail,
    );
    expect((await ask(MOUNT, 1, 1)).view.acceptStat).toBe(AcceptStat.GarbageArgs);
    expect((await ask(MOUNT, 1, 8)).view.acceptStat).toBe(AcceptStat.ProcUnavail);
    const { view } = await ask(MOUNT, 3, 1, mountPath("/sun"));
    expect([view.mismatchLow, view.mismatchHigh]).toEqual([1, 2]);
  });
});

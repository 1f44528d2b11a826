import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AuthFlavor } from "../../../../protocols/sunrpc/auth.ts";
import { emitRpcCall, RPC_CALL_LEN, RpcCallView } from "../../../../protocols/sunrpc/call.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

// The Linux 6.1 kernel's MOUNT v1 MNT call, up to its arguments; the machine name is its address.
const LINUX = hex(`
  a91cb542 00000000 00000002 000186a5 00000001 00000001
  00000001 00000024 00000000 0000000d 3139322e 3136382e 37372e32 31000000
  00000000 00000000 00000000
  00000000 00000000`);
// U-Boot 2023.01's NFS READ call, up to its arguments: a credential of 20 zero octets, as libsa sends it.
const UBOOT = hex(`
  00000005 00000000 00000002 000186a3 00000002 00000006
  00000001 00000014 00000000 00000000 00000000 00000000 00000000
  00000000 00000000`);
// libtirpc's CALLIT broadcast for WHOAMI, up to its arguments: machine name "vm".
const TIRPC = hex(`
  6b025723 00000000 00000002 000186a0 00000002 00000005
  00000001 00000018 6b00224b 00000002 766d0000 00000000 00000000 00000000
  00000000 00000000`);
// The Linux kernel's MOUNT NULL ping: AUTH_NONE.
const PING = hex(`
  a81cb542 00000000 00000002 000186a5 00000001 00000000 00000000 00000000 00000000 00000000`);
const ALL = [LINUX, UBOOT, TIRPC, PING];

describe("RpcCallView", () => {
  it.each([
    ["Linux", LINUX, [0xa91cb542, 100_005, 1, 1], [1, 0x24, 0, 0, 0], "192.168.77.21"],
    ["U-Boot", UBOOT, [5, 100_003, 2, 6], [1, 0x14, 0, 0, 0], ""],
    ["libtirpc", TIRPC, [0x6b025723, 100_000, 2, 5], [1, 0x18, 0, 0, 0], "vm"],
    ["a ping", PING, [0xa81cb542, 100_005, 1, 0], [0, 0, -1, -1, 0], ""],
  ])("reads the call of %s", (_, call, head, cred, name) => {
    const { o, at, len } = inSlab(call);
    const v = new RpcCallView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect([v.xid, v.prog, v.vers, v.proc]).toEqual(head);
    expect([v.credFlavor, v.credLen, v.uid(), v.gid(), v.groupCount]).toEqual(cred);
    expect(readText(o, v.machineNameAt, v.machineNameLen)).toBe(name);
    expect([v.rpcVersion, v.credOk, v.verfFlavor, v.verfLen]).toEqual([2, true, 0, 0]);
    expect([v.argsAt, v.argsLen]).toEqual([at + len, 0]);
  });

  it.each(ALL.map((o) => [o]))("refuses every truncation", (o) => {
    expectEveryTruncationRefused(new RpcCallView(), o);
  });

  it("never throws", () => {
    const v = new RpcCallView();
    expectNeverThrows(v, ALL, () => {
      for (let i = -1; i <= 16; i++) v.group(i);
      v.uid();
      v.gid();
    });
  });

  it("lets the xid of another RPC version be read", () => {
    const v = new RpcCallView();
    const o = hex("a81cb542 00000000 00000003");
    expect(v.reset(o, 0, 12)).toBe(Status.BadVersion);
    expect([v.xid, v.rpcVersion]).toEqual([0xa81cb542, 3]);
  });

  it("is not a reply", () => {
    expect(new RpcCallView().reset(hex("00000001 00000001 00000002"), 0, 12)).toBe(Status.BadMagic);
  });

  it.each([
    ["credential", 28],
    ["verifier", 36],
  ])("takes a %s of 400 octets and refuses 401", (_, lenAt) => {
    const o = dirty(800);
    o.u8.fill(0).set(PING.u8);
    const v = new RpcCallView();
    o.dv.setUint32(lenAt, 400);
    expect(v.reset(o, 0, 800)).toBe(Status.Ok);
    o.dv.setUint32(lenAt, 401);
    expect(v.reset(o, 0, 800)).toBe(Status.BadLength);
  });

  it.each([
    ["a machine name of 256 octets", "00000000 00000100 00000000 00000000 00000000"],
    ["a machine name beyond the body", "00000000 00000010 00000000 00000000 00000000"],
    ["17 groups", "00000000 00000000 00000000 00000000 00000011"],
    ["a group beyond the body", "00000000 00000000 00000000 00000000 00000001"],
    ["only a stamp", "00000000"],
    ["nothing", ""],
  ])("marks an AUTH_UNIX credential with %s as bad", (_, text) => {
    const body = hex(text).u8;
    const o = dirty(200);
    o.u8.fill(0).set(PING.u8.subarray(0, 24));
    o.dv.setUint32(24, AuthFlavor.Unix);
    o.dv.setUint32(28, body.length);
    o.u8.set(body, 32);
    const v = new RpcCallView();
    expect(v.reset(o, 0, 200)).toBe(Status.Ok);
    expect([v.credOk, v.uid(), v.groupCount, v.machineNameLen]).toEqual([false, -1, 0, 0]);
  });

  it("keeps an unknown flavor as a number", () => {
    const o = hex(toHex(UBOOT));
    o.dv.setUint32(24, 390_003);
    const v = new RpcCallView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.credFlavor, v.credOk, v.uid()]).toEqual([390_003, true, -1]);
  });
});

describe("emitRpcCall", () => {
  it.each([
    ["Linux", LINUX, { xid: 0xa91cb542, prog: 100_005, vers: 1, proc: 1 }, "192.168.77.21", 0],
    ["U-Boot", UBOOT, { xid: 5, prog: 100_003, vers: 2, proc: 6 }, "", 0],
    ["libtirpc", TIRPC, { xid: 0x6b025723, prog: 100_000, vers: 2, proc: 5 }, "vm", 0x6b00224b],
  ])("writes the call of %s", (_, call, head, machineName, stamp) => {
    const o = dirty(200);
    const n = emitRpcCall({ ...head, unix: { stamp, machineName, uid: 0, gid: 0 } }, o, 7);
    expect(toHex(o, 7, n)).toBe(toHex(call));
  });

  it("writes AUTH_NONE", () => {
    const o = dirty(64);
    const n = emitRpcCall({ xid: 0xa81cb542, prog: 100_005, vers: 1, proc: 0 }, o, 0);
    expect(n).toBe(RPC_CALL_LEN);
    expect(toHex(o, 0, n)).toBe(toHex(PING));
  });

  it("round-trips", () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const unix = fc.record({
      stamp: u32,
      machineName: fc.string({ maxLength: 60 }),
      uid: u32,
      gid: u32,
      groups: fc.array(u32, { maxLength: 16 }),
    });
    const repr = fc.record({ xid: u32, prog: u32, vers: u32, proc: u32, unix });
    const o = dirty(1_000);
    const v = new RpcCallView();
    fc.assert(
      fc.property(repr, fc.nat(9), (r, extra) => {
        const n = emitRpcCall(r, o, 8);
        expect(v.reset(o, 8, n + extra)).toBe(Status.Ok);
        const groups = Array.from({ length: v.groupCount }, (_, i) => v.group(i));
        const machineName = readText(o, v.machineNameAt, v.machineNameLen);
        const back = { stamp: v.stamp, machineName, uid: v.uid(), gid: v.gid(), groups };
        expect({ xid: v.xid, prog: v.prog, vers: v.vers, proc: v.proc, unix: back }).toEqual(r);
        expect([v.argsAt, v.argsLen]).toEqual([8 + n, extra]);
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DiropArgsView,
  emitDiropArgs,
  emitFhandleArgs,
  emitReadArgs,
  emitReaddirArgs,
  FhandleArgsView,
  ReadArgsView,
  ReaddirArgsView,
} from "../../../../protocols/nfs/args.ts";
import { NfsProc } from "../../../../protocols/nfs/constants.ts";
import { RpcCallView } from "../../../../protocols/sunrpc/call.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

const FH = "5245464e 46533031 00000000 0021e046 00000000 00000000 00000000 00000000";
const HANDLE = hex(FH).u8;
const FHANDLE = hex(FH);
const LINUX_LOOKUP = hex(`${FH} 00000003 64657600`);
const UBOOT_LOOKUP = hex(`${FH} 00000008 626c6f62 2e62696e`);
const LINUX_READ = hex(`${FH} 00000000 00001000 00001000`);
const UBOOT_READ = hex(`${FH} 00000400 00000400 00000000`);
const NMAP_READDIR = hex(`${FH} 00000000 00002000`);

// The READ call of a Linux 6.1 kernel in one piece, with its AUTH_UNIX credential.
const LINUX_READ_CALL = hex(`
  baf49ea8 00000000 00000002 000186a3 00000002 00000006
  00000001 00000024 00000000 0000000d 3139322e 3136382e 37372e32 31000000
  00000000 00000000 00000000 00000000 00000000
  5245464e 46533031 00000000 0027861d 00000000 00000000 00000000 00000000
  00001000 00001000 00001000`);

function handleAt(o: { u8: Uint8Array }, at: number): Uint8Array {
  return o.u8.slice(at, at + 32);
}

describe("GETATTR, READLINK, STATFS", () => {
  it("carry a handle", () => {
    const { o, at, len } = inSlab(FHANDLE);
    const v = new FhandleArgsView();
    expect([v.reset(o, at, len), v.fhandleAt]).toEqual([Status.Ok, at]);
    const out = dirty(40);
    expect(toHex(out, 3, emitFhandleArgs(HANDLE, out, 3))).toBe(toHex(FHANDLE));
  });
});

describe("LOOKUP", () => {
  it.each([
    ["Linux", LINUX_LOOKUP, "dev"],
    ["U-Boot", UBOOT_LOOKUP, "blob.bin"],
  ])("of %s, both ways", (_, sample, name) => {
    const { o, at, len } = inSlab(sample);
    const v = new DiropArgsView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(handleAt(o, v.dirAt)).toEqual(HANDLE);
    expect(readText(o, v.nameAt, v.nameLen)).toBe(name);
    const out = dirty(80);
    expect(toHex(out, 3, emitDiropArgs(HANDLE, name, out, 3))).toBe(toHex(sample));
  });

  it("has names of 255 octets at most", () => {
    const o = dirty(400);
    const v = new DiropArgsView();
    expect(v.reset(o, 0, emitDiropArgs(HANDLE, "n".repeat(255), o, 0))).toBe(Status.Ok);
    expect(v.reset(o, 0, emitDiropArgs(HANDLE, "n".repeat(256), o, 0))).toBe(Status.BadLength);
    o.dv.setUint32(32, 0xffffffff);
    expect(v.reset(o, 0, 400)).toBe(Status.BadLength);
  });
});

describe("READ", () => {
  it.each([
    ["Linux", LINUX_READ, 0, 4_096, 4_096],
    ["U-Boot", UBOOT_READ, 1_024, 1_024, 0],
  ])("of %s, both ways", (_, sample, offset, count, totalcount) => {
    const { o, at, len } = inSlab(sample);
    const v = new ReadArgsView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(handleAt(o, v.fhandleAt)).toEqual(HANDLE);
    expect([v.offset, v.count, v.totalcount]).toEqual([offset, count, totalcount]);
    const out = dirty(80);
    const n = emitReadArgs({ fhandle: HANDLE, offset, count, totalcount }, out, 3);
    expect(toHex(out, 3, n)).toBe(toHex(sample));
  });

  it("is read through the call that carries it", () => {
    const { o, at, len } = inSlab(LINUX_READ_CALL);
    const call = new RpcCallView();
    expect([call.reset(o, at, len), call.proc]).toEqual([Status.Ok, NfsProc.Read]);
    const v = new ReadArgsView();
    expect(v.reset(o, call.argsAt, call.argsLen)).toBe(Status.Ok);
    expect([v.offset, v.count, v.fhandleAt]).toEqual([4_096, 4_096, at + len - 44]);
  });

  it("sends count as totalcount when nothing else is said", () => {
    const o = dirty(80);
    const n = emitReadArgs({ fhandle: HANDLE, offset: 0, count: 4_096 }, o, 0);
    expect(toHex(o, 0, n)).toBe(toHex(LINUX_READ));
  });
});

describe("READDIR", () => {
  it("both ways", () => {
    const v = new ReaddirArgsView();
    expect(v.reset(NMAP_READDIR, 0, 40)).toBe(Status.Ok);
    expect([v.dirAt, v.cookie, v.count]).toEqual([0, 0, 8_192]);
    const o = dirty(80);
    expect(toHex(o, 3, emitReaddirArgs(HANDLE, 0, 8_192, o, 3))).toBe(toHex(NMAP_READDIR));
  });
});

it.each([
  ["handle", new FhandleArgsView(), [FHANDLE]],
  ["diropargs", new DiropArgsView(), [LINUX_LOOKUP, UBOOT_LOOKUP]],
  ["READ", new ReadArgsView(), [LINUX_READ, UBOOT_READ]],
  ["READDIR", new ReaddirArgsView(), [NMAP_READDIR]],
])("%s: every truncation is refused, nothing throws", (_, view, samples) => {
  for (const sample of samples) expectEveryTruncationRefused(view, sample);
  expectNeverThrows(view, samples);
});

it("round-trips", () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const handle = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const o = dirty(500);
  const read = new ReadArgsView();
  const dirop = new DiropArgsView();
  const readdir = new ReaddirArgsView();
  fc.assert(
    fc.property(handle, u32, u32, u32, fc.string({ maxLength: 60 }), (fh, a, b, c, name) => {
      const n = emitReadArgs({ fhandle: fh, offset: a, count: b, totalcount: c }, o, 7);
      expect(read.reset(o, 7, n)).toBe(Status.Ok);
      expect([read.offset, read.count, read.totalcount]).toEqual([a, b, c]);
      expect(handleAt(o, read.fhandleAt)).toEqual(fh);
      expect(dirop.reset(o, 7, emitDiropArgs(fh, name, o, 7))).toBe(Status.Ok);
      expect(readText(o, dirop.nameAt, dirop.nameLen)).toBe(name);
      expect(handleAt(o, dirop.dirAt)).toEqual(fh);
      expect(readdir.reset(o, 7, emitReaddirArgs(fh, a, b, o, 7))).toBe(Status.Ok);
      expect([readdir.cookie, readdir.count]).toEqual([a, b]);
    }),
  );
});

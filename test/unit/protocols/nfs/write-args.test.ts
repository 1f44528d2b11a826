import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SattrRepr, SattrView } from "../../../../protocols/nfs/attributes.ts";
import {
  CreateArgsView,
  emitCreateArgs,
  emitLinkArgs,
  emitRenameArgs,
  emitSetattrArgs,
  emitSymlinkArgs,
  emitWriteArgsHeader,
  LinkArgsView,
  RenameArgsView,
  SetattrArgsView,
  SymlinkArgsView,
  WriteArgsView,
} from "../../../../protocols/nfs/write-args.ts";
import { xdrPad } from "../../../../protocols/sunrpc/xdr.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

const A = "5245464e 46533031 00000000 0021e046 00000000 00000000 00000000 00000000";
const B = "5245464e 46533031 00000000 002785e9 00000000 00000000 00000000 00000000";
const FROM = hex(A).u8;
const TO = hex(B).u8;
// mode 0644, uid 0, gid 1, size 0, no times: what open(O_CREAT | O_TRUNC) sends.
const SATTR = "000081a4 00000000 00000001 00000000 ffffffff ffffffff ffffffff ffffffff";
const SATTR_REPR: SattrRepr = { mode: 0o100644, uid: 0, gid: 1, size: 0 };

const SETATTR = hex(`${A} ${SATTR}`);
const WRITE = hex(`${A} 00000400 00000400 00000005 00000005 68656c6c 6f000000`);
const CREATE = hex(`${A} 00000004 73776170 ${SATTR}`);
const RENAME = hex(`${A} 00000001 61000000 ${B} 00000002 62620000`);
const LINK = hex(`${A} ${B} 00000002 62620000`);
const SYMLINK = hex(`${A} 00000002 73680000 00000007 62757379 626f7800 ${SATTR}`);

function expectSattr(v: SattrView): void {
  expect([v.setsMode, v.setsUid, v.setsGid, v.setsSize]).toEqual([true, true, true, true]);
  expect([v.mode, v.uid, v.gid, v.size]).toEqual([0o100644, 0, 1, 0]);
  expect([v.setsAtime, v.setsMtime]).toEqual([false, false]);
}

describe("sattr", () => {
  it("sets times", () => {
    const o = dirty(80);
    const atime = { seconds: 1, useconds: 2 };
    const mtime = { seconds: 3, useconds: 1_000_000 };
    const n = emitSetattrArgs(FROM, { atime, mtime }, o, 0);
    const v = new SetattrArgsView();
    expect([n, v.reset(o, 0, n)]).toEqual([64, Status.Ok]);
    const { attributes: s } = v;
    expect([s.setsMode, s.setsUid, s.setsGid, s.setsSize]).toEqual([false, false, false, false]);
    expect([s.setsAtime, s.atimeSeconds, s.atimeUseconds]).toEqual([true, 1, 2]);
    expect([s.setsMtime, s.mtimeSeconds, s.mtimeUseconds]).toEqual([true, 3, 1_000_000]);
  });

  it("takes a mode of ffff as unset", () => {
    const o = hex(toHex(SETATTR));
    o.dv.setUint32(32, 0xffff);
    const v = new SetattrArgsView();
    expect([v.reset(o, 0, 64), v.attributes.setsMode]).toEqual([Status.Ok, false]);
  });
});

describe("both ways", () => {
  const o = dirty(400);

  it("SETATTR", () => {
    const v = new SetattrArgsView();
    expect([v.reset(SETATTR, 0, 64), v.fhandleAt]).toEqual([Status.Ok, 0]);
    expectSattr(v.attributes);
    expect(toHex(o, 3, emitSetattrArgs(FROM, SATTR_REPR, o, 3))).toBe(toHex(SETATTR));
  });

  it("WRITE", () => {
    const { o: slab, at, len } = inSlab(WRITE);
    const v = new WriteArgsView();
    expect(v.reset(slab, at, len)).toBe(Status.Ok);
    expect([v.fhandleAt, v.beginoffset, v.offset, v.totalcount]).toEqual([at, 1_024, 1_024, 5]);
    expect([readText(slab, v.dataAt, v.dataLen), v.dataAt]).toEqual(["hello", at + 48]);
    const n = emitWriteArgsHeader(FROM, 1_024, 5, o, 3);
    expect([n + 5 + xdrPad(5), toHex(o, 3, n)]).toEqual([len, toHex(WRITE, 0, 48)]);
  });

  it("WRITE bounds its data", () => {
    const big = dirty(9_000);
    const v = new WriteArgsView();
    emitWriteArgsHeader(FROM, 0, 8_192, big, 0);
    expect([v.reset(big, 0, 48 + 8_192), v.dataLen]).toEqual([Status.Ok, 8_192]);
    emitWriteArgsHeader(FROM, 0, 8_193, big, 0);
    expect(v.reset(big, 0, 9_000)).toBe(Status.BadLength);
  });

  it("CREATE and MKDIR", () => {
    const v = new CreateArgsView();
    expect([v.reset(CREATE, 0, CREATE.u8.length), v.dirAt]).toEqual([Status.Ok, 0]);
    expect(readText(CREATE, v.nameAt, v.nameLen)).toBe("swap");
    expectSattr(v.attributes);
    expect(toHex(o, 3, emitCreateArgs(FROM, "swap", SATTR_REPR, o, 3))).toBe(toHex(CREATE));
  });

  it("RENAME", () => {
    const v = new RenameArgsView();
    expect(v.reset(RENAME, 0, RENAME.u8.length)).toBe(Status.Ok);
    expect([v.fromDirAt, v.toDirAt]).toEqual([0, 40]);
    expect(readText(RENAME, v.fromNameAt, v.fromNameLen)).toBe("a");
    expect(readText(RENAME, v.toNameAt, v.toNameLen)).toBe("bb");
    const r = { fromDir: FROM, fromName: "a", toDir: TO, toName: "bb" };
    expect(toHex(o, 3, emitRenameArgs(r, o, 3))).toBe(toHex(RENAME));
  });

  it("LINK", () => {
    const v = new LinkArgsView();
    expect(v.reset(LINK, 0, LINK.u8.length)).toBe(Status.Ok);
    expect([v.fhandleAt, v.dirAt]).toEqual([0, 32]);
    expect(readText(LINK, v.nameAt, v.nameLen)).toBe("bb");
    expect(toHex(o, 3, emitLinkArgs(FROM, TO, "bb", o, 3))).toBe(toHex(LINK));
  });

  it("SYMLINK", () => {
    const v = new SymlinkArgsView();
    expect([v.reset(SYMLINK, 0, SYMLINK.u8.length), v.dirAt]).toEqual([Status.Ok, 0]);
    expect(readText(SYMLINK, v.nameAt, v.nameLen)).toBe("sh");
    expect(readText(SYMLINK, v.pathAt, v.pathLen)).toBe("busybox");
    expectSattr(v.attributes);
    const r = { dir: FROM, name: "sh", path: "busybox", attributes: SATTR_REPR };
    expect(toHex(o, 3, emitSymlinkArgs(r, o, 3))).toBe(toHex(SYMLINK));
  });
});

it.each([
  ["SETATTR", new SetattrArgsView(), SETATTR],
  ["WRITE", new WriteArgsView(), WRITE],
  ["CREATE", new CreateArgsView(), CREATE],
  ["RENAME", new RenameArgsView(), RENAME],
  ["LINK", new LinkArgsView(), LINK],
  ["SYMLINK", new SymlinkArgsView(), SYMLINK],
])("%s: every truncation is refused, nothing throws", (_, view, sample) => {
  expectEveryTruncationRefused(view, sample);
  expectNeverThrows(view, [sample]);
});

it("round-trips", () => {
  const word = fc.integer({ min: 0, max: 0xffff_fffe });
  const mode = fc.integer({ min: 0, max: 0o177777 - 1 });
  const time = fc.record({ seconds: word, useconds: word });
  const sattr = fc.record(
    { mode, uid: word, gid: word, size: word, atime: time, mtime: time },
    { requiredKeys: [] },
  );
  const text = fc.string({ maxLength: 60 });
  const o = dirty(800);
  const v = new SymlinkArgsView();
  fc.assert(
    fc.property(text, text, sattr, (name, path, attributes) => {
      const n = emitSymlinkArgs({ dir: FROM, name, path, attributes }, o, 5);
      expect(v.reset(o, 5, n)).toBe(Status.Ok);
      expect(readText(o, v.nameAt, v.nameLen)).toBe(name);
      expect(readText(o, v.pathAt, v.pathLen)).toBe(path);
      expect(sattrOf(v.attributes)).toEqual(attributes);
    }),
  );
});

function sattrOf(v: SattrView): SattrRepr {
  return {
    ...(v.setsMode && { mode: v.mode }),
    ...(v.setsUid && { uid: v.uid }),
    ...(v.setsGid && { gid: v.gid }),
    ...(v.setsSize && { size: v.size }),
    ...(v.setsAtime && { atime: { seconds: v.atimeSeconds, useconds: v.atimeUseconds } }),
    ...(v.setsMtime && { mtime: { seconds: v.mtimeSeconds, useconds: v.mtimeUseconds } }),
  };
}

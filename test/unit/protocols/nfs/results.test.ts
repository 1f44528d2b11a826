import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FattrRepr, FattrView } from "../../../../protocols/nfs/attributes.ts";
import { NfsFtype, NfsMode, NfsStat } from "../../../../protocols/nfs/constants.ts";
import {
  AttrResultView,
  DiropResultView,
  emitAttrResult,
  emitDiropResult,
  emitReadlinkResult,
  emitReadResultHeader,
  emitStatfsResult,
  emitStatResult,
  NFS_READ_RESULT_HEADER_LEN,
  ReadlinkResultView,
  ReadResultView,
  StatfsResultView,
  StatResultView,
} from "../../../../protocols/nfs/results.ts";
import { xdrPad } from "../../../../protocols/sunrpc/xdr.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

// What a Linux 6.1 kernel was answered while it mounted its root.
const FH = "5245464e 46533031 00000000 002785e9 00000000 00000000 00000000 00000000";
const FATTR = `
  00000002 000041ed 00000002 00000000 00000000 00001000 00001000 00000000 00000008 00000001
  002785e9 6b002f75 00000000 6b00227c 00000000 6b00227c 00000000`;
const GETATTR = hex(`00000000 ${FATTR}`);
const LOOKUP = hex(`00000000 ${FH} ${FATTR}`);
const READLINK = hex("00000000 00000007 62757379 626f7800");
const READ = hex(`00000000 ${FATTR} 00000005 68656c6c 6fffffff`);
const STATFS = hex("00000000 00002000 00001000 000f4240 0007a120 0007a120");
const NOENT = hex("00000002");

const ATTRIBUTES: FattrRepr = {
  type: NfsFtype.Dir,
  mode: NfsMode.Dir | 0o755,
  nlink: 2,
  uid: 0,
  gid: 0,
  size: 4_096,
  blocksize: 4_096,
  rdev: 0,
  blocks: 8,
  fsid: 1,
  fileid: 0x2785e9,
  atime: { seconds: 0x6b002f75, useconds: 0 },
  mtime: { seconds: 0x6b00227c, useconds: 0 },
  ctime: { seconds: 0x6b00227c, useconds: 0 },
};

function fattrOf(v: FattrView): FattrRepr {
  const { type, mode, nlink, uid, gid, size, blocksize, rdev, blocks, fsid, fileid } = v;
  return {
    ...{ type, mode, nlink, uid, gid, size, blocksize, rdev, blocks, fsid, fileid },
    atime: { seconds: v.atimeSeconds, useconds: v.atimeUseconds },
    mtime: { seconds: v.mtimeSeconds, useconds: v.mtimeUseconds },
    ctime: { seconds: v.ctimeSeconds, useconds: v.ctimeUseconds },
  };
}

describe("both ways", () => {
  const out = dirty(200);

  it("attrstat", () => {
    const { o, at, len } = inSlab(GETATTR);
    const v = new AttrResultView();
    expect([v.reset(o, at, len), v.status]).toEqual([Status.Ok, NfsStat.Ok]);
    expect(fattrOf(v.attributes)).toEqual(ATTRIBUTES);
    expect(toHex(out, 3, emitAttrResult(ATTRIBUTES, out, 3))).toBe(toHex(GETATTR));
  });

  it("diropres", () => {
    const { o, at, len } = inSlab(LOOKUP);
    const v = new DiropResultView();
    expect([v.reset(o, at, len), v.status, v.fhandleAt]).toEqual([Status.Ok, 0, at + 4]);
    expect(fattrOf(v.attributes)).toEqual(ATTRIBUTES);
    expect(toHex(out, 3, emitDiropResult(hex(FH).u8, ATTRIBUTES, out, 3))).toBe(toHex(LOOKUP));
  });

  it("READLINK", () => {
    const v = new ReadlinkResultView();
    expect([v.reset(READLINK, 0, 16), v.status]).toEqual([Status.Ok, NfsStat.Ok]);
    expect(readText(READLINK, v.pathAt, v.pathLen)).toBe("busybox");
    expect(toHex(out, 3, emitReadlinkResult("busybox", out, 3))).toBe(toHex(READLINK));
  });

  it("READ", () => {
    const { o, at, len } = inSlab(READ);
    const v = new ReadResultView();
    expect([v.reset(o, at, len), v.status]).toEqual([Status.Ok, NfsStat.Ok]);
    expect(fattrOf(v.attributes)).toEqual(ATTRIBUTES);
    expect([v.dataAt, readText(o, v.dataAt, v.dataLen)]).toEqual([at + 76, "hello"]);
    const n = emitReadResultHeader(ATTRIBUTES, 5, out, 3);
    expect([n, n + 5 + xdrPad(5)]).toEqual([NFS_READ_RESULT_HEADER_LEN, len]);
    expect(toHex(out, 3, n)).toBe(toHex(READ, 0, 76));
  });

  it("READ bounds its data", () => {
    const o = dirty(9_000);
    const v = new ReadResultView();
    emitReadResultHeader(ATTRIBUTES, 8_192, o, 0);
    expect([v.reset(o, 0, 76 + 8_192), v.dataLen]).toEqual([Status.Ok, 8_192]);
    emitReadResultHeader(ATTRIBUTES, 8_193, o, 0);
    expect(v.reset(o, 0, 9_000)).toBe(Status.BadLength);
  });

  it("STATFS", () => {
    const v = new StatfsResultView();
    expect([v.reset(STATFS, 0, 24), v.status]).toEqual([Status.Ok, NfsStat.Ok]);
    const r = { tsize: 8_192, bsize: 4_096, blocks: 1_000_000, bfree: 500_000, bavail: 500_000 };
    const { tsize, bsize, blocks, bfree, bavail } = v;
    expect({ tsize, bsize, blocks, bfree, bavail }).toEqual(r);
    expect(toHex(out, 3, emitStatfsResult(r, out, 3))).toBe(toHex(STATFS));
  });
});

describe("an error", () => {
  it.each([...Object.values(NfsStat).filter((s) => s !== NfsStat.Ok), 10_001])(
    "%i is a status and nothing else",
    (status) => {
      // The memory behind the status would be read as a handle and attributes if anyone looked.
      const o = dirty(16);
      expect(emitStatResult(status, o, 4)).toBe(4);
      const attr = new AttrResultView();
      const dirop = new DiropResultView();
      const readlink = new ReadlinkResultView();
      const read = new ReadResultView();
      const statfs = new StatfsResultView();
      for (const v of [new StatResultView(), attr, dirop, readlink, read, statfs]) {
        expect([v.reset(o, 4, 4), v.status]).toEqual([Status.Ok, status]);
      }
      expect([attr.attributes.size, dirop.attributes.ctimeUseconds]).toEqual([0, 0]);
      expect([dirop.fhandleAt, readlink.pathLen, read.dataLen]).toEqual([-1, 0, 0]);
      expect([statfs.tsize, statfs.bavail]).toEqual([0, 0]);
    },
  );

  it("does not keep what an earlier result carried", () => {
    const v = new ReadResultView();
    v.reset(READ, 0, READ.u8.length);
    expect(v.reset(NOENT, 0, 4)).toBe(Status.Ok);
    expect([v.dataLen, v.dataAt, v.attributes.fileid]).toEqual([0, -1, 0]);
  });
});

const SAMPLES: [string, { reset(o: Octets, at: number, len: number): Status }, Octets][] = [
  ["stat", new StatResultView(), NOENT],
  ["attrstat", new AttrResultView(), GETATTR],
  ["diropres", new DiropResultView(), LOOKUP],
  ["READLINK", new ReadlinkResultView(), READLINK],
  ["READ", new ReadResultView(), READ],
  ["STATFS", new StatfsResultView(), STATFS],
];

it.each(SAMPLES)("%s: every truncation is refused, nothing throws", (_, view, sample) => {
  expectEveryTruncationRefused(view, sample);
  expectNeverThrows(view, [sample, NOENT]);
});

it("round-trips", () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const time = fc.record({ seconds: u32, useconds: u32 });
  const attributes = fc.record({
    ...{ type: u32, mode: u32, nlink: u32, uid: u32, gid: u32, size: u32, blocksize: u32 },
    ...{ rdev: u32, blocks: u32, fsid: u32, fileid: u32, atime: time, mtime: time, ctime: time },
  });
  const o = dirty(300);
  const v = new ReadResultView();
  fc.assert(
    fc.property(attributes, fc.uint8Array({ maxLength: 100 }), (a, data) => {
      const n = emitReadResultHeader(a, data.length, o, 9);
      o.u8.set(data, 9 + n);
      expect(v.reset(o, 9, n + data.length + xdrPad(data.length))).toBe(Status.Ok);
      expect(fattrOf(v.attributes)).toEqual(a);
      expect(o.u8.slice(v.dataAt, v.dataAt + v.dataLen)).toEqual(data);
    }),
  );
});

import { describe, expect, it } from "vitest";
import {
  emitMountPath,
  emitMountRefusal,
  emitMountResult,
  emitPathconfResult,
  MountPathView,
  MountResultView,
  MountStat,
  PathconfResultView,
} from "../../../../protocols/mount/messages.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

const LINUX_PATH = hex("00000008 2f737276 2f6e6673");
const UBOOT_PATH = hex("0000000d 2f737276 2f6e6673 2f626f6f 74000000");
const HANDLE = "5245464e46533031000000000021e04600000000000000000000000000000000";
const RESULT = hex(`00000000 ${HANDLE}`);
const PATHCONF = hex(`
  00007fff 000000ff 000000ff 000000ff 00000400 00001000 000000ff 00000000 00000000 00000000`);

describe("dirpath", () => {
  it.each([
    ["Linux", LINUX_PATH, "/srv/nfs"],
    ["U-Boot", UBOOT_PATH, "/srv/nfs/boot"],
  ])("of %s, both ways", (_, sample, path) => {
    const { o, at, len } = inSlab(sample);
    const v = new MountPathView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(readText(o, v.pathAt, v.pathLen)).toBe(path);
    const out = dirty(40);
    expect(toHex(out, 3, emitMountPath(path, out, 3))).toBe(toHex(sample));
  });

  it("has 1024 octets at most", () => {
    const o = dirty(1_100);
    const v = new MountPathView();
    expect(v.reset(o, 0, emitMountPath("p".repeat(1_024), o, 0))).toBe(Status.Ok);
    expect(v.reset(o, 0, emitMountPath("p".repeat(1_025), o, 0))).toBe(Status.BadLength);
  });
});

describe("MNT", () => {
  it("has a handle without a length word", () => {
    const o = dirty(40);
    expect(toHex(o, 3, emitMountResult(hex(HANDLE).u8, o, 3))).toBe(toHex(RESULT));
    const v = new MountResultView();
    expect(v.reset(RESULT, 0, 36)).toBe(Status.Ok);
    expect([v.status, v.fhandleAt]).toEqual([MountStat.Ok, 4]);
  });

  it.each([MountStat.Acces, MountStat.NoEnt, 4711])("is refused with %i", (status) => {
    const o = dirty(8);
    expect(emitMountRefusal(status, o, 2)).toBe(4);
    const v = new MountResultView();
    expect(v.reset(o, 2, 4)).toBe(Status.Ok);
    expect([v.status, v.fhandleAt]).toEqual([status, -1]);
  });
});

describe("PATHCONF", () => {
  it("both ways", () => {
    const r = {
      linkMax: 32_767,
      maxCanon: 255,
      maxInput: 255,
      nameMax: 255,
      pathMax: 1_024,
      pipeBuf: 4_096,
      vdisable: 255,
      mask: [0, 0],
    } as const;
    const o = dirty(64);
    expect(toHex(o, 3, emitPathconfResult(r, o, 3))).toBe(toHex(PATHCONF));
    const v = new PathconfResultView();
    expect(v.reset(PATHCONF, 0, 40)).toBe(Status.Ok);
    expect([v.linkMax, v.maxCanon, v.maxInput, v.nameMax]).toEqual([32_767, 255, 255, 255]);
    expect([v.pathMax, v.pipeBuf, v.vdisable, v.mask0, v.mask1]).toEqual([1_024, 4_096, 255, 0, 0]);
  });
});

it.each([
  ["dirpath", new MountPathView(), UBOOT_PATH],
  ["MNT result", new MountResultView(), RESULT],
  ["MNT refusal", new MountResultView(), hex("0000000d")],
  ["PATHCONF result", new PathconfResultView(), PATHCONF],
])("%s: every truncation is refused, nothing throws", (_, view, sample) => {
  expectEveryTruncationRefused(view, sample);
  expectNeverThrows(view, [sample]);
});

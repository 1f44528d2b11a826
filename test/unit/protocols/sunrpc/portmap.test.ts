import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitCallitArgs,
  emitCallitResult,
  PmapCallitArgsView,
  PmapCallitResultView,
} from "../../../../protocols/sunrpc/callit.ts";
import {
  emitPmapBool,
  emitPmapDump,
  emitPmapMapping,
  emitPmapPort,
  PmapBoolView,
  PmapDumpView,
  PmapMappingView,
  PmapPortView,
} from "../../../../protocols/sunrpc/portmap.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

// U-Boot 2023.01 asks for MOUNT 1 over UDP.
const GETPORT = hex("000186a5 00000001 00000011 00000000");
const PORT = hex("0000027b");
const DUMP = hex(`
  00000001 000186a0 00000002 00000011 0000006f
  00000001 000186a3 00000002 00000006 00000801
  00000000`);
// WHOAMI by CALLIT from netkit's callbootd; the words of 192 and 168 are sign-extended.
const CALLIT = hex(`
  000186ba 00000001 00000001 00000014 00000001 ffffffc0 ffffffa8 0000004d 00000015`);
const CALLIT_RESULT = hex(`
  000002bc 00000028 00000006 75626f6f 74310000 00000003 6c616200
  00000001 ffffffc0 ffffffa8 0000004d 00000001`);
// A NULL call by CALLIT, answered without results.
const CALLIT_NULL = hex("000186ba 00000001 00000000 00000000");

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const mapping = fc.record({ prog: u32, vers: u32, prot: u32, port: u32 });

describe("port mapper", () => {
  it("reads and writes a mapping", () => {
    const r = { prog: 100_005, vers: 1, prot: 17, port: 0 };
    const o = dirty(32);
    expect(toHex(o, 3, emitPmapMapping(r, o, 3))).toBe(toHex(GETPORT));
    const { o: slab, at, len } = inSlab(GETPORT);
    const v = new PmapMappingView();
    expect(v.reset(slab, at, len)).toBe(Status.Ok);
    expect({ prog: v.prog, vers: v.vers, prot: v.prot, port: v.port }).toEqual(r);
  });

  it("reads and writes a port", () => {
    const o = dirty(8);
    expect(toHex(o, 1, emitPmapPort(635, o, 1))).toBe(toHex(PORT));
    const v = new PmapPortView();
    expect([v.reset(PORT, 0, 4), v.port]).toEqual([Status.Ok, 635]);
  });

  it.each([true, false])("reads and writes %s", (ok) => {
    const o = dirty(8);
    expect(emitPmapBool(ok, o, 1)).toBe(4);
    const v = new PmapBoolView();
    expect([v.reset(o, 1, 4), v.ok]).toEqual([Status.Ok, ok]);
  });

  it("reads and writes DUMP", () => {
    const mappings = [
      { prog: 100_000, vers: 2, prot: 17, port: 111 },
      { prog: 100_003, vers: 2, prot: 6, port: 2049 },
    ];
    const o = dirty(64);
    expect(toHex(o, 5, emitPmapDump(mappings, o, 5))).toBe(toHex(DUMP));
    const v = new PmapDumpView();
    expect([v.reset(DUMP, 0, DUMP.u8.length), v.count]).toEqual([Status.Ok, 2]);
    expect([v.mapping(0), v.mapping(1)]).toEqual(mappings);
    expect([v.mapping(-1), v.mapping(2)]).toEqual([undefined, undefined]);
  });

  it("round-trips any DUMP", () => {
    const o = dirty(500);
    const v = new PmapDumpView();
    fc.assert(
      fc.property(fc.array(mapping, { maxLength: 20 }), (mappings) => {
        const n = emitPmapDump(mappings, o, 3);
        expect([v.reset(o, 3, n), v.count]).toEqual([Status.Ok, mappings.length]);
        expect(mappings.map((_, i) => v.mapping(i))).toEqual(mappings);
      }),
    );
  });

  it("reads and writes the arguments of CALLIT", () => {
    const o = dirty(64);
    o.u8.set(CALLIT.u8.subarray(16), 21);
    const n = emitCallitArgs({ prog: 100_026, vers: 1, proc: 1 }, 20, o, 5);
    expect(toHex(o, 5, n)).toBe(toHex(CALLIT));
    const { o: slab, at, len } = inSlab(CALLIT);
    const v = new PmapCallitArgsView();
    expect(v.reset(slab, at, len)).toBe(Status.Ok);
    expect([v.prog, v.vers, v.proc, v.argsAt, v.argsLen]).toEqual([100_026, 1, 1, at + 16, 20]);
  });

  it("reads a CALLIT without arguments", () => {
    const v = new PmapCallitArgsView();
    expect(v.reset(CALLIT_NULL, 0, 16)).toBe(Status.Ok);
    expect([v.proc, v.argsLen]).toEqual([0, 0]);
  });

  it("reads and writes the result of CALLIT", () => {
    const o = dirty(64);
    o.u8.set(CALLIT_RESULT.u8.subarray(8), 9);
    expect(toHex(o, 1, emitCallitResult(700, 40, o, 1))).toBe(toHex(CALLIT_RESULT));
    const v = new PmapCallitResultView();
    expect(v.reset(CALLIT_RESULT, 0, CALLIT_RESULT.u8.length)).toBe(Status.Ok);
    expect([v.port, v.resultsAt, v.resultsLen]).toEqual([700, 8, 40]);
  });

  it("pads what CALLIT carries", () => {
    const o = dirty(40);
    expect(emitCallitResult(1, 5, o, 0)).toBe(16);
    expect(toHex(o, 0, 17)).toBe("0000000100000005a5a5a5a5a5000000a5");
    expect(emitCallitArgs({ prog: 1, vers: 2, proc: 3 }, 2, o, 0)).toBe(20);
  });

  it.each([
    ["mapping", new PmapMappingView(), GETPORT],
    ["port", new PmapPortView(), PORT],
    ["bool", new PmapBoolView(), hex("00000001")],
    ["dump", new PmapDumpView(), DUMP],
    ["callit args", new PmapCallitArgsView(), CALLIT],
    ["callit result", new PmapCallitResultView(), CALLIT_RESULT],
  ])("%s: every truncation is refused, nothing throws", (_, view, sample) => {
    expectEveryTruncationRefused(view, sample);
    expectNeverThrows(view, [sample], () => {
      if (view instanceof PmapDumpView) for (let i = 0; i <= view.count; i++) view.mapping(i);
    });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XdrCursor, XdrWriter, xdrPad, xdrPadded } from "../../../../protocols/sunrpc/xdr.ts";
import { readText, textLen, writeText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

function cursorOver(text: string): XdrCursor {
  const o = hex(text);
  const c = new XdrCursor();
  c.reset(o, 0, o.u8.length);
  return c;
}

describe("XdrCursor", () => {
  it("reads words", () => {
    const c = cursorOver("ffffffc0 ffffffc0 00000001 00000000");
    expect([c.u32(), c.i32(), c.bool(), c.bool()]).toEqual([0xffffffc0, -64, true, false]);
    expect([c.status, c.remaining]).toEqual([Status.Ok, 0]);
  });

  it("reads opaques and steps over pads of any content", () => {
    const c = cursorOver("00000003 616263ff 6465aabb 00000000 00000007");
    expect([c.opaqueVar(255), c.len]).toEqual([4, 3]);
    expect(c.opaqueFixed(2)).toBe(8);
    expect([c.opaqueVar(255), c.len]).toEqual([16, 0]);
    expect(c.u32()).toBe(7);
    expect(c.status).toBe(Status.Ok);
  });

  it.each([
    ["a bool of 2", "00000002", (c: XdrCursor) => c.bool(), Status.BadMagic],
    ["a short word", "000000", (c: XdrCursor) => c.u32(), Status.Truncated],
    [
      "a string above its limit",
      "00000002 61620000",
      (c: XdrCursor) => c.opaqueVar(1),
      Status.BadLength,
    ],
    [
      "a string beyond the end",
      "00000005 61626364",
      (c: XdrCursor) => c.opaqueVar(9),
      Status.BadLength,
    ],
    ["a missing pad", "00000003 616263", (c: XdrCursor) => c.opaqueVar(9), Status.BadLength],
    ["a length of 2^32-1", "ffffffff", (c: XdrCursor) => c.opaqueVar(2 ** 32), Status.BadLength],
    ["a fixed opaque cut short", "616263", (c: XdrCursor) => c.opaqueFixed(3), Status.Truncated],
  ])("refuses %s and stays failed", (_, text, read, want) => {
    const c = cursorOver(text);
    read(c);
    expect(c.status).toBe(want);
    expect([c.u32(), c.remaining, c.status]).toEqual([0, 0, want]);
  });
});

describe("XdrWriter", () => {
  it("writes every octet, pads with zeros", () => {
    const o = dirty(64);
    const w = new XdrWriter().begin(o, 3);
    w.u32(0x80000001)
      .i32(-64)
      .bool(true)
      .bool(false)
      .string("abc")
      .string("")
      .opaque(bytes("0102030405"));
    w.opaqueFixed(bytes("0a0b"));
    expect(toHex(o, 3, w.at - 3)).toBe(
      toHex(
        hex(`80000001 ffffffc0 00000001 00000000 00000003 61626300 00000000
             00000005 01020304 05000000 0a0b0000`),
      ),
    );
    expect(o.u8[w.at]).toBe(0xa5);
  });

  it("pads to words", () => {
    expect([0, 1, 2, 3, 4].map(xdrPad)).toEqual([0, 3, 2, 1, 0]);
    expect([0, 1, 2, 3, 4, 5].map(xdrPadded)).toEqual([0, 4, 4, 4, 4, 8]);
  });

  it("throws when it runs over its slab, which is our own bug", () => {
    expect(() => new XdrWriter().begin(Octets.alloc(6), 0).u32(1).u32(2)).toThrow(RangeError);
  });
});

describe("text", () => {
  it("round-trips any text as UTF-8", () => {
    const o = dirty(1_024);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const n = writeText(text, o, 5);
        const want = new TextEncoder().encode(text);
        expect([n, textLen(text)]).toEqual([want.length, want.length]);
        expect(o.u8.subarray(5, 5 + n)).toEqual(want);
        expect(readText(o, 5, n)).toBe(text);
      }),
    );
  });

  it("reads any octets without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), (u8) => {
        expect(readText(new Octets(u8), 0, u8.length).length).toBeLessThanOrEqual(u8.length);
      }),
    );
  });

  it.each([
    ["ff 61", "\ufffda"],
    ["c0 80", "\ufffd\ufffd"],
    ["e2 82", "\ufffd\ufffd"],
    ["ed a0 80", "\ufffd\ufffd\ufffd"],
    ["f4 90 80 80", "\ufffd\ufffd\ufffd\ufffd"],
    ["e2 82 ac", "€"],
  ])("reads %s", (text, want) => {
    const o = hex(text);
    expect(readText(o, 0, o.u8.length)).toBe(want);
  });

  it("writes a lone surrogate as U+FFFD", () => {
    const o = dirty(8);
    expect(toHex(o, 0, writeText("\ud800", o, 0))).toBe("efbfbd");
  });
});

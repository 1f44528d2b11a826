import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NFS_READDIR_EMPTY_LEN,
  ReaddirResultView,
  ReaddirWriter,
} from "../../../../protocols/nfs/readdir-result.ts";
import { emitStatResult } from "../../../../protocols/nfs/results.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
  touch,
} from "../../../support/view-checks.ts";

// The root that nmap's nfs-ls was shown, all but its first three entries left out.
const RESULT = hex(`
  00000000
  00000001 0021e046 00000001 2e000000 00000001
  00000001 0021e046 00000002 2e2e0000 00000002
  00000001 002785b2 00000003 62696e00 00000003
  00000000 00000001`);
const ENTRIES: [number, string, number][] = [
  [0x21e046, ".", 1],
  [0x21e046, "..", 2],
  [0x2785b2, "bin", 3],
];

const encoder = new TextEncoder();

function entriesOf(v: ReaddirResultView, o: Octets): [number, string, number][] {
  const entries: [number, string, number][] = [];
  while (v.next()) entries.push([v.fileid, readText(o, v.nameAt, v.nameLen), v.cookie]);
  return entries;
}

describe("READDIR", () => {
  it("is read", () => {
    const { o, at, len } = inSlab(RESULT);
    const v = new ReaddirResultView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect([v.status, v.count, v.eof]).toEqual([0, 3, true]);
    expect(entriesOf(v, o)).toEqual(ENTRIES);
    expect([v.next(), v.nameLen]).toEqual([false, 0]);
  });

  it("is written", () => {
    const o = dirty(100);
    const w = new ReaddirWriter();
    w.begin(o, 3, 90);
    for (const [id, name, cookie] of ENTRIES) {
      expect(w.addEntry(id, encoder.encode(name), cookie)).toBe(true);
    }
    expect(w.count).toBe(3);
    expect(toHex(o, 3, w.end(true))).toBe(toHex(RESULT));
  });

  it("is written from text as from octets, and holds the same limit", () => {
    const names = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }));
    const check = (all: string[], limit: number): void => {
      const [a, b] = [dirty(600), dirty(600)];
      const [octets, text] = [new ReaddirWriter(), new ReaddirWriter()];
      octets.begin(a, 3, limit);
      text.begin(b, 3, limit);
      for (const [i, name] of all.entries()) {
        const fits = octets.addEntry(i, encoder.encode(name), i + 1);
        expect(text.addName(i, name, i + 1)).toBe(fits);
      }
      expect(text.count).toBe(octets.count);
      expect(text.end(true)).toBe(octets.end(true));
      expect(toHex(b)).toBe(toHex(a));
    };
    fc.assert(fc.property(names, fc.integer({ min: 12, max: 597 }), check), {
      interruptAfterTimeLimit: 1_000,
    });
  });

  it("fits its limit to the octet", () => {
    const o = dirty(100);
    const w = new ReaddirWriter();
    const exact = NFS_READDIR_EMPTY_LEN + 20;
    for (const [limit, fits] of [
      [exact, true],
      [exact - 1, false],
    ] as const) {
      w.begin(o, 3, limit);
      expect(w.addEntry(1, encoder.encode("name"), 1)).toBe(fits);
      expect(w.end(false)).toBe(fits ? exact : NFS_READDIR_EMPTY_LEN);
    }
  });

  it("stays within its slab, whatever the client's count", () => {
    const o = dirty(50);
    const w = new ReaddirWriter();
    w.begin(o, 10, 8_192);
    expect(w.addEntry(1, encoder.encode("name"), 1)).toBe(true);
    expect(w.addEntry(2, encoder.encode("name"), 2)).toBe(false);
    expect(w.end(false)).toBe(32);
  });

  it("carries nothing after an error", () => {
    const o = dirty(16);
    emitStatResult(70, o, 4);
    const v = new ReaddirResultView();
    expect(v.reset(o, 4, 4)).toBe(Status.Ok);
    expect([v.status, v.count, v.eof, v.next()]).toEqual([70, 0, false, false]);
  });

  it("refuses names above 255 octets and a list without end", () => {
    const o = dirty(400);
    const w = new ReaddirWriter();
    const v = new ReaddirResultView();
    w.begin(o, 0, 400);
    w.addEntry(1, new Uint8Array(255), 1);
    expect(v.reset(o, 0, w.end(true))).toBe(Status.Ok);
    w.begin(o, 0, 400);
    w.addEntry(1, new Uint8Array(256), 1);
    expect(v.reset(o, 0, w.end(true))).toBe(Status.BadLength);
    o.u8.fill(0);
    for (let at = 4; at < 400; at += 4) o.dv.setUint32(at, 1);
    expect(v.reset(o, 0, 400)).not.toBe(Status.Ok);
  });

  it("refuses every truncation and never throws", () => {
    const v = new ReaddirResultView();
    expectEveryTruncationRefused(v, RESULT);
    expectNeverThrows(v, [RESULT], (_, end) => {
      while (v.next()) touch(v, 0, end);
    });
  });

  it("round-trips what fits", () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const entry = fc.tuple(u32, fc.string({ minLength: 1, maxLength: 20 }), u32);
    const o = dirty(600);
    const w = new ReaddirWriter();
    const v = new ReaddirResultView();
    const input = fc.tuple(fc.array(entry), fc.integer({ min: 12, max: 500 }), fc.boolean());
    fc.assert(
      fc.property(input, ([entries, limit, eof]) => {
        w.begin(o, 5, limit);
        let fitted = 0;
        while (fitted < entries.length) {
          const [id, name, cookie] = entries[fitted] ?? [0, "", 0];
          if (!w.addEntry(id, encoder.encode(name), cookie)) break;
          fitted += 1;
        }
        const n = w.end(eof);
        expect(n).toBeLessThanOrEqual(limit);
        expect([v.reset(o, 5, n), v.count, v.eof]).toEqual([Status.Ok, fitted, eof]);
        expect(entriesOf(v, o)).toEqual(entries.slice(0, fitted));
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emitRecordMark, RecordReader } from "../../../../protocols/sunrpc/record.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";

/** Feeds the stream in pieces that end at `cuts` and returns the records and the status. */
function read(
  reader: RecordReader,
  stream: Octets,
  cuts: readonly number[],
): { records: string[]; status: Status } {
  const records: string[] = [];
  let status: Status = Status.Ok;
  let at = 0;
  const sorted = cuts.filter((c) => c < stream.u8.length).sort((a, b) => a - b);
  for (const cut of [...sorted, stream.u8.length]) {
    // A fresh copy of exactly this piece: reading outside it throws, and keeping it shows old octets.
    const piece = new Octets(stream.u8.slice(at, cut));
    status = reader.feed(piece, 0, cut - at, (o, p, n) => records.push(toHex(o, p, n)));
    piece.u8.fill(0xa5);
    at = cut;
  }
  return { records, status };
}

describe("RecordReader", () => {
  // nmap's TCP client: DUMP call of the port mapper, one fragment.
  const PMAP = `31b750e7 00000000 00000002 000186a0 00000002 00000004
                00000000 00000000 00000000 00000000`;

  it.each([
    ["one fragment", `80000028 ${PMAP}`],
    ["a fragment and an empty last one", `00000028 ${PMAP} 80000000`],
    ["an empty fragment first", `00000000 80000028 ${PMAP}`],
    ["two fragments", `00000004 31b750e7 80000024 ${PMAP.slice(8)}`],
  ])("reads %s, cut anywhere", (_, text) => {
    const stream = hex(text);
    const want = [toHex(hex(PMAP))];
    const reader = new RecordReader(100);
    for (let cut = 0; cut <= stream.u8.length; cut++) {
      expect(read(reader, stream, [cut])).toEqual({ records: want, status: Status.Ok });
    }
    const everyOctet = Array.from(stream.u8, (_, i) => i);
    expect(read(reader, stream, everyOctet)).toEqual({ records: want, status: Status.Ok });
  });

  it("stops when no further record is wanted, and goes on behind what it has taken", () => {
    const stream = hex("80000001 01 00000001 02 80000001 03 80000000 8000");
    const reader = new RecordReader(8);
    const lens: number[] = [];
    let at = 0;
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) {
      const rest = stream.u8.length - at;
      expect(reader.feed(stream, at, rest, (_o, _at, len) => lens.push(len) < 0)).toBe(Status.Ok);
      taken.push(reader.taken);
      at += reader.taken;
    }
    expect(lens).toEqual([1, 2, 0]);
    expect(taken).toEqual([5, 10, 4, 2]);
  });

  it.each([
    ["", false],
    ["80", true],
    ["80000002", true],
    ["80000002 01", true],
    ["80000002 0102", false],
    ["00000002 0102", true],
    ["00000000", true],
    ["00000000 80000001 01", false],
    ["00000000 80000000", false],
  ])("knows after %j whether a record has begun: %s", (text, inside) => {
    const stream = hex(text);
    const reader = new RecordReader(8);
    reader.feed(stream, 0, stream.u8.length, () => {});
    expect(reader.isInside).toBe(inside);
  });

  it("hands out a whole record where it lies", () => {
    const stream = hex("80000004 01020304 80000002 0506");
    const seen: [Octets, number, number][] = [];
    new RecordReader(8).feed(stream, 0, 14, (o, at, len) => seen.push([o, at, len]));
    expect(seen).toEqual([
      [stream, 4, 4],
      [stream, 12, 2],
    ]);
    expect(seen[0]?.[0]).toBe(stream);
  });

  it("reads any records in any fragments and any pieces", () => {
    const fragments = fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: 1, maxLength: 4 });
    const input = fc.tuple(fc.array(fragments, { maxLength: 5 }), fc.array(fc.nat(200)));
    fc.assert(
      fc.property(input, ([records, cuts]) => {
        const stream = dirty(400);
        let at = 0;
        for (const parts of records) {
          for (const [i, part] of parts.entries()) {
            stream.dv.setUint32(at, (i === parts.length - 1 ? 0x80000000 : 0) + part.length);
            stream.u8.set(part, at + 4);
            at += 4 + part.length;
          }
        }
        const exact = new Octets(stream.u8.slice(0, at));
        const want = records.map((parts) => parts.map((p) => toHex(new Octets(p))).join(""));
        expect(read(new RecordReader(36), exact, cuts)).toEqual({ records: want, status: 0 });
      }),
    );
  });

  it.each([
    ["one fragment", "80000009 01"],
    ["the sum of two", "00000005 0102030405 80000004 06"],
    ["the largest length", "ffffffff 01"],
    ["the largest length, not last", "7fffffff 01"],
  ])("refuses a record above its limit: %s", (_, text) => {
    const reader = new RecordReader(8);
    expect(read(reader, hex(text), [])).toEqual({ records: [], status: Status.BadLength });
    expect(read(reader, hex("80000001 01"), [])).toEqual({ records: [], status: Status.BadLength });
    reader.reset();
    expect(read(reader, hex("80000001 01"), [])).toEqual({ records: ["01"], status: Status.Ok });
  });

  it("never throws", () => {
    const reader = new RecordReader(64);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        reader.reset();
        for (const u8 of pieces) {
          reader.feed(new Octets(u8), 0, u8.length, (o, at, len) => {
            expect(len).toBeLessThanOrEqual(64);
            expect(at + len).toBeLessThanOrEqual(o.u8.length);
          });
        }
      }),
    );
  });

  it("writes a mark", () => {
    const o = dirty(8);
    expect(emitRecordMark(0x1234, o, 2)).toBe(4);
    expect(toHex(o, 0, 8)).toBe("a5a580001234a5a5");
  });

  it("hands out what there is of a record that is abandoned, and starts anew", () => {
    const reader = new RecordReader(64);
    const records: string[] = [];
    const take = (o: Octets, at: number, len: number): void => {
      records.push(toHex(o, at, len));
    };
    const begun = hex("00000002 0102 80000004 0304");
    reader.feed(begun, 0, begun.u8.length, take);
    reader.abandon(take);
    reader.abandon(take);
    const next = hex("80000001 09");
    expect(reader.feed(next, 0, next.u8.length, take)).toBe(Status.Ok);
    expect(records).toEqual(["01020304", "09"]);
  });

  it("makes room for what arrives and not for what is claimed", () => {
    const reader = new RecordReader(0x7fff_ffff);
    const claim = hex("ffffffff 0102");
    expect(reader.feed(claim, 0, claim.u8.length, () => {})).toBe(Status.Ok);
    const pieces: string[] = [];
    reader.abandon((o, at, len) => pieces.push(`${toHex(o, at, len)} of ${o.u8.length}`));
    expect(pieces).toEqual(["0102 of 1024"]);
  });

  it("keeps a record in order while its buffer grows", () => {
    const reader = new RecordReader(10_000);
    const body = Uint8Array.from({ length: 9_999 }, (_, i) => i);
    const whole = new Octets(Uint8Array.of(0x80, 0, 0x27, 0x0f, ...body));
    let seen: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < whole.u8.length; at += 333) {
      const len = Math.min(333, whole.u8.length - at);
      reader.feed(whole, at, len, (o, from, n) => {
        seen = o.u8.slice(from, from + n);
      });
    }
    expect(seen).toEqual(body);
  });
});

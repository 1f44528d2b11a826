import { decode } from "cbor-x";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CborMismatch, CborReader } from "../../../../agent/cose/cbor-reader.ts";
import { type CborValue, encodeCbor } from "../../../../agent/cose/cbor-writer.ts";
import { bytes } from "../../../support/hex.ts";

/** Of RFC 8949 appendix A, those in the deterministic encoding of what can be written. */
const EXAMPLES: readonly (readonly [string, CborValue])[] = [
  ["00", 0],
  ["17", 23],
  ["1818", 24],
  ["1864", 100],
  ["1903e8", 1000],
  ["1a000f4240", 1_000_000],
  ["1b000000e8d4a51000", 1_000_000_000_000],
  ["1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
  ["20", -1],
  ["3863", -100],
  ["3903e7", -1000],
  ["f4", false],
  ["f5", true],
  ["40", new Uint8Array(0)],
  ["4401020304", Uint8Array.of(1, 2, 3, 4)],
  ["60", ""],
  ["62c3bc", "ü"],
  ["64f0908591", "\u{10151}"],
  ["80", []],
  ["83010203", [1, 2, 3]],
  ["8301820203820405", [1, [2, 3], [4, 5]]],
  ["a0", {}],
  [
    "a201020304",
    new Map([
      [3, 4],
      [1, 2],
    ]),
  ],
  ["a26161016162820203", { b: [2, 3], a: 1 }],
  ["a2617a006261618100", { aa: [0], z: 0 }],
];

describe("encodeCbor", () => {
  it.each(EXAMPLES)("writes %s", (hex, value) => {
    expect(Buffer.from(encodeCbor(value)).toString("hex")).toBe(hex);
  });

  it("leaves out what is undefined, and refuses fractions", () => {
    expect(encodeCbor({ a: 1, b: undefined })).toEqual(encodeCbor({ a: 1 }));
    expect(() => encodeCbor(1.5)).toThrow("whole");
    expect(() => encodeCbor(2 ** 53)).toThrow("whole");
  });

  it("writes what another library reads", () => {
    const value = fc.letrec<{ value: CborValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.boolean(),
        fc.string({ unit: "grapheme" }),
        fc.array(tie("value"), { maxLength: 30 }),
        fc.dictionary(fc.string({ unit: "grapheme" }), tie("value"), { noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(value, (v) => {
        if (hasReserved(v)) return;
        expect(decode(Buffer.from(encodeCbor(v)))).toEqual(v);
      }),
      { interruptAfterTimeLimit: 1_000 },
    );
  });
});

/** What no reader takes, whatever it asks for. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["", "nothing"],
  ["1817", "a number in two octets that fits in one"],
  ["190017", "one in three"],
  ["1a00000017", "one in five"],
  ["1b0000000000000017", "one in nine"],
  ["1b0020000000000000", "2^53"],
  ["1bffffffffffffffff", "2^64 - 1"],
  ["18", "no argument"],
  ["1b00000000", "half of one"],
  ["1c", "reserved"],
  ["5f4100ff", "an indefinite length"],
  ["7f6161ff", "an indefinite text"],
  ["5800", "a length in two octets that fits in one"],
  ["4201", "octets that are cut off"],
  ["5affffffff", "octets that are not there"],
  ["5b001fffffffffffff", "more octets than a machine has"],
  ["61ff", "text that is not UTF-8"],
  ["63eda080", "a surrogate in UTF-8"],
  ["6261", "text that is cut off"],
  ["f6", "null"],
  ["f97e00", "a float"],
  ["ff", "a break"],
];

describe("CborReader", () => {
  const takers: readonly ((reader: CborReader) => unknown)[] = [
    (r) => r.uint(),
    (r) => r.int(),
    (r) => r.bool(),
    (r) => r.bytes(100),
    (r) => r.text(100),
    (r) => r.array(100),
    (r) => r.map(100),
    (r) => r.tag(),
    (r) => r.fields(10, 10, () => r.uint()),
  ];

  it.each(REFUSED)("takes nothing of %s (%s)", (hex) => {
    for (const take of takers) {
      expect(() => take(new CborReader(bytes(hex)))).toThrow(CborMismatch);
    }
  });

  it("reads numbers of all lengths", () => {
    for (const n of [
      0,
      23,
      24,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
    ]) {
      for (const value of [n, -1 - n]) {
        if (!Number.isSafeInteger(value)) continue;
        const reader = new CborReader(encodeCbor(value));
        expect(reader.int()).toBe(value);
        reader.end();
      }
    }
  });

  it("holds to the lengths that are asked for", () => {
    expect(() => new CborReader(encodeCbor("abc")).text(2)).toThrow("more than 2");
    expect(() => new CborReader(encodeCbor(new Uint8Array(3))).bytes(2)).toThrow("more than 2");
    expect(() => new CborReader(encodeCbor([1, 2, 3])).array(2)).toThrow("more than 2");
    expect(() => new CborReader(encodeCbor({ a: 1, b: 2 })).map(1)).toThrow("more than 1");
  });

  it.each([
    ["twice the same", "a2616101616102"],
    ["a later one first", "a2616201616101"],
    ["a longer one first", "a262616101616101"],
    ["a key that is no text", "a10101"],
  ])("refuses fields of which %s", (_, hex) => {
    const reader = new CborReader(bytes(hex));
    expect(() => reader.fields(5, 5, () => reader.uint())).toThrow(CborMismatch);
  });

  it("refuses what follows", () => {
    const reader = new CborReader(bytes("0001"));
    reader.uint();
    expect(() => reader.end()).toThrow(CborMismatch);
  });

  it("throws nothing else, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.nat(takers.length - 1), (octets, n) => {
        try {
          takers[n]?.(new CborReader(octets));
        } catch (error) {
          expect(error).toBeInstanceOf(CborMismatch);
        }
      }),
      { interruptAfterTimeLimit: 1_000, numRuns: 5_000 },
    );
  });
});

/** cbor-x does not give these keys back as they are. */
function hasReserved(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, v]) => key === "__proto__" || hasReserved(v));
}

import { Encoder } from "cbor-x";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCbor, encodeCbor, requestLimits } from "../../../../agent/control/cbor.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { bytes } from "../../../support/hex.ts";

const LIMITS = { ...requestLimits(1_000_000), depth: 20 };

/** Encodings that are the deterministic ones (RFC 8949 section 4.2.1), most of them of appendix A. */
const TABLE: readonly (readonly [unknown, string])[] = [
  [0, "00"],
  [23, "17"],
  [24, "1818"],
  [255, "18ff"],
  [256, "190100"],
  [65_535, "19ffff"],
  [65_536, "1a00010000"],
  [4_294_967_295, "1affffffff"],
  [4_294_967_296, "1b0000000100000000"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
  [-1, "20"],
  [-1000, "3903e7"],
  [Number.MIN_SAFE_INTEGER, "3b001ffffffffffffe"],
  [1.1, "fb3ff199999999999a"],
  [1.5, "f93e00"],
  [2 ** -24, "f90001"],
  [0.000_030_517_578_125, "f90200"],
  [0.333_251_953_125, "f93555"],
  [3.4028234663852886e38, "fa7f7fffff"],
  [1e300, "fb7e37e43c8800759c"],
  [-4.1, "fbc010666666666666"],
  [0.100_000_001_490_116_12, "fa3dcccccd"],
  [2 ** -25, "fa33000000"],
  [2 ** 53, "fa5a000000"],
  [true, "f5"],
  [null, "f6"],
  ["ü水", "65c3bce6b0b4"],
  [Uint8Array.of(1, 2, 3, 4), "4401020304"],
  [[1, [2, 3]], "8201820203"],
  [{}, "a0"],
  [{ b: 1, aa: 2, a: 3 }, "a361610361620162616102"],
  [{ a: undefined, b: null }, "a16162f6"],
];

describe("CBOR of plain data", () => {
  it.each(TABLE)("%j is %s", (value, text) => {
    expect(Buffer.from(encodeCbor(value)).toString("hex")).toBe(text);
    const expected =
      typeof value === "object" && value !== null && "a" in value && value.a === undefined
        ? { b: null }
        : value;
    expect(decodeCbor(bytes(text), LIMITS)).toEqual(expected);
  });

  it("has one zero", () => {
    expect(encodeCbor(-0)).toEqual(Uint8Array.of(0));
  });

  it.each([
    ["undefined in an array", [undefined]],
    ["a function", { a: () => 1 }],
    ["a date", new Date(0)],
    ["a Map", new Map()],
    ["no number", Number.NaN],
    ["infinity", [1, Number.POSITIVE_INFINITY]],
    ["a big integer", 1n],
  ])("does not take %s", (_, value) => {
    expect(() => encodeCbor(value)).toThrow(TypeError);
  });

  it("makes members of all keys, whatever they are called", () => {
    const value = decodeCbor(
      bytes("a2 695f5f70726f746f5f5f a1 6161 01 6b636f6e7374727563746f72 02"),
      LIMITS,
    );
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { a?: unknown }).a).toBeUndefined();
  });

  it("copies octets, so that a message's memory may be used again", () => {
    for (const message of [bytes("4401020304"), Buffer.from("4401020304", "hex")]) {
      const value = decodeCbor(message, LIMITS);
      message.fill(0xff);
      expect(value).toEqual(Uint8Array.of(1, 2, 3, 4));
    }
  });

  it.each([
    ["1b0020000000000000", "2^53"],
    ["9f01ff", "not-canonical"],
    ["a2616101616102", "duplicate"],
    ["c000", "bad-code"],
    ["0000", "trailing"],
    [`${"81".repeat(21)}00`, "too-deep"],
  ])("refuses %s as E_PROTOCOL: %s", (text, why) => {
    const decode = (): unknown => decodeCbor(bytes(text), LIMITS);
    expect(decode).toThrow(AgentError);
    expect(decode).toThrow(why);
  });

  it("is read by another implementation, and reads what that writes", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
        fc.string({ unit: "grapheme" }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("any"), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ maxLength: 40 }).filter((k) => k !== "__proto__"),
          tie("any"),
          { maxKeys: 30 },
        ),
      ),
    })).any;
    const other = new Encoder({ useRecords: false, variableMapSize: true });
    const property = fc.property(value, (plain) => {
      const octets = encodeCbor(plain);
      const theirs: unknown = JSON.parse(
        JSON.stringify(other.decode(octets), (_k, v: unknown) =>
          typeof v === "bigint" ? Number(v) : v,
        ),
      );
      expect(theirs).toEqual(JSON.parse(JSON.stringify(plain)));
      expect(decodeCbor(octets, LIMITS)).toEqual(JSON.parse(JSON.stringify(plain)));
      expect(decodeCbor(other.encode(plain), LIMITS)).toEqual(JSON.parse(JSON.stringify(plain)));
    });
    fc.assert(property, { numRuns: 300, interruptAfterTimeLimit: 3_000 });
  });
});

import { Encoder } from "cbor-x";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CBOR_MAX_DEPTH,
  type CborLimits,
  cborItemEnd,
  walkCbor,
  walkCborSequence,
} from "../../../../protocols/cbor/walk.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status, statusName } from "../../../../protocols/wire/status.ts";
import { hex } from "../../../support/hex.ts";
import { inSlab } from "../../../support/view-checks.ts";

const LIMITS: CborLimits = {
  octets: 4_096,
  items: 64,
  depth: 4,
  mapEntries: 8,
  intKeys: false,
  tags: [],
  floats: true,
};

function walked(text: string, more: Partial<CborLimits> = {}): string {
  const { o, at, len } = inSlab(hex(text));
  return statusName(walkCbor(o, at, len, { ...LIMITS, ...more }));
}

/** RFC 8949 appendix A: the encodings that this walk takes, and what it says of the others. */
const APPENDIX_A: readonly (readonly [string, string])[] = [
  ...["00", "01", "0a", "17", "1818", "1819", "1864", "1903e8", "1a000f4240"].map(ok),
  ...["1b000000e8d4a51000", "1bffffffffffffffff", "3bffffffffffffffff"].map(ok),
  ...["20", "29", "3863", "3903e7"].map(ok),
  ...["f90000", "f98000", "f93c00", "fb3ff199999999999a", "f93e00", "f97bff", "fa47c35000"].map(ok),
  ...["fa7f7fffff", "fb7e37e43c8800759c", "f90001", "f90400", "f9c400", "fbc010666666666666"].map(
    ok,
  ),
  ...["f97c00", "f97e00", "f9fc00", "fa7f800000", "fa7fc00000", "faff800000"].map(code),
  ...["fb7ff0000000000000", "fb7ff8000000000000", "fbfff0000000000000"].map(code),
  ...["f4", "f5", "f6"].map(ok),
  // undefined and other simple values.
  ...["f7", "f0", "f818", "f8ff"].map(code),
  // Tags 2, 3, 0, 1, 23, 24 and 32.
  ...["c249010000000000000000", "c349010000000000000000"].map(code),
  ...["c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0"].map(code),
  ...["c1fb41d452d9ec200000", "d74401020304", "d818456449455446"].map(code),
  ["d82076687474703a2f2f7777772e6578616d706c652e636f6d", "bad-code"],
  ...["40", "4401020304", "60", "6161", "6449455446", "62225c", "62c3bc", "63e6b0b4"].map(ok),
  ...["64f0908591", "80", "83010203", "8301820203820405"].map(ok),
  ["98190102030405060708090a0b0c0d0e0f101112131415161718181819", "ok"],
  ["a0", "ok"],
  // Keys that are integers.
  ["a201020304", "bad-code"],
  ...["a26161016162820203", "826161a161626163"].map(ok),
  ["a56161614161626142616361436164614461656145", "ok"],
  ...["5f42010243030405ff", "7f657374726561646d696e67ff", "9fff"].map(indefinite),
  ...["9f018202039f0405ffff", "9f01820203820405ff", "83018202039f0405ff"].map(indefinite),
  ["83019f0203ff820405", "not-canonical"],
  ["9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", "not-canonical"],
  ...["bf61610161629f0203ffff", "826161bf61626163ff", "bf6346756ef563416d7421ff"].map(indefinite),
];

function ok(text: string): readonly [string, string] {
  return [text, "ok"];
}
function code(text: string): readonly [string, string] {
  return [text, "bad-code"];
}
function indefinite(text: string): readonly [string, string] {
  return [text, "not-canonical"];
}

describe("walkCbor", () => {
  it.each(APPENDIX_A)("RFC 8949 appendix A: %s is %s", (text, status) => {
    expect(walked(text)).toBe(status);
  });

  it.each([
    ["18 17", "not-canonical", "an integer in two octets for one"],
    ["19 00ff", "not-canonical", "in three for two"],
    ["1a 0000ffff", "not-canonical", "in five for three"],
    ["1b 00000000ffffffff", "not-canonical", "in nine for five"],
    ["38 17", "not-canonical", "a negative one"],
    ["58 01 00", "not-canonical", "the length of octets"],
    ["78 01 61", "not-canonical", "the length of a text"],
    ["98 01 00", "not-canonical", "the length of an array"],
    ["b8 01 6161 00", "not-canonical", "the length of a map"],
    ["1c", "bad-code", "reserved additional information"],
    ["5e", "bad-code", "reserved additional information"],
    ["1f", "bad-code", "an integer of indefinite length"],
    ["df 00", "bad-code", "a tag of indefinite length"],
    ["ff", "not-canonical", "the end of what is indefinite"],
    ["61 ff", "bad-text", "no UTF-8"],
    ["62 c080", "bad-text", "an overlong NUL"],
    ["63 eda080", "bad-text", "a surrogate"],
    ["64 f4908080", "bad-text", "above U+10FFFF"],
    ["61 c3", "bad-text", "a character that is cut off"],
    ["a2 6161 00 6161 01", "duplicate", "a key twice"],
    ["a2 6161 a1 6161 00 6162 01", "ok", "the same key in another map"],
    ["a3 6161 a1 6162 00 6162 00 6161 01", "duplicate", "a key twice, a map between"],
    ["a1 41 61 00", "bad-code", "a key of octets"],
    ["a1 80 00", "bad-code", "a key that is an array"],
    ["a1 f6 00", "bad-code", "a key that is null"],
    ["00 00", "trailing", "something behind"],
    ["", "truncated", "nothing"],
    ["81", "truncated", "an array without its item"],
    ["9b ffffffffffffffff 00", "truncated", "an array of 2^64 items"],
    ["bb ffffffffffffffff 00", "too-many", "a map of 2^64 entries"],
    ["5b ffffffffffffffff 00", "truncated", "octets without end"],
    ["1b 000000", "truncated", "a head that is cut off"],
    ["84 818180 00 00 00", "ok", "as deep as allowed"],
    ["84 81818180 00 00 00", "too-deep", "deeper"],
    [`98 40 ${"00".repeat(64)}`, "too-many", "more items than allowed"],
    [`98 3f ${"00".repeat(63)}`, "ok", "as many as allowed"],
    [`a9 ${Array.from({ length: 9 }, (_, i) => `61 3${i} 00`).join(" ")}`, "too-many", "entries"],
    ["fb 7ff0000000000000", "bad-code", "infinity"],
    ["fa 7fc00001", "bad-code", "no number"],
  ])("%s: %s (%s)", (text, status) => {
    expect(walked(text)).toBe(status);
  });

  it("takes integers as keys, tags and floats where they are allowed alone", () => {
    expect(walked("a2 01 00 20 00", { intKeys: true })).toBe("ok");
    expect(walked("a2 20 00 20 00", { intKeys: true })).toBe("duplicate");
    expect(walked("a2 01 00 6101 00", { intKeys: true })).toBe("ok");
    expect(walked("d2 80", { tags: [18] })).toBe("ok");
    expect(walked("d2 80", { tags: [18], depth: 1 })).toBe("too-deep");
    expect(walked("d3 80", { tags: [18] })).toBe("bad-code");
    expect(walked("f9 3e00", { floats: false })).toBe("bad-code");
  });

  it("refuses a window beyond the limit before it looks at it", () => {
    expect(walked("ff".repeat(11), { octets: 10 })).toBe("bad-length");
  });

  it("is never deeper than its own memory, whatever the limits say", () => {
    const limits = { depth: 10_000, items: 10_000 };
    expect(walked(`${"81".repeat(CBOR_MAX_DEPTH)}00`, limits)).toBe("ok");
    expect(walked(`${"81".repeat(CBOR_MAX_DEPTH + 1)}00`, limits)).toBe("too-deep");
  });

  it("refuses every truncation, whatever lies behind", () => {
    const whole = hex(
      "a3 6161 83 01 f4 fb3ff199999999999a 6162 4401020304 6163 a1 6164 65 68656c6c6f",
    );
    expect(walkCbor(whole, 0, whole.u8.length, LIMITS)).toBe(Status.Ok);
    const { o, at } = inSlab(whole);
    for (let n = 0; n < whole.u8.length; n++) {
      expect(statusName(walkCbor(o, at, n, LIMITS)), `${n} octets`).toBe("truncated");
    }
  });

  it("gives up on keys that were made to have the same hash", () => {
    const limits = { ...LIMITS, octets: 1_000_000, items: 10_000, mapEntries: 1_000 };
    const encoder = new Encoder({ useRecords: false, variableMapSize: true });
    const walkKeys = (keys: readonly string[]): string => {
      const octets = new Octets(encoder.encode(Object.fromEntries(keys.map((key) => [key, 0]))));
      return statusName(walkCbor(octets, 0, octets.u8.length, limits));
    };
    const keys = collidingKeys();
    expect(new Set(keys.map((key) => fnv(`\x78\xaa${key}`))).size).toBe(1);
    expect(walkKeys(keys.slice(0, 8))).toBe("ok");
    expect(walkKeys(keys)).toBe("too-many");
    expect(walkKeys(keys.map((key, i) => `${i}${key}`))).toBe("ok");
  });

  it("takes whatever another encoder makes of plain data, and never throws", () => {
    const plain = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.string({ unit: "grapheme" }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 5 }),
        fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), tie("value"), { maxKeys: 5 }),
      ),
    })).value;
    const encoder = new Encoder({ useRecords: false, variableMapSize: true });
    const limits = { ...LIMITS, octets: 1_000_000, items: 100_000, depth: 20, mapEntries: 100 };
    const wide = fc.property(plain, (value) => {
      const { o, at, len } = inSlab(new Octets(encoder.encode(value)));
      expect(statusName(walkCbor(o, at, len, limits))).toBe("ok");
    });
    fc.assert(wide, { interruptAfterTimeLimit: 2_000 });
    const rubbish = fc.property(fc.uint8Array({ maxLength: 64 }), (u8) => {
      const { o, at, len } = inSlab(new Octets(u8));
      expect(statusName(walkCbor(o, at, len, LIMITS))).not.toBe("unknown");
    });
    fc.assert(rubbish, { numRuns: 2_000, interruptAfterTimeLimit: 2_000 });
  });
});

describe("sequences", () => {
  it("are items one behind the other, and the limits are for all of them", () => {
    const { o, at, len } = inSlab(hex("01 6161 a0 80"));
    expect(walkCborSequence(o, at, len, LIMITS)).toBe(Status.Ok);
    expect(walkCborSequence(o, at, 0, LIMITS)).toBe(Status.Ok);
    expect(walkCborSequence(o, at, len, { ...LIMITS, items: 4 })).toBe(Status.Ok);
    expect(walkCborSequence(o, at, len, { ...LIMITS, items: 3 })).toBe(Status.TooMany);
    expect(walkCborSequence(o, at, 2, LIMITS)).toBe(Status.Truncated);
    expect(walkCborSequence(o, at, len, { ...LIMITS, octets: 4 })).toBe(Status.BadLength);
  });

  it("are cut into items while they come in", () => {
    const { o, at, len } = inSlab(hex("826161 01 02 ff"));
    expect(cborItemEnd(o, at, 1, LIMITS)).toBe(-1);
    expect(cborItemEnd(o, at, 3, LIMITS)).toBe(-1);
    expect(cborItemEnd(o, at, len, LIMITS)).toBe(at + 4);
    expect(cborItemEnd(o, at + 5, 1, LIMITS)).toBe(0);
    expect(cborItemEnd(o, at, len, { ...LIMITS, octets: 3 })).toBe(0);
    // It claims more than there may ever be.
    const { o: long, at: from } = inSlab(hex("5a00100000 0000"));
    expect(cborItemEnd(long, from, 7, { ...LIMITS, octets: 6 })).toBe(0);
  });
});

/**
 * Texts of six characters, two of which lead from one state of the hash to the same other one; the first states are those after the
 * octets that the walk sees in front of each key (a text of 170 octets) and 128 times "k". To search for them takes seconds.
 */
const COLLISIONS: readonly (readonly [string, string])[] = [
  ["00mc3p", "01ae1a"],
  ["000vl8", "00hpd6"],
  ["00m65v", "01a23a"],
  ["000pwu", "00b5fa"],
  ["004uzx", "00f2ad"],
  ["0035zx", "00apcd"],
  ["0053zx", "00cpad"],
];

/** 128 texts of one hash: at each place either of two that lead to the same state. */
function collidingKeys(): string[] {
  let keys = ["k".repeat(128)];
  for (const [a, b] of COLLISIONS) keys = keys.flatMap((key) => [key + a, key + b]);
  return keys;
}

function fnv(text: string, state: number = 0x811c9dc5 | 0): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

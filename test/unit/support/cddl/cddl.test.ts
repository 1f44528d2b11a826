import { describe, expect, it } from "vitest";
import { parseCddl } from "../../../support/cddl/parse-cddl.ts";
import { mismatch } from "../../../support/cddl/validate.ts";
import { bytes } from "../../../support/hex.ts";

/** A rule, octets that are what it says, and octets that are not. */
const EXAMPLES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["a = uint", ["00", "1bffffffffffffffff"], ["20", "f90000", "60", "f6"]],
  ["a = nint", ["20"], ["00"]],
  ["a = int", ["20", "00"], ["f93c00"]],
  ["a = number", ["00", "f93c00"], ["60"]],
  ["a = float", ["f93c00", "fb3ff199999999999a"], ["00", "f5"]],
  ["a = bstr", ["40"], ["60"]],
  ["a = tstr", ["60"], ["40"]],
  ["a = bool", ["f4", "f5"], ["f6", "00"]],
  ["a = null", ["f6"], ["f7", "f4"]],
  ["a = any", ["a0", "f7"], []],
  ['a = "x"', ["6178"], ["6179", "4178"]],
  ["a = -8", ["27"], ["08", "26"]],
  ["a = 5..600", ["05", "190258"], ["04", "190259", "f94500"]],
  ["a = 1 / tstr / null", ["01", "60", "f6"], ["02", "40"]],
  ["a = bstr .size 2", ["420000"], ["4100", "43000000", "626161"]],
  ["a = tstr .size (1..2)", ["6161", "62c3bc"], ["60", "63616161"]],
  ['a = tstr .regexp "[a-c]+"', ["6161"], ["60", "6164", "626164", "626461"]],
  ["a = uint .le 3", ["03"], ["04"]],
  ["a = int .ge -1", ["20"], ["21"]],
  ["a = []", ["80"], ["8101", "a0"]],
  ["a = [ 1, 2 ]", ["820102"], ["8101", "83010203", "820201"]],
  ["a = [ * uint ]", ["80", "820102"], ["8160", "820160"]],
  ["a = [ + uint ]", ["8101"], ["80"]],
  ["a = [ ? uint, tstr ]", ["820160", "8160"], ["80", "8101", "83010160"]],
  ["a = [ 2*3 uint ]", ["820102", "83010203"], ["8101", "8401020304"]],
  ["a = {}", ["a0"], ["a1616101", "80"]],
  ["a = { x: uint }", ["a1617801"], ["a0", "a1617860", "a2617801617901", "a1417801"]],
  ['a = { "x": uint, ? y: tstr }', ["a1617801", "a2617801617960"], ["a2617801617901", "a1617960"]],
  ["a = { 1: -8 }", ["a10127"], ["a10126", "a1613127"]],
  ["a = { * tstr => uint }", ["a0", "a2617801617902"], ["a1617860", "a10101"]],
  [
    "a = { x: tstr, * tstr => uint }",
    ["a2617860617901"],
    ["a1617801", "a1617901", "a2617860617960"],
  ],
  ["a = { x: b }  b = [ c ] c = uint ; words", ["a161788101"], ["a161788160"]],
  ["a = #6.18(uint)", ["d201"], ["01", "d301", "d260"]],
  ["a = bstr .cbor { x: uint }", ["44a1617801"], ["44a1617860", "40"]],
  ["a = (uint / tstr)", ["01", "60"], ["40"]],
  ["a = { x: uint / tstr, y: bool }", ["a2617801 6179f4", "a2617860 6179f4"], ["a26178406179f4"]],
  ["a = [ * { x: 1 } ]", ["81a1617801"], ["81a1617802"]],
];

describe("CDDL", () => {
  it.each(EXAMPLES)("%s", (source, good, bad) => {
    const rules = parseCddl(source);
    for (const text of good) expect(mismatch(rules, "a", bytes(text)), text).toBeUndefined();
    for (const text of bad) {
      let why: string | undefined;
      try {
        why = mismatch(rules, "a", bytes(text));
      } catch (error) {
        why = String(error);
      }
      expect(why, text).toBeTypeOf("string");
    }
  });

  it.each([
    "a = b",
    "a = uint a = tstr",
    "uint = int",
    "a = { x }",
    "a = uint .bits 3",
    "a = [ uint",
    "a = 1..tstr",
    "a = ~b b = uint",
    "a = { x: uint // y: uint }",
    "a = ",
    "= uint",
  ])("does not understand %s", (source) => {
    expect(() => parseCddl(source)).toThrow("CDDL");
  });

  it("says where something is wrong", () => {
    const rules = parseCddl("a = { x: [ * { y: tstr } ] }");
    expect(mismatch(rules, "a", bytes("a1 6178 82 a1617960 a1617901"))).toBe(
      'a."x"[1]."y": tstr was expected, not 1',
    );
    expect(mismatch(rules, "a", bytes("a0"))).toBe("a: x is missing");
    expect(mismatch(rules, "a", bytes("a2 6178 80 617a 01"))).toBe('a: "z" is no member');
    expect(() => mismatch(rules, "b", bytes("00"))).toThrow("no rule b");
    expect(() => mismatch(rules, "a", bytes("a000"))).toThrow("follows");
  });
});

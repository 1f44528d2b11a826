import { describe, expect, it } from "vitest";
import { formatMac, macText, parseMac, sameMac } from "../../../../protocols/wire/mac-address.ts";
import { hex } from "../../../support/hex.ts";

describe("MAC text", () => {
  it.each([
    ["00:03:ba:5b:ae:b3", "00:03:ba:5b:ae:b3"],
    ["00-03-BA-5B-AE-B3", "00:03:ba:5b:ae:b3"],
    ["0:3:ba:5b:ae:b3", "00:03:ba:5b:ae:b3"],
  ])("reads %s", (text, want) => {
    const mac = parseMac(text);
    expect(mac && formatMac(mac)).toBe(want);
  });

  it.each(["", "00:03:ba:5b:ae", "00:03:ba:5b:ae:b3:01", "00:03:ba:5b:ae:g3", "003:3:ba:5b:ae:b3"])(
    "refuses %j",
    (text) => expect(parseMac(text)).toBeUndefined(),
  );

  it("reads from octets", () => {
    const o = hex("ff 00 03 ba 5b ae b3 ff");
    expect(macText(o, 1)).toBe("00:03:ba:5b:ae:b3");
    const mac = parseMac("00:03:ba:5b:ae:b3") ?? new Uint8Array();
    expect(sameMac(o, 1, mac)).toBe(true);
    expect(sameMac(o, 0, mac)).toBe(false);
  });
});

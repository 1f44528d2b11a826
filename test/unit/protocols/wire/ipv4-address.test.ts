import { describe, expect, it } from "vitest";
import {
  formatIpv4,
  hexIpv4,
  maskOf,
  parseIpv4,
  sameNetwork,
} from "../../../../protocols/wire/ipv4-address.ts";

describe("IPv4 text", () => {
  it.each([
    ["192.168.77.21", 0xc0a84d15 | 0],
    ["0.0.0.0", 0],
    ["255.255.255.255", -1],
    ["10.0.0.1", 0x0a000001],
  ])("%s both ways", (text, value) => {
    expect(parseIpv4(text)).toBe(value);
    expect(formatIpv4(value)).toBe(text);
  });

  it.each(["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.x", " 1.2.3.4", "1..2.3"])(
    "refuses %j",
    (text) => expect(parseIpv4(text)).toBeUndefined(),
  );

  it("names files as Sun PROMs do", () => {
    expect(hexIpv4(0xc0a84d15 | 0)).toBe("C0A84D15");
    expect(hexIpv4(0x0a000001)).toBe("0A000001");
  });

  it.each([
    [0, 0],
    [8, 0xff000000 | 0],
    [24, 0xffffff00 | 0],
    [32, -1],
  ])("mask of /%i", (len, mask) => expect(maskOf(len)).toBe(mask));

  it("compares networks", () => {
    expect(sameNetwork(0xc0a84d15 | 0, 0xc0a84dff | 0, maskOf(24))).toBe(true);
    expect(sameNetwork(0xc0a84d15 | 0, 0xc0a84e15 | 0, maskOf(24))).toBe(false);
  });
});

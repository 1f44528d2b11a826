import { describe, expect, it } from "vitest";
import { OnLink, ownAddress } from "../../../../../agent/discovery/mdns/links.ts";
import { hostLabel, instanceLabel, instanceOf } from "../../../../../agent/discovery/mdns/names.ts";
import { readTxt, txtRdata, writeTxt } from "../../../../../agent/discovery/mdns/txt-strings.ts";

describe("labels", () => {
  it.each([
    ["rack7", 1, "rack7"],
    ["rack7", 2, "rack7 (2)"],
    ["rack7.example.org", 1, "rack7-example-org"],
    ["  a\u0000b\n ", 1, "ab"],
    ["", 1, "pilotlight"],
    ["Küche", 3, "Küche (3)"],
  ])("%j, number %d: %j", (name, n, label) => {
    expect(instanceLabel(name, n)).toBe(label);
  });

  it("have at most 63 octets, and no character is torn", () => {
    for (const n of [1, 2, 10, 12_345]) {
      const label = instanceLabel("ü".repeat(100), n);
      expect(Buffer.byteLength(label)).toBeLessThanOrEqual(63);
      expect(label).not.toContain("\ufffd");
      expect(hostLabel("x".repeat(100), "k7xq", n).length).toBeLessThanOrEqual(63);
    }
  });

  it.each([
    ["Rack 7 (cellar)", "rack-7-cellar-k7xq"],
    ["---", "pilotlight-k7xq"],
    ["küche", "k-che-k7xq"],
  ])("of the host of %j: %j", (name, label) => {
    expect(hostLabel(name, "k7xqm2ab")).toBe(label);
  });

  it("an instance is what stands before its service", () => {
    expect(instanceOf("a.b._pilotlight._TCP.local", "_pilotlight._tcp")).toBe("a.b");
    expect(instanceOf("_pilotlight._tcp.local", "_pilotlight._tcp")).toBeUndefined();
    expect(instanceOf("._pilotlight._tcp.local", "_pilotlight._tcp")).toBeUndefined();
    expect(instanceOf("a._ipp._tcp.local", "_pilotlight._tcp")).toBeUndefined();
  });
});

describe("texts", () => {
  it("come back as they were written; keys without case, the first of two counts", () => {
    const strings = writeTxt([
      ["board", "rpi4"],
      ["site", "a=b"],
      ["BOARD", "second"],
    ]);
    expect([...readTxt([...strings, Buffer.from("flag"), Buffer.from("=x")])]).toEqual([
      ["board", "rpi4"],
      ["site", "a=b"],
      ["flag", ""],
    ]);
    expect(txtRdata(strings.slice(0, 1))).toEqual(Buffer.from("\x0aboard=rpi4"));
  });

  it("no string is longer than 255 octets, and 32 keys are looked at", () => {
    expect(writeTxt([["k", "ü".repeat(300)]])[0]?.length).toBeLessThanOrEqual(255);
    expect(readTxt(Array.from({ length: 100 }, (_, i) => Buffer.from(`k${i}=`))).size).toBe(32);
  });
});

describe("links", () => {
  const link = {
    name: "eth0",
    addresses: [
      { family: 6 as const, address: "2001:db8::1", prefixLen: 64 },
      { family: 6 as const, address: "fe80::1", prefixLen: 64 },
      { family: 4 as const, address: "10.9.0.1", prefixLen: 24 },
    ],
  };

  it("a lane sends from the IPv4 address, or the link-local one", () => {
    expect(ownAddress(link, 4)).toBe("10.9.0.1");
    expect(ownAddress(link, 6)).toBe("fe80::1");
  });

  it.each([
    ["10.9.0.200", true],
    ["10.9.1.1", false],
    ["fe80::2%eth0", true],
    ["2001:db8::5", true],
    ["2001:db8:1::5", false],
    ["rubbish", false],
  ])("%s is on it: %s", (address, on) => {
    expect(new OnLink(link).has(address)).toBe(on);
  });
});

import { describe, expect, it } from "vitest";
import {
  ArchitectureListView,
  ClientIdentifierView,
  Ipv4ListView,
  MachineIdentifierView,
  NetworkInterfaceView,
} from "../../../../protocols/dhcp/client-options.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { hex } from "../../../support/hex.ts";
import { expectNeverThrows } from "../../../support/view-checks.ts";

describe("client identifier (61)", () => {
  const v = new ClientIdentifierView();
  // iPXE: type 1 and its Ethernet address.
  const ipxe = hex("01 525400aa0002");
  it("reads type and identifier", () => {
    expect(v.reset(ipxe, 0, 7)).toBe(Status.Ok);
    expect([v.type, v.idAt, v.idLen]).toEqual([1, 1, 6]);
  });
  it("needs two octets", () => {
    for (const len of [0, 1]) expect(v.reset(ipxe, 0, len)).toBe(Status.Truncated);
    expectNeverThrows(v, [ipxe]);
  });
});

describe("architectures (93)", () => {
  const v = new ArchitectureListView();
  it("reads a list in its order", () => {
    expect(v.reset(hex("0007 0010"), 0, 4)).toBe(Status.Ok);
    expect([v.count, v.architecture(0), v.architecture(1)]).toEqual([2, 7, 16]);
    expect([v.architecture(2), v.architecture(-1)]).toEqual([-1, -1]);
  });
  it.each([
    ["", Status.Truncated],
    ["00", Status.Truncated],
    ["000700", Status.BadLength],
  ])("refuses %j", (text, want) => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(want);
  });
});

describe("network interface (94)", () => {
  const v = new NetworkInterfaceView();
  it("reads UNDI 2.1, as iPXE sends it", () => {
    expect(v.reset(hex("01 02 01"), 0, 3)).toBe(Status.Ok);
    expect([v.type, v.major, v.minor]).toEqual([1, 2, 1]);
  });
  it.each([
    ["0102", Status.Truncated],
    ["01020100", Status.BadLength],
  ])("refuses %j", (text, want) => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(want);
  });
});

describe("machine identifier (97)", () => {
  const v = new MachineIdentifierView();
  it("knows a UUID by type and length", () => {
    expect(v.reset(hex("00 44332211 6655 8877 99aa bbccddeeff00"), 0, 17)).toBe(Status.Ok);
    expect(v.uuidAt).toBe(1);
  });
  it.each([
    ["another type", "01 44332211 6655 8877 99aa bbccddeeff00"],
    ["another length", "00 44332211"],
  ])("keeps %s as it is", (_name, text) => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(v.uuidAt).toBe(-1);
  });
  it("needs a type", () => expect(v.reset(hex(""), 0, 0)).toBe(Status.Truncated));
});

describe("lists of addresses (150 and others)", () => {
  const v = new Ipv4ListView();
  it("reads them in order", () => {
    expect(v.reset(hex("c0a84d01 0a000001"), 0, 8)).toBe(Status.Ok);
    expect([v.count, v.address(0), v.address(1), v.address(2)]).toEqual([
      2,
      0xc0a84d01 | 0,
      0x0a000001,
      0,
    ]);
  });
  it.each([
    ["c0a84d", Status.Truncated],
    ["c0a84d0100", Status.BadLength],
  ])("refuses %j", (text, want) => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(want);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ClasslessRoute,
  ClasslessRoutesView,
  writeClasslessRoutes,
} from "../../../../protocols/dhcp/classless-routes.ts";
import { DHCP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { UserClassView } from "../../../../protocols/dhcp/user-class.ts";
import { VendorIdentifyingView } from "../../../../protocols/dhcp/vendor-identifying.ts";
import { maskOf } from "../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex } from "../../../support/hex.ts";
import { expectNeverThrows } from "../../../support/view-checks.ts";

describe("user class (77)", () => {
  const v = new UserClassView();
  const values = (text: string): string[] => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    const found: string[] = [];
    while (v.next()) {
      found.push(Buffer.from(o.u8.subarray(v.valueAt, v.valueAt + v.valueLen)).toString());
    }
    return found;
  };

  it("reads iPXE's bare text", () => {
    expect(values("69505845")).toEqual(["iPXE"]);
    expect(v.isBare).toBe(true);
  });
  it("reads the list of RFC 3004", () => {
    expect(values("04 69505845 03 616263")).toEqual(["iPXE", "abc"]);
    expect(v.isBare).toBe(false);
  });
  it.each(["00", "04 695058", "01 61 00"])("takes %s, which does not add up, as one", (text) => {
    expect(values(text)).toHaveLength(1);
    expect(v.isBare).toBe(true);
  });
  it("needs an octet, and never throws", () => {
    expect(v.reset(hex(""), 0, 0)).toBe(Status.Truncated);
    expectNeverThrows(v, [hex("04 69505845 03 616263")], () => {
      while (v.next());
    });
  });
});

describe("classless routes (121)", () => {
  const v = new ClasslessRoutesView();
  const w = new DhcpWriter();
  const message = new DhcpView();
  const scratch = Octets.alloc(400);
  const header = { op: 2, xid: 1, chaddr: new Uint8Array(6) };

  const roundTrip = (routes: readonly ClasslessRoute[]): ClasslessRoute[] => {
    const o = dirty(600);
    w.begin(header, o, 0, DHCP_LIMITS);
    expect(writeClasslessRoutes(w, routes, scratch)).toBe(true);
    expect(message.reset(o, 0, w.end())).toBe(Status.Ok);
    const at = message.optionAt(DhcpOption.ClasslessStaticRoute);
    const len = message.optionLen(DhcpOption.ClasslessStaticRoute);
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    const found: ClasslessRoute[] = [];
    while (v.next()) {
      found.push({ destination: v.destination, prefixLen: v.prefixLen, router: v.router });
    }
    return found;
  };

  it("reads the examples of RFC 3442: no more octets than the prefix has", () => {
    const o = hex("00 0a000001  08 0a 0a000001  18 0a0000 0a000001  19 0a000080 0a000001");
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    const seen: number[][] = [];
    while (v.next()) seen.push([v.prefixLen, v.destination, v.router]);
    expect(seen).toEqual([
      [0, 0, 0x0a000001],
      [8, 0x0a000000, 0x0a000001],
      [24, 0x0a000000, 0x0a000001],
      [25, 0x0a000080, 0x0a000001],
    ]);
  });

  it("reads back what was written", () => {
    const address = fc.integer({ min: -0x80000000, max: 0x7fffffff });
    const route = fc
      .record({ destination: address, prefixLen: fc.nat(32), router: address })
      .map((r) => ({ ...r, destination: r.destination & maskOf(r.prefixLen) }));
    fc.assert(
      fc.property(fc.array(route, { minLength: 1, maxLength: 20 }), (routes) => {
        expect(roundTrip(routes)).toEqual(routes);
      }),
      { interruptAfterTimeLimit: 1_000 },
    );
  });

  it.each([
    ["21 0a000000 00 0a000001", Status.BadLength],
    ["18 0a0000 0a0000", Status.BadLength],
    ["00 0a0000", Status.Truncated],
  ])("refuses %s", (text, want) => {
    const o = hex(text);
    expect(v.reset(o, 0, o.u8.length)).toBe(want);
  });
});

describe("vendor-identifying options (124, 125)", () => {
  const v = new VendorIdentifyingView();
  const two = hex("00000de9 02 0101  0000197f 00");

  it("walks the vendors", () => {
    expect(v.reset(two, 0, two.u8.length)).toBe(Status.Ok);
    const seen: number[][] = [];
    while (v.next()) seen.push([v.enterprise, v.dataAt, v.dataLen]);
    expect(seen).toEqual([
      [3561, 5, 2],
      [6527, 12, 0],
    ]);
  });
  it("refuses every truncation but the one between vendors", () => {
    for (let len = 0; len < two.u8.length; len++) {
      const want = len < 5 ? Status.Truncated : len === 7 ? Status.Ok : Status.BadLength;
      expect(v.reset(two, 0, len)).toBe(want);
    }
    expectNeverThrows(v, [two], () => {
      while (v.next());
    });
  });
});

import { describe, expect, it } from "vitest";
import { formatIpv6, Ipv6View } from "../../../../protocols/ipv6/packet.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { hex } from "../../../support/hex.ts";
import { expectEveryTruncationRefused, expectNeverThrows } from "../../../support/view-checks.ts";

const ADDRESSES = "fe800000000000000000000000000001 ff020000000000000000000000000002";
const packet = (len: string, next: string, rest: string): ReturnType<typeof hex> =>
  hex(`60000000 ${len} ${next} 40 ${ADDRESSES} ${rest}`);
const udp = packet("0004", "11", "01020304");
const extended = packet(
  "0024",
  "00",
  "3c00000000000000 3300000000000000 1101000000000000 0000000000000000 01020304",
);

describe("Ipv6View", () => {
  const v = new Ipv6View();

  it("reads the header", () => {
    expect(v.reset(udp, 0, udp.u8.length)).toBe(Status.Ok);
    expect(v).toMatchObject({
      protocol: 17,
      payloadAt: 40,
      payloadLen: 4,
      hopLimit: 64,
      missing: 0,
    });
    expect(formatIpv6(udp, v.srcAt)).toBe("fe80::1");
    expect(formatIpv6(udp, v.dstAt)).toBe("ff02::2");
  });

  it("steps over extension headers", () => {
    expect(v.reset(extended, 0, extended.u8.length)).toBe(Status.Ok);
    expect(v).toMatchObject({ protocol: 17, isFragment: false });
  });

  it("tells fragments from atomic ones", () => {
    const fragment = packet("000c", "2c", "1100000900000001 01020304");
    expect(v.reset(fragment, 0, fragment.u8.length)).toBe(Status.Ok);
    expect(v.isFragment).toBe(true);
    const atomic = packet("000c", "2c", "1100000000000001 01020304");
    v.reset(atomic, 0, atomic.u8.length);
    expect(v).toMatchObject({ isFragment: false, payloadLen: 4 });
  });

  it.each([
    { name: "another version", o: hex(`40${"00".repeat(39)}`), want: Status.BadVersion },
    {
      name: "a header that leaves the packet",
      o: packet("0008", "00", "1102000000000000"),
      want: Status.BadLength,
    },
    {
      name: "no end of headers",
      o: packet("0048", "3c", "3c00000000000000".repeat(9)),
      want: Status.TooMany,
    },
  ])("refuses $name", ({ o, want }) => {
    expect(v.reset(o, 0, o.u8.length)).toBe(want);
  });

  it("says what a cut capture lacks", () => {
    expect(v.resetCut(udp, 0, 42)).toBe(Status.Ok);
    expect(v).toMatchObject({ payloadLen: 2, missing: 2 });
  });

  it("refuses every truncation and never throws", () => {
    expectEveryTruncationRefused(v, udp);
    expectEveryTruncationRefused(v, extended);
    expectNeverThrows(v, [udp, extended]);
  });
});

describe("formatIpv6", () => {
  it.each([
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["20010db8000000000000000000000000", "2001:db8::"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["20010db8000000000001000000000000", "2001:db8:0:0:1::"],
  ])("%s", (text, want) => {
    expect(formatIpv6(hex(text), 0)).toBe(want);
  });
});

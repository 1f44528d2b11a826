import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitIpv4,
  IPPROTO_UDP,
  IPV4_HEADER_LEN,
  type Ipv4Repr,
  Ipv4View,
} from "../../../../protocols/ipv4/packet.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";

// iPXE's TFTP acknowledgement, as captured.
const IPXE_ACK = "4500 0020 0406 0000 4011 5b2e c0a8 4d47 c0a8 4d01 b5f4 8a1e 000c a425 0004 0000";
// Headers of an NFS reply in fragments: the first, the second and the last.
const FRAGMENTS = [
  { text: "4500 05dc 30eb 2000 4011 08bf c0a8 4d01 c0a8 4d15", at: 0, more: true, len: 1480 },
  { text: "4500 05dc 30eb 20b9 4011 0806 c0a8 4d01 c0a8 4d15", at: 1480, more: true, len: 1480 },
  { text: "4500 0398 30eb 039d 4011 2766 c0a8 4d01 c0a8 4d15", at: 7400, more: false, len: 900 },
];
// IGMP with the router alert option (RFC 2113), as Linux sends it.
const WITH_OPTIONS =
  "46c0 0028 0000 4000 0102 f5ed c0a8 4d63 e000 0016 9404 0000 2200 eafe 0000 0001 0300 0000 efff 0000";

/** Sets one 16-bit word of a header and makes its checksum right again. */
function patched(text: string, at: number, word: number): Octets {
  const o = hex(text);
  o.dv.setUint16(at, word);
  o.dv.setUint16(10, 0);
  o.dv.setUint16(10, foldChecksum(sum16(o, 0, (o.dv.getUint8(0) & 15) * 4, 0)));
  return o;
}

describe("Ipv4View", () => {
  it("reads a packet and leaves padding out", () => {
    const o = hex(`a5 ${IPXE_ACK} ${"00".repeat(14)}`);
    const v = new Ipv4View();
    expect(v.reset(o, 1, o.u8.length - 1)).toBe(Status.Ok);
    expect([v.headerLen, v.totalLen, v.id, v.ttl, v.protocol]).toEqual([20, 32, 0x406, 64, 17]);
    expect([v.src, v.dst]).toEqual([0xc0a84d47 | 0, 0xc0a84d01 | 0]);
    expect([v.payloadAt, v.payloadLen, v.optionsLen]).toEqual([21, 12, 0]);
    expect([v.dontFragment, v.isFragment, v.fragmentOffset]).toEqual([false, false, 0]);
  });

  it.each(FRAGMENTS)("recognises the fragment at $at", ({ text, at, more, len }) => {
    const o = Octets.alloc(1500);
    o.u8.set(hex(text).u8);
    const v = new Ipv4View();
    expect(v.reset(o, 0, 1500)).toBe(Status.Ok);
    expect([v.isFragment, v.moreFragments, v.fragmentOffset, v.payloadLen]).toEqual([
      true,
      more,
      at,
      len,
    ]);
  });

  it("locates options", () => {
    const o = hex(WITH_OPTIONS);
    const v = new Ipv4View();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(toHex(o, v.optionsAt, v.optionsLen)).toBe("94040000");
    expect([v.headerLen, v.payloadAt, v.payloadLen, v.dontFragment]).toEqual([24, 24, 16, true]);
  });

  it.each([IPXE_ACK, WITH_OPTIONS])("rejects every truncation of %s", (text) => {
    const whole = hex(text).u8;
    for (let n = 0; n < whole.length; n++) {
      expect(new Ipv4View().reset(new Octets(whole.slice(0, n)), 0, n)).toBe(Status.Truncated);
    }
  });

  it.each([
    { name: "IPv6", at: 0, word: 0x6500, want: Status.BadVersion },
    { name: "a header of 16 octets", at: 0, word: 0x4400, want: Status.BadLength },
    { name: "a total length below the header", at: 2, word: 19, want: Status.BadLength },
    { name: "a total length beyond the frame", at: 2, word: 33, want: Status.Truncated },
    { name: "a fragment beyond 65535 octets", at: 6, word: 0x1fff, want: Status.BadLength },
  ])("refuses $name", ({ at, word, want }) => {
    expect(new Ipv4View().reset(patched(IPXE_ACK, at, word), 0, 32)).toBe(want);
  });

  it("refuses every single flipped bit of the header", () => {
    for (let bit = 0; bit < IPV4_HEADER_LEN * 8; bit++) {
      const o = hex(IPXE_ACK);
      o.dv.setUint8(bit >> 3, o.dv.getUint8(bit >> 3) ^ (1 << (bit & 7)));
      expect(new Ipv4View().reset(o, 0, 32)).not.toBe(Status.Ok);
    }
  });

  it("never throws and never points outside its window", () => {
    const v = new Ipv4View();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 4, max: 15 }), (raw, ihl) => {
        const octets = raw.slice();
        const o = new Octets(octets);
        if (octets.length >= ihl * 4 && octets.length >= IPV4_HEADER_LEN) {
          octets[0] = 0x40 | ihl;
          o.dv.setUint16(2, o.dv.getUint16(2) & 0x7f);
          o.dv.setUint16(10, 0);
          o.dv.setUint16(10, foldChecksum(sum16(o, 0, ihl * 4, 0)));
        }
        if (v.reset(o, 0, octets.length) !== Status.Ok) return;
        expect(v.payloadLen).toBeGreaterThanOrEqual(0);
        expect(v.payloadAt + v.payloadLen).toBeLessThanOrEqual(octets.length);
        expect(v.optionsAt + v.optionsLen).toBe(v.payloadAt);
      }),
    );
  });
});

describe("emitIpv4", () => {
  it("writes the header that iPXE wrote", () => {
    const o = dirty(24);
    const r = { src: 0xc0a84d47 | 0, dst: 0xc0a84d01 | 0, protocol: IPPROTO_UDP, id: 0x406 };
    expect(emitIpv4(r, 12, o, 2)).toBe(IPV4_HEADER_LEN);
    expect(toHex(o)).toBe("a5a5450000200406000040115b2ec0a84d47c0a84d01a5a5");
  });

  it("parses back", () => {
    const repr: fc.Arbitrary<Ipv4Repr> = fc.record({
      src: fc.integer(),
      dst: fc.integer(),
      protocol: fc.nat(255),
      ttl: fc.nat(255),
      id: fc.nat(0xffff),
      dontFragment: fc.boolean(),
    });
    const v = new Ipv4View();
    fc.assert(
      fc.property(repr, fc.nat(100), (r, payloadLen) => {
        const o = dirty(IPV4_HEADER_LEN + payloadLen);
        emitIpv4(r, payloadLen, o, 0);
        expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
        const { src, dst, protocol, ttl, id, dontFragment } = v;
        expect({ src, dst, protocol, ttl, id, dontFragment }).toEqual(r);
        expect([v.payloadLen, v.isFragment]).toEqual([payloadLen, false]);
      }),
    );
  });

  it("allocates nothing, nor does the view", () => {
    const v = new Ipv4View();
    const o = dirty(64);
    const r = { src: 0xc0a84d47 | 0, dst: 0xc0a84d01 | 0, protocol: IPPROTO_UDP };
    let sink = 0;
    const octets = octetsPerOperation(() => {
      sink = (sink + emitIpv4(r, 44, o, 0) + v.reset(o, 0, 64) + v.src + v.payloadLen) | 0;
    });
    expect(octets).toBeLessThan(ALLOCATION_GATE);
  });
});

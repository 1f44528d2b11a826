import { describe, expect, it } from "vitest";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { hex } from "../../../support/hex.ts";
import { randomOctets } from "../../../support/prng.ts";

describe("internet checksum", () => {
  // The worked example of RFC 1071 section 3: 0001 f203 f4f5 f6f7 sums to ddf2.
  it("sums the example of RFC 1071", () => {
    const o = hex("0001 f203 f4f5 f6f7");
    expect(foldChecksum(sum16(o, 0, 8, 0))).toBe(~0xddf2 & 0xffff);
  });

  it("pads an odd end with zero", () => {
    expect(foldChecksum(sum16(hex("0001 f2"), 0, 3, 0))).toBe(
      foldChecksum(sum16(hex("0001 f200"), 0, 4, 0)),
    );
  });

  it("is zero over data that carries its own checksum", () => {
    const header = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    expect(foldChecksum(sum16(header, 0, 20, 0))).toBe(0);
  });
});

/** Word by word with an end-around carry after each, as RFC 1071 section 1 defines it. */
function byDefinition(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) {
    sum += ((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return ~sum & 0xffff;
}

describe("sums of any length", () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 61, 1_472, 65_534, 65_535])("%i octets", (len) => {
    for (const u8 of [randomOctets(len, len), new Uint8Array(len).fill(0xff)]) {
      const o = new Octets(u8);
      expect(foldChecksum(sum16(o, 0, len, 0))).toBe(byDefinition(u8));
      expect(foldChecksum(sum16(o, 0, len, 0x5_0000))).toBe(
        byDefinition(Uint8Array.of(0, 5, ...u8)),
      );
    }
  });
});

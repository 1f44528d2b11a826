import { describe, expect, it } from "vitest";
import { crc32 } from "../../../firmware-sim/crc32.ts";
import { Octets } from "../../../protocols/wire/octets.ts";

const CHECK = new Octets(Uint8Array.from("123456789", (c) => c.charCodeAt(0)));

describe("CRC-32", () => {
  it("gives the check value of IEEE 802.3", () => {
    expect(crc32(CHECK, 0, 9)).toBe(0xcbf43926);
  });
  it("is 0 for nothing", () => {
    expect(crc32(CHECK, 0, 0)).toBe(0);
  });
  it("continues over pieces", () => {
    expect(crc32(CHECK, 4, 5, crc32(CHECK, 0, 4))).toBe(0xcbf43926);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { interfaceMtu } from "../../../../agent/link/interfaces.ts";

describe("interfaceMtu", () => {
  it("is the kernel's for this very card, and Ethernet's when that cannot be known", async () => {
    const mtu = Number(readFileSync("/sys/class/net/lo/mtu", "latin1"));
    expect(await interfaceMtu({ name: "lo", mac: new Uint8Array(6) })).toBe(mtu);
    expect(await interfaceMtu({ name: "lo", mac: new Uint8Array(6).fill(2) })).toBe(1_500);
    expect(await interfaceMtu({ name: "none-such", mac: new Uint8Array(6) })).toBe(1_500);
  });
});

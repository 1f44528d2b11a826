import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IpxeFeature, IpxeView, writeNoProxyDhcp } from "../../../../protocols/dhcp/ipxe.ts";
import { BOOTP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";
import * as frames from "./frames.ts";

describe("IpxeView", () => {
  it("reads what an option ROM says about itself", () => {
    const o = hex(frames.IPXE_DISCOVER);
    const dhcp = new DhcpView();
    expect(dhcp.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    const v = new IpxeView();
    expect(v.reset(o, dhcp.optionAt(175), dhcp.optionLen(175))).toBe(Status.Ok);
    const able = Object.entries(IpxeFeature).filter(([, code]) => v.has(code));
    expect(able.map(([name]) => name)).toEqual([
      ...["PxeExt", "Iscsi", "Aoe", "Http", "Tftp", "Dns", "BzImage", "Multiboot"],
      ...["Pxe", "Elf", "Menu", "Nfs"],
    ]);
    expect(v.version).toBe(0x010000);
    expect([v.pciVendor, v.pciDevice]).toEqual([0x8086, 0x100e]);
  });

  it("does without, and forgets the message before", () => {
    const v = new IpxeView();
    expect(v.reset(hex("240101 eb03010203 b10501 1af41000"), 0, 15)).toBe(Status.Ok);
    expect([v.has(IpxeFeature.Efi), v.version, v.pciVendor]).toEqual([true, 0x010203, 0x1af4]);
    expect(v.reset(hex("240100 b10502 00000000 eb0101"), 0, 13)).toBe(Status.Ok);
    expect([v.has(IpxeFeature.Efi), v.version, v.pciVendor, v.pciDevice]).toEqual([
      false,
      -1,
      -1,
      -1,
    ]);
  });

  it("never claims a code that is no feature", () => {
    const v = new IpxeView();
    expect(v.reset(hex("0f0101 500101 b00101"), 0, 9)).toBe(Status.Ok);
    expect([0, 0x0f, 0x50, 0xb0, -1].map((code) => v.has(code))).toEqual(Array(5).fill(false));
  });

  it("knows each feature by its own code alone", () => {
    const v = new IpxeView();
    for (let code = 0x10; code <= 0x4f; code++) {
      expect(v.reset(new Octets(Uint8Array.of(code, 1, 1)), 0, 3)).toBe(Status.Ok);
      for (let other = 0; other < 256; other++) expect(v.has(other)).toBe(other === code);
    }
  });

  it("never throws", () => {
    const v = new IpxeView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        if (v.reset(new Octets(octets), 0, octets.length) !== Status.Ok) return;
        expect(v.version + v.pciVendor + v.pciDevice).toBeGreaterThanOrEqual(-3);
      }),
    );
  });
});

describe("writeNoProxyDhcp", () => {
  it("is b0 01 01 ff", () => {
    const o = dirty(320);
    const w = new DhcpWriter();
    w.begin({ op: 2, xid: 1, chaddr: bytes("525400aa0001") }, o, 0, BOOTP_LIMITS);
    expect(writeNoProxyDhcp(w)).toBe(true);
    w.end();
    expect(toHex(o, 240, 7)).toBe("af04b00101ffff");
  });
});

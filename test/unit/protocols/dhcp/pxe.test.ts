import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DHCP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import {
  encodePxeVendor,
  PxeVendorView,
  pxeMenu,
  RASPBERRY_PI_3B_BOOT,
  RASPBERRY_PI_BOOT,
  writePxeVendor,
} from "../../../../protocols/dhcp/pxe.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";
import * as frames from "./frames.ts";

function encoded(...args: Parameters<typeof encodePxeVendor>): string {
  const value = encodePxeVendor(...args);
  return value ? toHex(value) : "too long";
}

function ascii(text: string): string {
  return Array.from(text, (c) => c.charCodeAt(0).toString(16)).join("");
}

describe("option 43 for PXE", () => {
  it("is what a Raspberry Pi waits for", () => {
    expect(encoded(RASPBERRY_PI_BOOT)).toBe(
      `0601030a040050584509140000${"11"}${ascii("Raspberry Pi Boot")}ff`,
    );
    expect(encoded(RASPBERRY_PI_3B_BOOT)).toBe(
      `0601030a040050584509170000${"14"}${ascii("Raspberry Pi Boot   ")}ff`,
    );
  });

  it("reads dnsmasq's menu, and writes the same items", () => {
    const o = hex(frames.PROXY_OFFER);
    const dhcp = new DhcpView();
    expect(dhcp.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    const v = new PxeVendorView();
    expect(v.reset(o, dhcp.optionAt(43), dhcp.optionLen(43))).toBe(Status.Ok);
    expect([v.discoveryControl, v.bootItemType, v.bootItemLayer]).toEqual([3, -1, -1]);
    expect(toHex(o, v.serversAt, v.serversLen)).toBe("800101c0a84d02");
    expect(toHex(o, v.promptAt, v.promptLen)).toBe(`01${ascii("Lab boot")}`);
    const text = "Lab pxelinux via ipxe";
    expect(toHex(o, v.menuAt, v.menuLen)).toBe(`800115${ascii(text)}`);
    expect(
      encoded({
        discoveryControl: 3,
        servers: [{ type: 0x8001, addresses: [0xc0a84d02 | 0] }],
        prompt: { timeoutS: 1, text: "Lab boot" },
        menu: [{ type: 0x8001, text }],
      }),
    ).toBe(`0601030807800101c0a84d020a0901${ascii("Lab boot")}0918800115${ascii(text)}ff`);
  });

  it("is a menu whose items are all asked for at one server", () => {
    const prompt = { timeoutS: 5, text: "F8" };
    expect(encoded(pxeMenu(0xc0a84d02 | 0, prompt, ["Debian", "Test"]))).toBe(
      [
        "060103",
        "080e800001c0a84d02800101c0a84d02",
        `0a0305${ascii("F8")}`,
        `0910800006${ascii("Debian")}800104${ascii("Test")}`,
        "ff",
      ].join(""),
    );
    expect(encoded(pxeMenu(1, prompt, Array(26).fill("x")))).toBe("too long");
  });

  it("reads the item that iPXE asks for, and writes the answer", () => {
    const o = hex(frames.IPXE_BOOT_ITEM);
    const dhcp = new DhcpView();
    expect(dhcp.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    const v = new PxeVendorView();
    expect(v.reset(o, dhcp.optionAt(43), dhcp.optionLen(43))).toBe(Status.Ok);
    expect([v.bootItemType, v.bootItemLayer, v.menuAt]).toEqual([0x8001, 0, -1]);
    expect(encoded({ bootItem: { type: 0x8001, layer: 0 } })).toBe("470480010000ff");
  });

  it("goes into a message", () => {
    const o = dirty(560);
    const w = new DhcpWriter();
    w.begin({ op: 2, xid: 1, chaddr: bytes("525400aa0001") }, o, 0, DHCP_LIMITS);
    expect(writePxeVendor(w, hex("060108ff"))).toBe(true);
    w.end();
    expect(toHex(o, 240, 7)).toBe("2b04060108ffff");
    expect(DhcpOption.VendorSpecific).toBe(43);
  });

  it("refuses what is longer than an option", () => {
    const menu = [{ type: 0, text: "x".repeat(249) }];
    expect(encodePxeVendor({ menu })?.u8.length).toBe(255);
    expect(encodePxeVendor({ menu, discoveryControl: 8 })).toBeUndefined();
    expect(encodePxeVendor({ menu: [{ type: 0, text: "x".repeat(250) }] })).toBeUndefined();
  });

  it("ignores sub-options of a wrong length and refuses those cut off", () => {
    const v = new PxeVendorView();
    expect(v.reset(hex("0602 0101 4703 800100 0a00 ff"), 0, 12)).toBe(Status.Ok);
    expect([v.discoveryControl, v.bootItemType, v.promptAt]).toEqual([-1, -1, -1]);
    expect(v.reset(hex("06 01"), 0, 2)).toBe(Status.BadLength);
  });

  it("never throws", () => {
    const v = new PxeVendorView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        if (v.reset(new Octets(octets), 0, octets.length) !== Status.Ok) return;
        expect(v.menuAt + v.menuLen).toBeLessThanOrEqual(octets.length);
        expect(v.bootItemType + v.bootItemLayer).toBeGreaterThanOrEqual(-2);
      }),
    );
  });

  it("allocates nothing to read", () => {
    const v = new PxeVendorView();
    const o = hex("470480010000ff");
    let sink = 0;
    expect(
      octetsPerOperation(() => {
        sink = (sink + v.reset(o, 0, 7) + v.bootItemType) | 0;
      }),
    ).toBeLessThan(ALLOCATION_GATE);
  });
});

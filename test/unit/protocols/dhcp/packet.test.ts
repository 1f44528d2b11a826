import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DhcpMessageType,
  DhcpOption,
  messageTypeName,
} from "../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { macText } from "../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";
import * as frames from "./frames.ts";

const COOKIE = "63825363";

/** A message whose header is zero but for what is given, with `options` behind the cookie. */
function message(options: string, file = "", sname = ""): Octets {
  const tail = bytes(options);
  const o = Octets.alloc(240 + tail.length);
  o.u8.set([1, 1, 6], 0);
  o.u8.set(bytes(sname), 44);
  o.u8.set(bytes(file), 108);
  o.u8.set(bytes(COOKIE), 236);
  o.u8.set(tail, 240);
  return o;
}

function read(o: Octets): DhcpView {
  const v = new DhcpView();
  expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
  return v;
}

function listed(v: DhcpView, o: Octets): string[] {
  const list: string[] = [];
  v.forEachOption((code, at, len) => list.push(`${code}=${toHex(o, at, len)}`));
  return list;
}

describe("BOOTP requests of real clients", () => {
  it.each([
    { name: "klibc", text: frames.KLIBC_BOOTP, xid: 0xf059996d, cookie: false, file: "" },
    { name: "SLOF", text: frames.SLOF_BOOTP, xid: 0, cookie: false, file: "bla" },
    { name: "U-Boot", text: frames.UBOOT_BOOTP, xid: 0x00aa009b, cookie: true, file: "" },
    { name: "Linux", text: frames.LINUX_BOOTP, xid: 0x82d7d561, cookie: true, file: "" },
  ])("$name", ({ text, xid, cookie, file }) => {
    const o = hex(text);
    const v = read(o);
    expect([v.op, v.htype, v.hlen, v.hops, v.xid]).toEqual([1, 1, 6, 0, xid]);
    expect([v.hasCookie, v.isBootp, v.messageType]).toEqual([cookie, true, 0]);
    expect([v.fileText(), v.snameText()]).toEqual([file, ""]);
    expect(macText(o, v.chaddrAt)).toMatch(/^52:54:00:aa:00:0/);
    for (const code of [DhcpOption.SubnetMask, DhcpOption.Router, DhcpOption.DomainNameServer]) {
      expect(v.optionIpv4(code)).toBe(0);
    }
    expect([v.optionText(DhcpOption.HostName), v.optionText(DhcpOption.RootPath)]).toEqual([
      "",
      "",
    ]);
  });

  it("has the place holders of U-Boot and Linux", () => {
    const uboot = read(hex(frames.UBOOT_BOOTP));
    expect(uboot.optionText(DhcpOption.VendorClassIdentifier)).toBe("U-Boot.armv8");
    expect([uboot.optionLen(DhcpOption.SubnetMask), uboot.optionLen(17)]).toEqual([4, 32]);
    const linux = read(hex(frames.LINUX_BOOTP));
    expect(linux.optionU16(DhcpOption.MaximumDhcpMessageSize, 0)).toBe(406);
    expect([linux.optionLen(DhcpOption.DomainNameServer), linux.optionLen(40)]).toEqual([12, 32]);
  });
});

describe("DHCP messages of real clients", () => {
  it("iPXE's DISCOVER", () => {
    const o = hex(frames.IPXE_DISCOVER);
    const v = read(o);
    expect([v.isBootp, v.messageType, v.secs]).toEqual([false, DhcpMessageType.Discover, 4]);
    expect(v.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient:Arch:00000:UNDI:002001");
    expect(v.optionText(DhcpOption.UserClass)).toBe("iPXE");
    expect(v.optionU16(DhcpOption.ClientSystemArchitecture, 99)).toBe(0);
    expect(v.parameterListContains(DhcpOption.Ipxe)).toBe(true);
    expect(v.parameterListContains(DhcpOption.HostName)).toBe(true);
    expect(v.parameterListContains(DhcpOption.NtpServers)).toBe(false);
    expect(toHex(o, v.optionAt(97), v.optionLen(97))).toBe("00443322116655887799aabbccddeeff00");
    expect(v.optionAt(DhcpOption.ServerIdentifier)).toBe(-1);
  });

  it("EDK2's REQUEST, at an offset", () => {
    const whole = bytes(frames.EDK2_REQUEST);
    const o = dirty(whole.length + 7);
    o.u8.set(whole, 7);
    const v = new DhcpView();
    expect(v.reset(o, 7, whole.length)).toBe(Status.Ok);
    expect([v.messageType, v.flags]).toEqual([DhcpMessageType.Request, 0x8000]);
    expect(v.optionIpv4(DhcpOption.RequestedIpAddress)).toBe(0xc0a84d48 | 0);
    expect(v.optionIpv4(DhcpOption.ServerIdentifier)).toBe(0xc0a84d01 | 0);
    expect(v.optionU16(DhcpOption.MaximumDhcpMessageSize, 0)).toBe(65280);
    expect(v.optionU32(DhcpOption.RequestedIpAddress, 0)).toBe(0xc0a84d48);
    expect([v.chaddrAt, v.fileAt, v.snameAt]).toEqual([7 + 28, 7 + 108, 7 + 44]);
  });

  it("iPXE's request for a menu item carries ciaddr", () => {
    const v = read(hex(frames.IPXE_BOOT_ITEM));
    expect([v.ciaddr, v.yiaddr, v.siaddr, v.giaddr]).toEqual([0xc0a84d47 | 0, 0, 0, 0]);
  });
});

describe("option encoding", () => {
  it("skips pads, does without an end, and ignores what follows it", () => {
    expect(
      listed(read(message("00 00 350101 00 0c0161")), message("00 00 350101 00 0c0161")),
    ).toEqual(["53=01", "12=61"]);
    const o = message("350101 ff 0c0161");
    expect(read(o).optionAt(12)).toBe(-1);
  });

  it("keeps unknown codes", () => {
    const o = message("e003 010203 fe00 ff");
    const v = read(o);
    expect(listed(v, o)).toEqual(["224=010203", "254="]);
    expect([v.optionAt(254) > 0, v.optionLen(254)]).toEqual([true, 0]);
  });

  it.each(["35", "3501", "350101 0c", "350101 0c05 61", "350101 0cff"])(
    "refuses options cut off: %s",
    (text) => {
      const o = message(text);
      expect(new DhcpView().reset(o, 0, o.u8.length)).toBe(Status.BadLength);
    },
  );

  it("falls back for options that are absent or too short", () => {
    const v = read(message("350101 3901 ff 3302 0001 3300 ff"));
    expect([v.optionU8(1, 7), v.optionU16(57, 7), v.optionU32(51, 7)]).toEqual([7, 7, 7]);
    expect(v.optionIpv4(51)).toBe(0);
  });

  it("an empty option 53 is not BOOTP", () => {
    const v = read(message("3500 ff"));
    expect([v.isBootp, v.messageType]).toEqual([false, 0]);
  });

  it("drops the NULs that end a text", () => {
    expect(read(message("4304 61620000 ff")).optionText(67)).toBe("ab");
  });

  it("joins fragments in order (RFC 3396)", () => {
    const o = message("0c03 616263 350101 0c02 6465 ff");
    const v = read(o);
    const into = Octets.alloc(5);
    expect([v.optionLen(12), toHex(o, v.optionAt(12), 3)]).toEqual([3, "616263"]);
    expect(v.optionJoined(12, into)).toBe(5);
    expect(toHex(into)).toBe("6162636465");
    expect(v.optionText(12)).toBe("abcde");
    expect(v.optionJoined(12, Octets.alloc(4))).toBe(-1);
    expect(v.optionJoined(13, into)).toBe(-1);
  });

  it("finds a code in any fragment of the parameter list", () => {
    const v = read(message("3702 0103 350101 3702 0643 ff"));
    expect([1, 3, 6, 67, 12].map((c) => v.parameterListContains(c))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("overload (option 52)", () => {
  const file = "0c03 646566 4302 7878 ff";
  const sname = "0c02 6768 ff";

  it.each([
    { value: 1, joined: "abcdef", file: 0, sname: 3 },
    { value: 2, joined: "abcgh", file: 4, sname: 0 },
    { value: 3, joined: "abcdefgh", file: 0, sname: 0 },
    { value: 0, joined: "abc", file: 4, sname: 3 },
  ])("$value: options field, file, sname", (want) => {
    const o = message(
      `0c03 616263 3401 0${want.value} ff`,
      want.value & 1 ? file : "6e616d65",
      want.value & 2 ? sname : "737276",
    );
    const v = read(o);
    expect(v.optionText(12)).toBe(want.joined);
    expect([v.fileLen, v.snameLen]).toEqual([want.file, want.sname]);
    expect(v.optionText(67)).toBe(want.value & 1 ? "xx" : "");
  });

  it("an overload option inside an overloaded field means nothing", () => {
    const v = read(message("3401 01 ff", "3401 03 ff", "0c02 6768 ff"));
    expect([v.optionAt(12), v.snameLen]).toEqual([-1, 5]);
  });

  it("refuses a field whose options run over it", () => {
    const o = message("3401 02 ff", "", `0c3f ${"61".repeat(62)}`);
    expect(new DhcpView().reset(o, 0, o.u8.length)).toBe(Status.BadLength);
  });

  it("takes names that fill their field without a NUL", () => {
    const v = read(message("ff", "61".repeat(128), "62".repeat(64)));
    expect([v.fileLen, v.snameLen]).toEqual([128, 64]);
    expect(v.fileText()).toBe("a".repeat(128));
  });
});

describe("bounds", () => {
  it.each([frames.IPXE_DISCOVER, frames.EDK2_REQUEST, frames.UBOOT_BOOTP])(
    "every truncation",
    (text) => {
      const whole = bytes(text);
      const v = new DhcpView();
      for (let n = 0; n < whole.length; n++) {
        const status = v.reset(new Octets(whole.slice(0, n)), 0, n);
        if (n < 236) expect(status).toBe(Status.Truncated);
        else if (n <= 240) expect([status, v.hasCookie]).toEqual([Status.Ok, n === 240]);
        else expect([Status.Ok, Status.BadLength]).toContain(status);
      }
    },
  );

  it("a truncation is Ok only between options", () => {
    const whole = bytes(frames.IPXE_DISCOVER);
    const boundaries = new Set<number>([240]);
    read(new Octets(whole)).forEachOption((_, at, len) => boundaries.add(at + len));
    for (let n = 240; n < whole.length; n++) {
      const status = new DhcpView().reset(new Octets(whole.slice(0, n)), 0, n);
      expect(status === Status.Ok).toBe(boundaries.has(n));
    }
  });

  it("refuses a hardware address that does not fit its field", () => {
    const o = message("ff");
    o.dv.setUint8(2, 17);
    expect(new DhcpView().reset(o, 0, o.u8.length)).toBe(Status.BadLength);
  });

  it("forgets the message before", () => {
    const v = read(hex(frames.IPXE_DISCOVER));
    const o = hex(frames.KLIBC_BOOTP);
    expect(v.reset(o, 0, 236)).toBe(Status.Ok);
    expect([v.hasCookie, v.optionAt(53), listed(v, o).length]).toEqual([false, -1, 0]);
    expect(v.optionJoined(53, Octets.alloc(4))).toBe(-1);
  });

  it("never throws and never reads outside its window", () => {
    const v = new DhcpView();
    const into = Octets.alloc(400);
    const overload = fc.constantFrom("", "340101", "340102", "340103");
    const tail = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 236 }), overload, tail, (head, over, rest) => {
        const o = message(`${over}${toHex(new Octets(rest))}`);
        o.u8.set(head);
        if (v.reset(o, 0, o.u8.length) !== Status.Ok) return;
        v.forEachOption((_, at, len) => expect(at + len).toBeLessThanOrEqual(o.u8.length));
        expect(v.fileText().length + v.snameText().length).toBeLessThanOrEqual(192);
        for (let code = 0; code < 256; code++) {
          const at = v.optionAt(code);
          expect(at + v.optionLen(code)).toBeLessThanOrEqual(o.u8.length);
          expect(v.optionJoined(code, into) >= v.optionLen(code) || at === -1).toBe(true);
          v.optionU32(code, 0);
          v.optionText(code);
          v.parameterListContains(code);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("allocates nothing", () => {
    const v = new DhcpView();
    const o = hex(frames.IPXE_DISCOVER);
    const into = Octets.alloc(64);
    let sink = 0;
    const octets = octetsPerOperation(() => {
      sink = (sink + v.reset(o, 0, o.u8.length) + v.xid + v.messageType + v.optionU16(93, 0)) | 0;
      sink = (sink + v.optionJoined(97, into) + v.optionIpv4(50)) | 0;
      if (v.parameterListContains(67)) sink ^= 1;
    });
    expect(octets).toBeLessThan(ALLOCATION_GATE);
  });
});

it.each([
  [0, "BOOTP"],
  [1, "DISCOVER"],
  [8, "INFORM"],
  [13, "type 13"],
])("names message type %i", (type, name) => expect(messageTypeName(type)).toBe(name));

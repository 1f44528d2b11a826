import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BOOTP_LIMITS,
  DHCP_LIMITS,
  type DhcpHeaderRepr,
  DhcpWriter,
  replyLimit,
} from "../../../../protocols/dhcp/message.ts";
import { BOOTREPLY, DhcpOption } from "../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";
import * as frames from "./frames.ts";

const CHADDR = bytes("525400aa0001");
const REPLY: DhcpHeaderRepr = { op: BOOTREPLY, xid: 0x866e9f56, chaddr: CHADDR };

function parsed(o: Octets, at: number, len: number): DhcpView {
  const v = new DhcpView();
  // Octets of its own, so that nothing beyond the message is read.
  expect(v.reset(new Octets(o.u8.slice(at, at + len)), 0, len)).toBe(Status.Ok);
  return v;
}

describe("DhcpWriter", () => {
  it("writes what dnsmasq wrote", () => {
    const want = hex(frames.PROXY_OFFER);
    const request = hex(frames.IPXE_DISCOVER);
    const o = dirty(600);
    const w = new DhcpWriter();
    const r = { ...REPLY, secs: 4, flags: 0x8000, chaddr: { o: request, at: 28 } };
    expect(w.begin(r, o, 3, DHCP_LIMITS)).toBe(true);
    w.u8(53, 2);
    w.ipv4(54, 0xc0a84d02 | 0);
    w.text(60, "PXEClient");
    const v = new DhcpView();
    expect(v.reset(request, 0, request.u8.length)).toBe(Status.Ok);
    expect(w.octets(97, request, v.optionAt(97), v.optionLen(97))).toBe(true);
    w.beginEncapsulated(43);
    w.u8(6, 3);
    w.octets(8, hex("8001 01 c0a84d02"), 0, 7);
    w.octets(9, want, 332 - 37, 24);
    w.octets(10, want, 332 - 11, 9);
    expect(w.endEncapsulated(true)).toBe(true);
    const len = w.end();
    expect(toHex(o, 3, len)).toBe(toHex(want));
    expect(toHex(o, 0, 3) + toHex(o, 3 + len, 4)).toBe("a5a5a5a5a5a5a5");
  });

  it("writes the whole header", () => {
    const o = dirty(600);
    const w = new DhcpWriter();
    w.begin(
      {
        op: 1,
        htype: 6,
        hlen: 8,
        hops: 2,
        xid: 0xfedcba98,
        secs: 3,
        flags: 0x8000,
        ciaddr: 1,
        yiaddr: -2,
        siaddr: 3,
        giaddr: -1,
        chaddr: bytes("0102030405060708"),
        sname: "srv",
        file: "boot/file",
      },
      o,
      0,
      DHCP_LIMITS,
    );
    const len = w.end();
    expect(len).toBe(300);
    const v = parsed(o, 0, len);
    expect([v.op, v.htype, v.hlen, v.hops, v.xid, v.secs, v.flags]).toEqual([
      1, 6, 8, 2, 0xfedcba98, 3, 0x8000,
    ]);
    expect([v.ciaddr, v.yiaddr, v.siaddr, v.giaddr]).toEqual([1, -2, 3, -1]);
    expect([v.snameText(), v.fileText()]).toEqual(["srv", "boot/file"]);
    expect(toHex(o, 28, 16)).toBe("01020304050607080000000000000000");
    expect(toHex(o, 236, 64)).toBe(`63825363ff${"00".repeat(59)}`);
  });

  it("leaves out names that are too long, and says so", () => {
    const o = dirty(600);
    const w = new DhcpWriter();
    expect(
      w.begin({ ...REPLY, file: "f".repeat(127), sname: "s".repeat(63) }, o, 0, DHCP_LIMITS),
    ).toBe(true);
    expect(w.begin({ ...REPLY, file: "f".repeat(128), sname: "srv" }, o, 0, DHCP_LIMITS)).toBe(
      false,
    );
    const v = parsed(o, 0, w.end());
    expect([v.fileText(), v.snameText()]).toEqual(["", "srv"]);
    expect(w.begin({ ...REPLY, sname: "s".repeat(64) }, o, 0, DHCP_LIMITS)).toBe(false);
  });

  it("keeps a BOOTP reply within its 64-octet vendor area", () => {
    const o = dirty(320);
    const w = new DhcpWriter();
    w.begin({ ...REPLY, file: "netbsd" }, o, 0, BOOTP_LIMITS);
    expect(w.ipv4(1, 0xffffff00 | 0)).toBe(true);
    expect(w.ipv4s(3, [0xc0a84d01 | 0])).toBe(true);
    expect(w.text(17, "p".repeat(46))).toBe(false); // 48 octets, 47 are left
    expect(w.text(17, "p".repeat(45))).toBe(true);
    expect(w.u8(53, 1)).toBe(false);
    expect(w.end()).toBe(300);
    expect(o.dv.getUint8(299)).toBe(255);
    expect(toHex(o, 300, 20)).toBe("a5".repeat(20));
    const list: number[] = [];
    parsed(o, 0, 300).forEachOption((code) => list.push(code));
    expect(list).toEqual([1, 3, 17]);
  });

  it("puts no pads between options", () => {
    const o = dirty(320);
    const w = new DhcpWriter();
    w.begin(REPLY, o, 0, BOOTP_LIMITS);
    w.ipv4(1, -256);
    w.text(12, "abc");
    w.text(15, "");
    w.ipv4s(6, []);
    w.u16(57, 576);
    w.u32(51, 600);
    w.end();
    expect(toHex(o, 240, 24)).toBe("0104ffffff000c0361626339020240330400000258ff0000");
  });

  it("splits long texts and values (RFC 3396)", () => {
    const o = dirty(1480);
    const w = new DhcpWriter();
    const path = "/".padEnd(300, "x");
    w.begin(REPLY, o, 0, { maxLen: 1472, overload: true });
    expect(w.text(17, path)).toBe(true);
    expect(w.octets(43, dirty(511), 0, 511)).toBe(true);
    const len = w.end();
    const v = parsed(o, 0, len);
    expect([v.optionLen(17), v.optionText(17)]).toEqual([255, path]);
    const into = Octets.alloc(600);
    expect(v.optionJoined(43, into)).toBe(511);
    expect(toHex(into, 0, 512)).toBe(`${"a5".repeat(511)}00`);
    expect(len).toBe(240 + 300 + 4 + 511 + 6 + 1);
  });

  it("refuses a split value whole rather than tear it", () => {
    const o = dirty(600);
    const w = new DhcpWriter();
    w.begin(REPLY, o, 0, DHCP_LIMITS);
    expect(w.text(17, "x".repeat(301))).toBe(false); // 305 octets, 304 are left
    expect(w.text(17, "x".repeat(300))).toBe(true);
    expect(w.end()).toBe(240 + 304 + 1);
  });

  it("refuses a list of more than 63 addresses", () => {
    const w = new DhcpWriter();
    w.begin(REPLY, dirty(1480), 0, { maxLen: 1472, overload: false });
    expect(w.ipv4s(6, new Array<number>(64).fill(1))).toBe(false);
    expect(w.ipv4s(6, new Array<number>(63).fill(1))).toBe(true);
  });
});

describe("overload", () => {
  it("fills the options field, then file, then sname, then refuses", () => {
    const o = dirty(560);
    const w = new DhcpWriter();
    w.begin(REPLY, o, 0, DHCP_LIMITS);
    expect(w.text(17, "a".repeat(250))).toBe(true);
    expect(w.text(67, "b".repeat(120))).toBe(true); // not in the 52 left: file
    expect(w.text(66, "c".repeat(60))).toBe(true); // sname
    expect(w.text(12, "d".repeat(50))).toBe(true); // fills the options field
    expect(w.text(15, "e".repeat(4))).toBe(false);
    expect(w.u8(19, 1)).toBe(true); // three octets are left in file
    const len = w.end();
    expect(len).toBe(548);
    expect(toHex(o, 544, 5)).toBe("340103ffa5");
    const v = parsed(o, 0, len);
    expect([v.fileLen, v.snameLen, v.optionU8(52, 0)]).toEqual([0, 0, 3]);
    expect(v.optionText(67)).toBe("b".repeat(120));
    expect(v.optionText(66)).toBe("c".repeat(60));
    expect([v.optionU8(19, 0), v.optionAt(19) < 236]).toEqual([1, true]);
  });

  it.each([
    { file: "f", sname: "", want: 2 },
    { file: "", sname: "s", want: 1 },
  ])("spares a field that holds a name: $file$sname", ({ file, sname, want }) => {
    const o = dirty(560);
    const w = new DhcpWriter();
    w.begin({ ...REPLY, file, sname }, o, 0, DHCP_LIMITS);
    expect(w.octets(43, dirty(255), 0, 255)).toBe(true);
    expect(w.octets(43, dirty(60), 0, 60)).toBe(true);
    const v = parsed(o, 0, w.end());
    expect([v.fileText(), v.snameText(), v.optionU8(52, 0)]).toEqual([file, sname, want]);
    expect(v.optionJoined(43, Octets.alloc(400))).toBe(315);
  });

  it.each([{ ...REPLY, file: "f", sname: "s" }, REPLY])(
    "uses every octet of the options field when nothing can overflow",
    (r) => {
      const o = dirty(560);
      const w = new DhcpWriter();
      w.begin(r, o, 0, { maxLen: 548, overload: r.file !== undefined });
      expect(w.text(17, "a".repeat(303))).toBe(true);
      expect(w.end()).toBe(548);
      expect(parsed(o, 0, 548).optionAt(52)).toBe(-1);
    },
  );
});

describe("encapsulated options", () => {
  it("nests, with and without an end option", () => {
    const o = dirty(320);
    const w = new DhcpWriter();
    w.begin(REPLY, o, 0, BOOTP_LIMITS);
    w.beginEncapsulated(175);
    w.u8(0xb0, 1);
    expect(w.endEncapsulated(true)).toBe(true);
    w.beginEncapsulated(82);
    w.text(1, "p1");
    expect(w.endEncapsulated(false)).toBe(true);
    w.beginEncapsulated(43);
    expect(w.endEncapsulated(true)).toBe(true); // nothing inside: left out
    w.u8(19, 0);
    w.end();
    expect(toHex(o, 240, 16)).toBe("af04b00101ff520401027031130100ff");
  });

  it("holds 255 octets", () => {
    const w = new DhcpWriter();
    w.begin(REPLY, dirty(600), 0, DHCP_LIMITS);
    w.beginEncapsulated(43);
    expect(w.text(9, "x".repeat(254))).toBe(false);
    expect(w.text(9, "x".repeat(256))).toBe(false);
    expect(w.text(9, "x".repeat(253))).toBe(true);
    expect(w.endEncapsulated(true)).toBe(false);
    expect(w.u8(53, 2)).toBe(true);
    w.beginEncapsulated(43);
    w.text(9, "x".repeat(253));
    expect(w.endEncapsulated(false)).toBe(true);
  });
});

describe("replyLimit", () => {
  it.each([
    { name: "klibc's BOOTP", text: frames.KLIBC_BOOTP, want: 300 },
    { name: "Linux's BOOTP, which says 406", text: frames.LINUX_BOOTP, want: 300 },
    { name: "iPXE, which says 1472", text: frames.IPXE_DISCOVER, want: 1444 },
    { name: "EDK2, which says 65280", text: frames.EDK2_REQUEST, want: 1472 },
    { name: "dnsmasq, which says nothing", text: frames.PROXY_OFFER, want: 548 },
  ])("$name", ({ text, want }) => {
    const o = hex(text);
    expect(replyLimit(parsed(o, 0, o.u8.length), 1472)).toBe(want);
  });

  it("takes less than 576 for 576", () => {
    const o = hex(frames.IPXE_DISCOVER);
    const v = parsed(o, 0, o.u8.length);
    o.dv.setUint16(v.optionAt(57), 400);
    expect(replyLimit(parsed(o, 0, o.u8.length), 1472)).toBe(548);
  });
});

describe("any sequence of options", () => {
  it("parses back, in a buffer that was dirty", () => {
    const option = fc.record({
      code: fc.integer({ min: 1, max: 254 }).filter((c) => c !== 52),
      value: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    });
    const limits = fc.record({
      maxLen: fc.integer({ min: 300, max: 1472 }),
      overload: fc.boolean(),
    });
    const names = fc.constantFrom({}, { file: "f" }, { sname: "s" }, { file: "f", sname: "s" });
    const w = new DhcpWriter();
    const into = Octets.alloc(3000);
    fc.assert(
      fc.property(
        fc.uniqueArray(option, { maxLength: 20, selector: (x) => x.code }),
        limits,
        names,
        (options, lim, name) => {
          const o = dirty(1500);
          expect(w.begin({ ...REPLY, ...name }, o, 5, lim)).toBe(true);
          const written = options.filter((x) =>
            w.octets(x.code, new Octets(x.value), 0, x.value.length),
          );
          const len = w.end();
          expect(len).toBeLessThanOrEqual(lim.maxLen);
          expect(len).toBeGreaterThanOrEqual(300);
          expect([o.u8[4], o.u8[5 + len]]).toEqual([0xa5, 0xa5]);
          const v = parsed(o, 5, len);
          for (const { code, value } of written) {
            expect(v.optionJoined(code, into)).toBe(value.length);
            expect(into.u8.slice(0, value.length)).toEqual(value);
          }
          const codes = new Set<number>();
          v.forEachOption((code) => codes.add(code));
          codes.delete(DhcpOption.OptionOverload);
          expect(codes.size).toBe(written.length);
          expect(v.xid).toBe(REPLY.xid);
        },
      ),
    );
  });

  it("reads back any Latin-1 text and marks what is beyond", () => {
    const o = dirty(600);
    const w = new DhcpWriter();
    w.begin({ ...REPLY, file: "b\u00fcro" }, o, 0, DHCP_LIMITS);
    w.text(12, "caf\u00e9 \u4e2d");
    const v = parsed(o, 0, w.end());
    expect([v.fileText(), v.optionText(12)]).toEqual(["b\u00fcro", "caf\u00e9 ?"]);
  });
});

it("allocates nothing", () => {
  const o = dirty(600);
  const w = new DhcpWriter();
  const request = hex(frames.IPXE_DISCOVER);
  const r = { ...REPLY, chaddr: { o: request, at: 28 }, file: "ipxe.efi", yiaddr: 0xc0a84d15 | 0 };
  const dns = [0xc0a84d01 | 0, 0x08080808];
  let sink = 0;
  const octets = octetsPerOperation(() => {
    w.begin(r, o, 0, DHCP_LIMITS);
    w.u8(53, 2);
    w.ipv4(54, 0xc0a84d01 | 0);
    w.u32(51, 600);
    w.ipv4s(6, dns);
    w.text(12, "minipc");
    w.beginEncapsulated(175);
    w.u8(0xb0, 1);
    w.endEncapsulated(true);
    sink = (sink + w.end()) | 0;
  });
  expect(octets).toBeLessThan(ALLOCATION_GATE);
});

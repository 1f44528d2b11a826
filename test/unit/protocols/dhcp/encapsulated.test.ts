import fc from "fast-check";
import { expect, it } from "vitest";
import { DHCP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { bytes, dirty, toHex } from "../../../support/hex.ts";

// Sub-options are written in place, before it is known whether their option fits: it may have to move to `file` or `sname`.

const REPLY = { op: 2, xid: 1, chaddr: bytes("525400aa0001") };
const MARGIN = 32;

it("moves to file when the options field turns out to be too short, and leaves nothing behind", () => {
  const o = dirty(600);
  const w = new DhcpWriter();
  w.begin(REPLY, o, 0, DHCP_LIMITS);
  w.octets(60, Octets.alloc(290), 0, 250);
  w.beginEncapsulated(43);
  w.text(9, "x".repeat(40));
  w.text(10, "y".repeat(40));
  expect(w.endEncapsulated(true)).toBe(true);
  const v = new DhcpView();
  expect(v.reset(o, 0, w.end())).toBe(Status.Ok);
  expect(v.optionU8(52, 0)).toBe(1);
  expect(v.optionAt(43)).toBe(108 + 2);
  expect(v.optionLen(43)).toBe(85);
  expect(toHex(o, 108, 4)).toBe("2b550928");
});

it("leaves file and sname empty when it fits nowhere", () => {
  const o = dirty(600);
  const w = new DhcpWriter();
  w.begin(REPLY, o, 0, DHCP_LIMITS);
  w.octets(60, Octets.alloc(290), 0, 250);
  w.beginEncapsulated(43);
  w.text(9, "x".repeat(100));
  expect(w.text(10, "y".repeat(100))).toBe(false);
  expect(w.endEncapsulated(true)).toBe(false);
  const v = new DhcpView();
  expect(v.reset(o, 0, w.end())).toBe(Status.Ok);
  expect([v.optionAt(43), v.optionAt(52), v.fileLen, v.snameLen]).toEqual([-1, -1, 0, 0]);
  expect(toHex(o, 44, 192)).toBe("00".repeat(192));
});

it("writes the whole option or nothing, wherever there is room, and never beyond it", () => {
  const sub = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.integer({ min: 0, max: 130 }));
  const situation = fc.record({
    before: fc.integer({ min: 0, max: 320 }),
    file: fc.constantFrom("", "ipxe.efi"),
    sname: fc.constantFrom("", "pilot"),
    overload: fc.boolean(),
    terminated: fc.boolean(),
    subs: fc.array(sub, { maxLength: 5 }),
  });
  const value = Octets.alloc(320);
  value.u8.fill(0x77);
  const property = fc.property(situation, (s) => {
    const { maxLen } = DHCP_LIMITS;
    const o = dirty(maxLen + MARGIN);
    const w = new DhcpWriter();
    w.begin({ ...REPLY, file: s.file, sname: s.sname }, o, 0, { maxLen, overload: s.overload });
    if (s.before > 0) w.octets(60, value, 0, s.before);
    w.beginEncapsulated(43);
    const wanted: number[] = [];
    for (const [code, len] of s.subs) {
      if (!w.octets(code, value, 0, len)) continue;
      wanted.push(code, len, ...value.u8.subarray(0, len));
    }
    const written = w.endEncapsulated(s.terminated) && wanted.length > 0;
    if (s.terminated) wanted.push(255);
    w.u8(53, 2);
    const len = w.end();
    expect(len).toBeLessThanOrEqual(maxLen);
    expect(toHex(o, maxLen)).toBe("a5".repeat(MARGIN));
    const v = new DhcpView();
    expect(v.reset(o, 0, len)).toBe(Status.Ok);
    const into = Octets.alloc(255);
    expect(v.optionJoined(43, into)).toBe(written ? wanted.length : -1);
    if (written)
      expect(toHex(into, 0, wanted.length)).toBe(toHex(new Octets(Uint8Array.from(wanted))));
    if (v.optionU8(52, 0) === 0) expect([v.fileText(), v.snameText()]).toEqual([s.file, s.sname]);
  });
  fc.assert(property, { numRuns: 2_000, interruptAfterTimeLimit: 3_000 });
});

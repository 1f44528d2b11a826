import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitUdp,
  UDP_HEADER_LEN,
  UdpView,
  verifyUdpChecksum,
} from "../../../../protocols/udp/datagram.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";

const SERVER = 0xc0a84d01 | 0;

// TFTP acknowledgements of block 0, as captured.
const acks = [
  { name: "iPXE", text: "b5f4 8a1e 000c a425 0004 0000", src: 0xc0a84d47 | 0, from: 0xb5f4 },
  { name: "EDK2", text: "060b e941 000c f4ea 0004 0000", src: 0xc0a84d48 | 0, from: 0x060b },
  { name: "SLOF", text: "07d1 b154 000c 2b10 0004 0000", src: 0xc0a84d4a | 0, from: 2001 },
  { name: "s390-ccw", text: "07d1 e981 000c f2e1 0004 0000", src: 0xc0a84d4b | 0, from: 2001 },
];

describe("UDP", () => {
  it.each(acks)("reads and verifies what $name sent", ({ text, src, from }) => {
    const o = hex(`a5 ${text} 0000`);
    const v = new UdpView();
    expect(v.reset(o, 1, o.u8.length - 1)).toBe(Status.Ok);
    expect([v.srcPort, v.length, v.payloadAt, v.payloadLen]).toEqual([from, 12, 9, 4]);
    expect(verifyUdpChecksum(o, 1, v.length, src, SERVER)).toBe(true);
    expect(verifyUdpChecksum(o, 1, v.length, src, SERVER ^ 1)).toBe(false);
    o.dv.setUint8(9, o.dv.getUint8(9) ^ 0x80);
    expect(verifyUdpChecksum(o, 1, v.length, src, SERVER)).toBe(false);
  });

  it.each(acks)("writes what $name sent", ({ text, src, from }) => {
    const want = hex(text);
    const o = dirty(14);
    o.dv.setUint32(9, 0x00040000);
    const r = { srcPort: from, dstPort: want.dv.getUint16(2) };
    expect(emitUdp(r, 4, src, SERVER, o, 1)).toBe(UDP_HEADER_LEN);
    expect(toHex(o)).toBe(`a5${toHex(want)}a5`);
  });

  it("accepts a datagram without checksum, as U-Boot sends them", () => {
    const o = hex("0505 0045 000c 0000 0004 0000");
    const v = new UdpView();
    expect(v.reset(o, 0, 12)).toBe(Status.Ok);
    expect(v.checksum).toBe(0);
    expect(verifyUdpChecksum(o, 0, 12, SERVER, SERVER)).toBe(true);
  });

  it("sends a sum of zero as 0xffff", () => {
    const o = dirty(10);
    o.dv.setUint16(8, 0);
    // Ports, protocol and both lengths add up to 0xffff, so the checksum comes out as zero.
    emitUdp({ srcPort: 0xffff - 17 - 10 - 10, dstPort: 0 }, 2, 0, 0, o, 0);
    expect(o.dv.getUint16(6)).toBe(0xffff);
    expect(verifyUdpChecksum(o, 0, 10, 0, 0)).toBe(true);
  });

  it("rejects every truncation", () => {
    const whole = hex(acks[0]?.text ?? "").u8;
    for (let n = 0; n < whole.length; n++) {
      expect(new UdpView().reset(new Octets(whole.slice(0, n)), 0, n)).toBe(Status.Truncated);
    }
  });

  it.each([0, 7])("refuses a length of %i", (length) => {
    const o = hex(acks[0]?.text ?? "");
    o.dv.setUint16(4, length);
    expect(new UdpView().reset(o, 0, 12)).toBe(Status.BadLength);
  });

  it("parses back and verifies what it emitted", () => {
    const u16 = fc.nat(0xffff);
    const v = new UdpView();
    fc.assert(
      fc.property(
        u16,
        u16,
        fc.uint8Array({ maxLength: 33 }),
        fc.integer(),
        fc.integer(),
        (srcPort, dstPort, payload, src, dst) => {
          const o = dirty(UDP_HEADER_LEN + payload.length);
          o.u8.set(payload, UDP_HEADER_LEN);
          emitUdp({ srcPort, dstPort }, payload.length, src, dst, o, 0);
          expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
          expect([v.srcPort, v.dstPort, v.payloadLen]).toEqual([srcPort, dstPort, payload.length]);
          expect(v.checksum).not.toBe(0);
          expect(verifyUdpChecksum(o, 0, v.length, src, dst)).toBe(true);
        },
      ),
    );
  });

  it("never throws and never points outside its window", () => {
    const v = new UdpView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(50), (octets, length) => {
        const o = new Octets(octets);
        if (octets.length >= UDP_HEADER_LEN) o.dv.setUint16(4, length);
        if (v.reset(o, 0, octets.length) !== Status.Ok) return;
        expect(v.payloadAt + v.payloadLen).toBeLessThanOrEqual(octets.length);
        verifyUdpChecksum(o, 0, v.length, 1, 2);
      }),
    );
  });

  it("allocates nothing", () => {
    const v = new UdpView();
    const o = dirty(64);
    const r = { srcPort: 67, dstPort: 68 };
    let sink = 0;
    const octets = octetsPerOperation(() => {
      sink = (sink + emitUdp(r, 56, SERVER, -1, o, 0) + v.reset(o, 0, 64) + v.payloadLen) | 0;
      if (verifyUdpChecksum(o, 0, 64, SERVER, -1)) sink ^= 1;
    });
    expect(octets).toBeLessThan(ALLOCATION_GATE);
  });
});

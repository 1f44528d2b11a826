import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  ETHERTYPE_RARP,
  EthernetView,
  emitEthernet,
  padFrame,
} from "../../../../protocols/ethernet/frame.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

const DST = bytes("ff ff ff ff ff ff");
const SRC = bytes("52 54 00 aa 00 01");

const cases = [
  {
    name: "untagged (U-Boot's RARP request)",
    text: "ffff ffff ffff 5254 00aa 0001 8035 0001",
    etherType: ETHERTYPE_RARP,
    vlanId: -1,
    payloadAt: 14,
  },
  {
    name: "802.1Q, VLAN 100, priority 3",
    text: "ffff ffff ffff 5254 00aa 0001 8100 6064 0800 4500",
    etherType: ETHERTYPE_IPV4,
    vlanId: 100,
    payloadAt: 18,
  },
  {
    name: "802.1Q, priority only",
    text: "ffff ffff ffff 5254 00aa 0001 8100 e000 0800 4500",
    etherType: ETHERTYPE_IPV4,
    vlanId: 0,
    payloadAt: 18,
  },
  {
    name: "QinQ, service 7, customer 4094",
    text: "ffff ffff ffff 5254 00aa 0001 88a8 0007 8100 0ffe 0800 4500",
    etherType: ETHERTYPE_IPV4,
    vlanId: 4094,
    payloadAt: 22,
  },
];

describe("EthernetView", () => {
  it.each(cases)("reads $name", ({ text, etherType, vlanId, payloadAt }) => {
    const o = hex(`a5a5 ${text}`);
    const v = new EthernetView();
    expect(v.reset(o, 2, o.u8.length - 2)).toBe(Status.Ok);
    expect([v.etherType, v.vlanId, v.payloadAt - 2, v.payloadLen]).toEqual([
      etherType,
      vlanId,
      payloadAt,
      2,
    ]);
    expect(toHex(o, v.dstAt, 6)).toBe("ffffffffffff");
    expect(toHex(o, v.srcAt, 6)).toBe("525400aa0001");
    expect(v.dstIsBroadcast).toBe(true);
    expect(v.dstIsMulticast).toBe(true);
  });

  it.each(cases)("rejects every truncation of $name", ({ text, payloadAt }) => {
    const whole = bytes(text);
    const v = new EthernetView();
    for (let n = 0; n < payloadAt; n++) {
      expect(v.reset(new Octets(whole.slice(0, n)), 0, n)).toBe(Status.Truncated);
    }
    expect(v.reset(new Octets(whole.slice(0, payloadAt)), 0, payloadAt)).toBe(Status.Ok);
    expect(v.payloadLen).toBe(0);
  });

  it("refuses a third tag", () => {
    const o = hex("ffff ffff ffff 5254 00aa 0001 88a8 0001 8100 0002 8100 0003 0800");
    expect(new EthernetView().reset(o, 0, o.u8.length)).toBe(Status.TooMany);
  });

  it.each([
    ["52 54 00 aa 00 01", false, false],
    ["01 00 5e 00 00 16", false, true],
    ["ff ff ff ff ff fe", false, true],
    ["ff ff ff ff ff ff", true, true],
  ])("destination %s", (dst, broadcast, multicast) => {
    const v = new EthernetView();
    expect(v.reset(hex(`${dst} 5254 00aa 0001 0800`), 0, 14)).toBe(Status.Ok);
    expect(v.dstIsBroadcast).toBe(broadcast);
    expect(v.dstIsMulticast).toBe(multicast);
  });

  it("never throws and never points outside its window", () => {
    const v = new EthernetView();
    const typed = fc.constantFrom([0x81, 0x00], [0x88, 0xa8], [0x08, 0x00]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), typed, typed, (octets, outer, inner) => {
        if (octets.length >= 18) octets.set([...outer, 0, 1, ...inner], 12);
        if (v.reset(new Octets(octets), 0, octets.length) !== Status.Ok) return;
        expect(v.payloadLen).toBeGreaterThanOrEqual(0);
        expect(v.payloadAt + v.payloadLen).toBe(octets.length);
        expect(v.vlanId + v.etherType).toBeGreaterThanOrEqual(-1);
      }),
    );
  });

  it("allocates nothing", () => {
    const v = new EthernetView();
    const o = hex(cases[1]?.text ?? "");
    const r = { dst: DST, src: SRC, etherType: ETHERTYPE_IPV4 };
    const out = dirty(64);
    let sink = 0;
    const octets = octetsPerOperation(() => {
      sink = (sink + v.reset(o, 0, 20) + v.etherType + v.vlanId + emitEthernet(r, out, 0)) | 0;
    });
    expect(octets).toBeLessThan(ALLOCATION_GATE);
  });
});

describe("emitEthernet", () => {
  it("writes an untagged header", () => {
    const o = dirty(18);
    expect(emitEthernet({ dst: DST, src: SRC, etherType: ETHERTYPE_RARP }, o, 2)).toBe(
      ETHERNET_HEADER_LEN,
    );
    expect(toHex(o)).toBe("a5a5ffffffffffff525400aa00018035a5a5");
  });

  it("writes a tag", () => {
    const o = dirty(18);
    expect(emitEthernet({ dst: DST, src: SRC, etherType: 0x0800, vlanId: 100 }, o, 0)).toBe(18);
    expect(toHex(o)).toBe("ffffffffffff525400aa0001810000640800");
  });

  it("parses back", () => {
    const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
    const type = fc.integer({ min: 0, max: 0xffff }).filter((t) => t !== 0x8100 && t !== 0x88a8);
    const v = new EthernetView();
    fc.assert(
      fc.property(mac, mac, type, fc.integer({ min: -1, max: 4095 }), (dst, src, t, vlanId) => {
        const o = dirty(64);
        const n = emitEthernet({ dst, src, etherType: t, vlanId }, o, 5);
        expect(v.reset(o, 5, n)).toBe(Status.Ok);
        expect(toHex(o, v.dstAt, 6)).toBe(toHex(new Octets(dst)));
        expect(toHex(o, v.srcAt, 6)).toBe(toHex(new Octets(src)));
        expect([v.etherType, v.vlanId, v.payloadLen]).toEqual([t, vlanId, 0]);
      }),
    );
  });

  it("pads with zeros up to 60 octets and leaves longer frames alone", () => {
    const o = dirty(64);
    expect(padFrame(o, 2, 42)).toBe(60);
    expect(toHex(o, 2 + 40, 22)).toBe(`a5a5${"00".repeat(18)}a5a5`);
    expect(padFrame(o, 0, 60)).toBe(60);
    expect(padFrame(o, 0, 61)).toBe(61);
  });
});

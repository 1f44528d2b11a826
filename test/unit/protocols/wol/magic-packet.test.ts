import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import {
  emitMagicPacket,
  MAGIC_PACKET_LEN,
  MagicPacketView,
} from "../../../../protocols/wol/magic-packet.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

const V100 = "00 03 ba 5b ae b3";
const SYNC = "ff ff ff ff ff ff";
const PACKET = `${SYNC} ${`${V100} `.repeat(16)}`;

const cases = [
  { name: "bare", text: PACKET, repr: { mac: bytes(V100) } },
  {
    name: "with a password of six",
    text: `${PACKET} 01 02 03 04 05 06`,
    repr: { mac: bytes(V100), password: bytes("010203040506") },
  },
  {
    name: "with a password of four",
    text: `${PACKET} c0 a8 01 02`,
    repr: { mac: bytes(V100), password: bytes("c0a80102") },
  },
];

describe("magic packet", () => {
  it.each(cases)("$name, both ways", ({ text, repr }) => {
    const o = hex(text);
    const v = new MagicPacketView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(toHex(o, v.macAt, 6)).toBe("0003ba5baeb3");
    expect(o.u8.slice(v.passwordAt, v.passwordAt + v.passwordLen)).toEqual(
      repr.password ?? new Uint8Array(0),
    );
    const out = dirty(o.u8.length + 2);
    expect(emitMagicPacket(repr, out, 1)).toBe(o.u8.length);
    expect(toHex(out)).toBe(`a5${toHex(o)}a5`);
  });

  it("is found anywhere, also behind octets of ones", () => {
    const o = hex(`00 01 ff ff ff ${PACKET} 00 00 00 00`);
    const v = new MagicPacketView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.syncAt, toHex(o, v.macAt, 6), v.passwordLen]).toEqual([5, "0003ba5baeb3", 0]);
  });

  it("rejects every truncation", () => {
    const whole = bytes(PACKET);
    for (let n = 0; n < MAGIC_PACKET_LEN; n++) {
      const o = new Octets(whole.slice(0, n));
      expect(new MagicPacketView().reset(o, 0, n)).toBe(Status.Truncated);
    }
  });

  it("rejects one wrong octet wherever it is", () => {
    for (let i = 0; i < MAGIC_PACKET_LEN; i++) {
      const o = hex(PACKET);
      o.dv.setUint8(i, 0x77);
      expect(new MagicPacketView().reset(o, 0, MAGIC_PACKET_LEN)).toBe(Status.BadMagic);
    }
  });

  it("does not take a packet of ones for anybody's", () => {
    const o = new Octets(new Uint8Array(200).fill(0xff));
    expect(new MagicPacketView().reset(o, 0, 200)).toBe(Status.BadMagic);
  });

  it("parses back what it emitted, and never throws", () => {
    const v = new MagicPacketView();
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 6, maxLength: 6 }).filter((m) => m.some((b) => b !== 0xff)),
        fc.uint8Array({ maxLength: 40 }),
        (mac, before) => {
          const o = dirty(before.length + MAGIC_PACKET_LEN);
          o.u8.set(before.map((b) => b & 0x7f));
          emitMagicPacket({ mac }, o, before.length);
          expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
          expect(o.u8.slice(v.macAt, v.macAt + 6)).toEqual(mac);
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 220 }), (octets) => {
        const o = new Octets(octets);
        if (v.reset(o, 0, octets.length) === Status.Ok) v.passwordLen;
      }),
    );
  });
});

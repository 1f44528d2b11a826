import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NetasciiDecoder,
  NetasciiEncoder,
  netasciiLen,
} from "../../../../protocols/tftp/netascii.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";

/** Encodes in pieces of `room` octets, as blocks would be filled. */
function encode(src: Octets, room: number): Octets {
  const encoder = new NetasciiEncoder();
  const out: number[] = [];
  const dst = dirty(room);
  let at = 0;
  while (at < src.u8.length || encoder.pending) {
    const n = encoder.encode(src, at, src.u8.length - at, dst, 0, room);
    out.push(...dst.u8.subarray(0, n));
    at += encoder.consumed;
  }
  return new Octets(Uint8Array.from(out));
}

function decode(src: Octets, step: number): Octets {
  const decoder = new NetasciiDecoder();
  const dst = dirty(src.u8.length + 1);
  let to = 0;
  for (let at = 0; at < src.u8.length; at += step) {
    to += decoder.decode(src, at, Math.min(step, src.u8.length - at), dst, to);
  }
  to += decoder.finish(dst, to);
  return new Octets(dst.u8.slice(0, to));
}

describe("netascii", () => {
  it.each([
    ["61 0a 62", "61 0d0a 62"],
    ["0d", "0d00"],
    ["0d0a", "0d00 0d0a"],
    ["0a0a", "0d0a 0d0a"],
    ["00ff", "00ff"],
    ["", ""],
  ])("%j is %j", (plain, wire) => {
    const o = hex(plain);
    for (const room of [1, 2, 3, 64]) expect(toHex(encode(o, room))).toBe(toHex(hex(wire)));
    expect(netasciiLen(o, 0, o.u8.length)).toBe(hex(wire).u8.length);
    for (const step of [1, 2, 3, 64]) expect(toHex(decode(hex(wire), step))).toBe(toHex(o));
  });

  it.each([
    ["0d 41", "0d 41"],
    ["0d 0d 0a", "0d 0a"],
    ["41 0d", "41 0d"],
    ["0a", "0a"],
  ])("decodes the irregular %j as %j", (wire, plain) => {
    for (const step of [1, 2, 64]) expect(toHex(decode(hex(wire), step))).toBe(toHex(hex(plain)));
  });

  it("forgets a half pair on restart", () => {
    const encoder = new NetasciiEncoder();
    const dst = dirty(1);
    expect(encoder.encode(hex("0a"), 0, 1, dst, 0, 1)).toBe(1);
    expect(encoder.pending).toBe(true);
    encoder.restart();
    expect(encoder.pending).toBe(false);
    const decoder = new NetasciiDecoder();
    decoder.decode(hex("0d"), 0, 1, dst, 0);
    decoder.restart();
    expect(decoder.finish(dst, 0)).toBe(0);
  });

  it("gives any octets back through any block size", () => {
    const octet = fc.constantFrom(0x00, 0x0a, 0x0d, 0x41, 0xff);
    const text = fc.array(octet, { maxLength: 200 });
    const size = fc.integer({ min: 1, max: 32 });
    fc.assert(
      fc.property(text, size, size, (plain, room, step) => {
        const o = new Octets(Uint8Array.from(plain));
        const wire = encode(o, room);
        expect(wire.u8.length).toBe(netasciiLen(o, 0, o.u8.length));
        expect(toHex(decode(wire, step))).toBe(toHex(o));
      }),
      { interruptAfterTimeLimit: 1_000 },
    );
  });
});

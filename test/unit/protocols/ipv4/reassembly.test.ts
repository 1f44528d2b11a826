import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ipv4View } from "../../../../protocols/ipv4/packet.ts";
import { Ipv4Reassembler, Reassembled } from "../../../../protocols/ipv4/reassembly.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";

const view = new Ipv4View();

/** A fragment: `data` at `offset` of packet `id`. */
function fragment(
  offset: number,
  data: Uint8Array,
  more: boolean,
  id = 1,
  src = 0x0a000001,
): Octets {
  const o = Octets.alloc(20 + data.length);
  o.dv.setUint8(0, 0x45);
  o.dv.setUint16(2, 20 + data.length);
  o.dv.setUint16(4, id);
  o.dv.setUint16(6, (more ? 0x2000 : 0) | (offset / 8));
  o.dv.setUint8(8, 64);
  o.dv.setUint8(9, 17);
  o.dv.setInt32(12, src);
  o.dv.setInt32(16, 0x0a000002);
  o.u8.set(data, 20);
  o.dv.setUint16(10, foldChecksum(sum16(o, 0, 20, 0)));
  return o;
}

function add(r: Ipv4Reassembler, o: Octets, nowMs = 0): Reassembled {
  expect(view.reset(o, 0, o.u8.length)).toBe(0);
  return r.add(view, o, nowMs);
}

function result(r: Ipv4Reassembler): number[] {
  return [...r.octets.u8.slice(r.at, r.at + r.len)];
}

function filled(len: number, value: number): Uint8Array {
  return new Uint8Array(len).fill(value);
}

describe("Ipv4Reassembler", () => {
  it("puts fragments together in any order, with any repeated", () => {
    const whole = Uint8Array.from({ length: 100 }, (_, i) => i);
    const pieces = [0, 24, 48, 72, 96];
    const order = fc.shuffledSubarray([...pieces, ...pieces], { minLength: 10 });
    fc.assert(
      fc.property(order, (offsets) => {
        const r = new Ipv4Reassembler({ packets: 2 });
        const seen = new Set<number>();
        for (const at of offsets) {
          seen.add(at);
          const found = add(r, fragment(at, whole.slice(at, at + 24), at < 96));
          if (seen.size < pieces.length) expect(found).toBe(Reassembled.Waiting);
          else {
            expect(found).toBe(Reassembled.Complete);
            expect(result(r)).toEqual([...whole]);
            return;
          }
        }
      }),
    );
  });

  it("keeps what came first where fragments overlap", () => {
    const r = new Ipv4Reassembler({ packets: 1 });
    add(r, fragment(8, filled(16, 1), true));
    add(r, fragment(0, filled(16, 2), true));
    expect(add(r, fragment(16, filled(12, 3), false))).toBe(Reassembled.Complete);
    expect(result(r)).toEqual([...filled(8, 2), ...filled(16, 1), ...filled(4, 3)]);
  });

  it.each([
    { name: "a middle fragment of odd length", first: [0, 8, true], bad: [8, 7, true] },
    { name: "an empty fragment", first: [0, 8, true], bad: [8, 0, true] },
    { name: "data behind the end", first: [8, 4, false], bad: [16, 8, true] },
    { name: "a second end", first: [8, 4, false], bad: [16, 4, false] },
    { name: "an end in front of data", first: [16, 8, true], bad: [8, 4, false] },
  ] as const)("refuses $name", ({ first, bad }) => {
    const r = new Ipv4Reassembler({ packets: 1 });
    const give = ([at, len, more]: readonly [number, number, boolean]): Reassembled =>
      add(r, fragment(at, filled(len, 1), more));
    expect(give(first)).toBe(Reassembled.Waiting);
    expect(give(bad)).toBe(Reassembled.Refused);
  });

  it("tells packets apart by source, destination, protocol and id", () => {
    const r = new Ipv4Reassembler({ packets: 4 });
    add(r, fragment(0, filled(8, 1), true, 1));
    add(r, fragment(0, filled(8, 2), true, 2));
    add(r, fragment(0, filled(8, 3), true, 1, 0x0a000009));
    expect(add(r, fragment(8, filled(4, 1), false, 2))).toBe(Reassembled.Complete);
    expect(result(r)).toEqual([...filled(8, 2), ...filled(4, 1)]);
  });

  it("gives up on a packet after its time", () => {
    const r = new Ipv4Reassembler({ packets: 2, timeoutMs: 1_000 });
    add(r, fragment(0, filled(8, 1), true), 0);
    expect(add(r, fragment(8, filled(4, 1), false), 1_001)).toBe(Reassembled.Waiting);
    expect(r.abandoned).toBe(1);
  });

  it("gives up on the oldest packet when there is no room", () => {
    const r = new Ipv4Reassembler({ packets: 2 });
    for (const id of [1, 2, 3]) add(r, fragment(0, filled(8, id), true, id), id);
    expect(r.abandoned).toBe(1);
    expect(add(r, fragment(8, filled(1, 3), false, 3), 4)).toBe(Reassembled.Complete);
    expect(add(r, fragment(8, filled(1, 2), false, 2), 4)).toBe(Reassembled.Complete);
    expect(add(r, fragment(8, filled(1, 1), false, 1), 4)).toBe(Reassembled.Waiting);
  });

  it("shows nothing of the packet that was in the slab before", () => {
    const r = new Ipv4Reassembler({ packets: 1 });
    add(r, fragment(0, filled(64, 9), true));
    add(r, fragment(64, filled(8, 9), false));
    add(r, fragment(0, filled(8, 1), true, 2));
    expect(add(r, fragment(32, filled(8, 1), false, 2))).toBe(Reassembled.Waiting);
  });

  it("allocates nothing for a fragment", () => {
    const r = new Ipv4Reassembler({ packets: 4 });
    const parts = [fragment(0, filled(1_480, 1), true), fragment(1_480, filled(500, 1), false)];
    const perOperation = octetsPerOperation(() => {
      for (const o of parts) {
        view.reset(o, 0, o.u8.length);
        r.add(view, o, 0);
      }
    });
    expect(perOperation).toBeLessThanOrEqual(ALLOCATION_GATE);
  });
});

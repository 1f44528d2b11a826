import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ARP_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  emitArp,
  RARP_REPLY,
  RARP_REQUEST,
} from "../../../../protocols/arp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

const UBOOT = "52 54 00 aa 00 01";
const SUN4U = "52 54 00 aa 00 0d";
const SERVER = "52 54 00 77 00 01";
const NONE = "00 00 00 00 00 00";

// As captured, behind the Ethernet header.
const cases = [
  {
    name: "U-Boot's RARP request, tpa 255.255.255.255",
    text: "0001 0800 0604 0003 5254 00aa 0001 0000 0000 5254 00aa 0001 ffff ffff",
    repr: { op: RARP_REQUEST, sha: bytes(UBOOT), spa: 0, tha: bytes(UBOOT), tpa: -1 },
  },
  {
    name: "Linux on a sun4u: RARP request, tpa 0.0.0.0",
    text: "0001 0800 0604 0003 5254 00aa 000d 0000 0000 5254 00aa 000d 0000 0000",
    repr: { op: RARP_REQUEST, sha: bytes(SUN4U), spa: 0, tha: bytes(SUN4U), tpa: 0 },
  },
  {
    name: "rarpd's answer to U-Boot",
    text: "0001 0800 0604 0004 5254 0077 0001 c0a8 4d01 5254 00aa 0001 c0a8 4d15",
    repr: {
      op: RARP_REPLY,
      sha: bytes(SERVER),
      spa: 0xc0a84d01 | 0,
      tha: bytes(UBOOT),
      tpa: 0xc0a84d15 | 0,
    },
  },
  {
    name: "U-Boot's ARP request",
    text: "0001 0800 0604 0001 5254 00aa 0001 c0a8 4d15 0000 0000 0000 c0a8 4d01",
    repr: {
      op: ARP_REQUEST,
      sha: bytes(UBOOT),
      spa: 0xc0a84d15 | 0,
      tha: bytes(NONE),
      tpa: 0xc0a84d01 | 0,
    },
  },
  {
    name: "the ARP reply to it",
    text: "0001 0800 0604 0002 5254 0077 0001 c0a8 4d01 5254 00aa 0001 c0a8 4d15",
    repr: {
      op: ARP_REPLY,
      sha: bytes(SERVER),
      spa: 0xc0a84d01 | 0,
      tha: bytes(UBOOT),
      tpa: 0xc0a84d15 | 0,
    },
  },
];

function read(v: ArpView, o: Octets): object {
  return {
    op: v.op,
    sha: o.u8.slice(v.shaAt, v.shaAt + 6),
    spa: v.spa,
    tha: o.u8.slice(v.thaAt, v.thaAt + 6),
    tpa: v.tpa,
  };
}

describe("ARP and RARP", () => {
  it.each(cases)("$name, both ways", ({ text, repr }) => {
    const o = hex(text);
    const v = new ArpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(read(v, o)).toEqual(repr);
    const out = dirty(ARP_LEN + 2);
    expect(emitArp(repr, out, 1)).toBe(ARP_LEN);
    expect(toHex(out)).toBe(`a5${toHex(o)}a5`);
  });

  it("accepts the padding of a minimal frame", () => {
    const o = hex(`${cases[0]?.text ?? ""} ${"00".repeat(18)}`);
    expect(new ArpView().reset(o, 0, 46)).toBe(Status.Ok);
  });

  it("rejects every truncation", () => {
    const whole = bytes(cases[0]?.text ?? "");
    for (let n = 0; n < ARP_LEN; n++) {
      expect(new ArpView().reset(new Octets(whole.slice(0, n)), 0, n)).toBe(Status.Truncated);
    }
  });

  it.each([
    { name: "token ring", at: 1, value: 6, want: Status.BadCode },
    { name: "another protocol", at: 3, value: 1, want: Status.BadCode },
    { name: "long hardware addresses", at: 4, value: 8, want: Status.BadLength },
    { name: "long protocol addresses", at: 5, value: 16, want: Status.BadLength },
  ])("refuses $name", ({ at, value, want }) => {
    const o = hex(cases[0]?.text ?? "");
    o.dv.setUint8(at, value);
    expect(new ArpView().reset(o, 0, ARP_LEN)).toBe(want);
  });

  it("parses back what it emitted", () => {
    const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
    const i32 = fc.integer();
    const v = new ArpView();
    fc.assert(
      fc.property(fc.nat(0xffff), mac, i32, mac, i32, (op, sha, spa, tha, tpa) => {
        const o = dirty(ARP_LEN);
        emitArp({ op, sha, spa, tha, tpa }, o, 0);
        expect(v.reset(o, 0, ARP_LEN)).toBe(Status.Ok);
        expect(read(v, o)).toEqual({ op, sha, spa, tha, tpa });
      }),
    );
  });

  it("never throws", () => {
    const v = new ArpView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        const o = new Octets(octets);
        if (v.reset(o, 0, octets.length) === Status.Ok) read(v, o);
      }),
    );
  });

  it("allocates nothing", () => {
    const v = new ArpView();
    const o = hex(cases[2]?.text ?? "");
    const out = dirty(ARP_LEN);
    const repr = cases[2]?.repr ?? { op: 0, sha: bytes(""), spa: 0, tha: bytes(""), tpa: 0 };
    let sink = 0;
    const octets = octetsPerOperation(() => {
      sink = (sink + v.reset(o, 0, ARP_LEN) + v.op + v.tpa + emitArp(repr, out, 0)) | 0;
    });
    expect(octets).toBeLessThan(ALLOCATION_GATE);
  });
});

import { describe, expect, it } from "vitest";
import { StatusCounters } from "../../../../agent/services/context.ts";
import { LinkServer } from "../../../../agent/services/link-server.ts";
import { emitEthernet } from "../../../../protocols/ethernet/frame.ts";
import { emitIpv4 } from "../../../../protocols/ipv4/packet.ts";
import { emitUdp } from "../../../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { bytes } from "../../../support/hex.ts";

const OURS = bytes("020000000096");
const CLIENT = bytes("525400aa0002");
const PROBE = bytes("020000000016");
const ALL = new Uint8Array(6).fill(0xff);

function setUp() {
  const seen: string[] = [];
  const clock = { nowMs: 0 };
  const counters = new StatusCounters();
  const link = new LinkServer(OURS, counters, () => clock.nowMs, {
    rarp: () => seen.push("rarp"),
    bootp: (_o, udp) => seen.push(`bootp ${udp.payloadLen}`),
    bootpReply: (_o, udp) => seen.push(`reply ${udp.payloadLen}`),
    arp: () => seen.push("arp"),
  });
  return { seen, counters, link, clock };
}

interface FrameSpec {
  readonly dst?: Uint8Array;
  readonly src?: Uint8Array;
  readonly port?: number;
  readonly protocol?: number;
}

function bootp({ dst = ALL, src = CLIENT, port = 67, protocol = 17 }: FrameSpec = {}): Octets {
  const o = Octets.alloc(342);
  emitEthernet({ dst, src, etherType: 0x0800 }, o, 0);
  emitIpv4({ src: 0, dst: -1, protocol }, 308, o, 14);
  emitUdp({ srcPort: 68, dstPort: port }, 300, 0, -1, o, 34);
  return o;
}

/** The same packet as two fragments, cut after 160 octets of its payload. */
function fragments(frame: Octets): readonly [Octets, Octets] {
  const cut = 160;
  const piece = (from: number, to: number, flagsOffset: number): Octets => {
    const o = Octets.alloc(34 + to - from);
    o.u8.set(frame.u8.subarray(0, 14));
    emitIpv4({ src: 0, dst: -1, protocol: 17, id: 7 }, to - from, o, 14);
    o.dv.setUint16(20, flagsOffset);
    o.dv.setUint16(24, 0);
    o.dv.setUint16(24, foldChecksum(sum16(o, 14, 20, 0)));
    o.u8.set(frame.u8.subarray(34 + from, 34 + to), 34);
    return o;
  };
  return [piece(0, cut, 0x2000), piece(cut, frame.u8.length - 34, cut / 8)];
}

function arp(dst: Uint8Array): Octets {
  const o = Octets.alloc(60);
  emitEthernet({ dst, src: CLIENT, etherType: 0x0806 }, o, 0);
  return o;
}

function tagged(frame: Octets): Octets {
  const u8 = [...frame.u8];
  return new Octets(Uint8Array.from([...u8.slice(0, 12), 0x81, 0, 0, 7, ...u8.slice(12)]));
}

describe("LinkServer", () => {
  it("hands on broadcast BOOTP", () => {
    const { link, seen } = setUp();
    link.handle(bootp(), 342);
    expect(seen).toEqual(["bootp 300"]);
  });

  it("puts fragments together, whatever their order, and not for ever", () => {
    const { link, seen, clock } = setUp();
    const [first, second] = fragments(bootp());
    link.handle(second, second.u8.length);
    link.handle(first, first.u8.length);
    expect(seen).toEqual(["bootp 300"]);
    link.handle(first, first.u8.length);
    clock.nowMs += 120_000;
    link.handle(second, second.u8.length);
    expect(seen).toEqual(["bootp 300"]);
  });

  it.each([
    ["broadcast", ALL],
    ["to the card of our probe", PROBE],
  ])("hands on replies of servers that are %s", (_, dst) => {
    const { link, seen } = setUp();
    link.handle(bootp({ dst, port: 68 }), 342);
    expect(seen).toEqual(["reply 300"]);
  });

  it("hands on ARP that came to us", () => {
    const { link, seen } = setUp();
    link.handle(arp(OURS), 60);
    expect(seen).toEqual(["arp"]);
  });

  it("hands on RARP", () => {
    const { link, seen } = setUp();
    const o = Octets.alloc(60);
    emitEthernet({ dst: ALL, src: CLIENT, etherType: 0x8035 }, o, 0);
    link.handle(o, 60);
    expect(seen).toEqual(["rarp"]);
  });

  it("does not require UDP checksums, which virtual links leave partial", () => {
    const { link, seen } = setUp();
    const o = bootp();
    o.dv.setUint16(40, 0x1234);
    link.handle(o, 342);
    expect(seen).toEqual(["bootp 300"]);
  });

  it.each([
    ["our own", bootp({ src: OURS })],
    ["tagged", tagged(bootp())],
    ["unicast, which comes by UDP", bootp({ dst: OURS })],
    ["to another port", bootp({ port: 69 })],
    ["unicast to a client", bootp({ dst: CLIENT, port: 68 })],
    ["a question to the card of our probe", bootp({ dst: PROBE, port: 67 })],
    ["ARP for everybody", arp(ALL)],
    ["ARP of another's", arp(CLIENT)],
    ["of another protocol", bootp({ protocol: 6 })],
  ])("ignores frames that are %s", (_, o) => {
    const { link, seen, counters } = setUp();
    link.handle(o, o.u8.length);
    expect(seen).toEqual([]);
    expect(counters.entries()).toEqual([]);
  });

  it("does nothing with a fragment alone", () => {
    const { link, seen } = setUp();
    const o = bootp();
    o.dv.setUint16(20, 0x2000);
    o.dv.setUint16(24, o.dv.getUint16(24) - 0x2000);
    link.handle(o, 342);
    expect(seen).toEqual([]);
  });

  it("counts what is cut off or damaged, by protocol", () => {
    const { link, seen, counters } = setUp();
    const damaged = bootp();
    damaged.dv.setUint16(24, 0x1111);
    link.handle(damaged, 342);
    link.handle(bootp(), 5);
    link.handle(bootp(), 30);
    const short = bootp();
    short.dv.setUint16(38, 4);
    link.handle(short, 342);
    expect(seen).toEqual([]);
    expect(
      counters
        .entries()
        .map(([key]) => key.split(" ")[0])
        .sort(),
    ).toEqual(["ethernet", "ipv4", "ipv4", "udp"]);
    expect(counters.get("ipv4", "bad-checksum")).toBe(1);
  });
});

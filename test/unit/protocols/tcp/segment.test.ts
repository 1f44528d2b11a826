import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitTcp,
  TCP_HEADER_LEN,
  TcpFlag,
  TcpView,
  tcpHeaderLen,
  tcpResetFor,
  verifyTcpChecksum,
} from "../../../../protocols/tcp/segment.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

const SERVER = parseIpv4("192.168.77.1") ?? 0;

/** First segments of real clients, sent to port 80 or 111 of 192.168.77.1. */
const syns = [
  {
    client: "U-Boot wget",
    address: "192.168.77.21",
    octets: `04ad0050 00000000 00000000 a0020b68 1d3e0000 020405b4 0303 01 01 01
      080a 00000000 00000000 00`,
    want: { mss: 1460, windowScale: 1, sack: false, timestamps: true, window: 2920 },
  },
  {
    client: "EDK2 HTTP boot",
    address: "192.168.77.72",
    octets: "04b40050 390dd009 00000000 6002ffff 6e710000 020405b4",
    want: { mss: 1460, windowScale: -1, sack: false, timestamps: false, window: 65_535 },
  },
  {
    client: "iPXE",
    address: "192.168.77.71",
    octets: `e29c0050 17746fcc 00000000 b002fffc 1a740000 0101 080a 02809340 00000000
      0101 0402 01 030309 020405b4`,
    want: { mss: 1460, windowScale: 9, sack: true, timestamps: true, window: 65_532 },
  },
  {
    client: "Linux (its virtual NIC leaves the checksum to the host)",
    address: "192.168.77.21",
    partial: true,
    octets: `8f9a006f 0bc7ca43 00000000 a002faf0 1b960000 020405b4 0402
      080a d11817d5 00000000 01 030305`,
    want: { mss: 1460, windowScale: 5, sack: true, timestamps: true, window: 64_240 },
  },
];

describe("TcpView", () => {
  it.each(syns)("reads the SYN of $client", ({ octets, address, partial, want }) => {
    const o = hex(octets);
    const v = new TcpView();
    const len = o.u8.length;
    expect(v.reset(o, 0, len)).toBe(Status.Ok);
    expect([v.flags, v.ack, v.payloadLen, v.payloadAt]).toEqual([TcpFlag.Syn, 0, 0, len]);
    expect({
      mss: v.mss,
      windowScale: v.windowScale,
      sack: v.sackPermitted,
      timestamps: v.hasTimestamps,
      window: v.window,
    }).toEqual(want);
    const src = parseIpv4(address) ?? 0;
    expect(verifyTcpChecksum(o, 0, len, src, SERVER)).toBe(!partial);
    expect(verifyTcpChecksum(o, 0, len, src, SERVER + 1)).toBe(false);
  });

  it.each(syns)("refuses every truncation of that of $client", ({ octets }) => {
    const whole = bytes(octets);
    const v = new TcpView();
    for (let n = 0; n < whole.length; n++) {
      const want = n < TCP_HEADER_LEN ? Status.Truncated : Status.BadLength;
      expect(v.reset(new Octets(whole.slice(0, n)), 0, n)).toBe(want);
    }
  });

  it("reads timestamps", () => {
    const o = hex(`006f8f9a 09a1282b 0bc7ca44 a012fe88 d4550000 020405b4 0402
      080a b4be2419 d11817d5 01 03030a`);
    const v = new TcpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.tsVal, v.tsEcr]).toEqual([0xb4be2419, 0xd11817d5]);
    expect([v.seq, v.ack]).toEqual([0x09a1282b, 0x0bc7ca44]);
  });

  it.each([
    ["a header shorter than 20 octets", "4002", ""],
    ["a header longer than the segment", "f002", ""],
    ["an option without its length", "6002", "01010102"],
    ["an option of length 0", "6002", "02000000"],
    ["an option past the header", "6002", "02050000"],
  ])("refuses %s", (_what, offset, options) => {
    const o = hex(`04b40050 390dd009 00000000 ${offset}ffff 00000000 ${options}`);
    expect(new TcpView().reset(o, 0, o.u8.length)).toBe(Status.BadLength);
  });

  it("skips options that it does not know, and known ones of a wrong length", () => {
    const o = hex("04b40050 390dd009 00000000 8002ffff 00000000 1e03ff 0203ff 0303 0e 00ffff");
    const v = new TcpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.mss, v.windowScale]).toEqual([0, 14]);
  });

  it("never throws and never points outside its window", () => {
    const v = new TcpView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 5, max: 15 }), (raw, n) => {
        const o = new Octets(raw);
        if (raw.length > 12) raw[12] = n << 4;
        if (v.reset(o, 0, raw.length) !== Status.Ok) return;
        expect(v.payloadAt + v.payloadLen).toBe(raw.length);
        expect(v.mss + v.windowScale + v.tsVal + v.tsEcr + v.seq + v.ack).not.toBeNaN();
      }),
      { interruptAfterTimeLimit: 1_000, numRuns: 5_000 },
    );
  });
});

describe("emitTcp", () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

  it("gives back what was emitted, over dirty memory, with a right checksum", () => {
    const v = new TcpView();
    const repr = fc.record({
      srcPort: port,
      dstPort: port,
      seq: int32,
      ack: int32,
      flags: fc.integer({ min: 0, max: 63 }),
      window: port,
      mss: fc.constantFrom(0, 536, 1460),
    });
    fc.assert(
      fc.property(repr, fc.nat(41), int32, int32, (r, payloadLen, src, dst) => {
        const o = dirty(128);
        const len = emitTcp(r, payloadLen, src, dst, o, 3) + payloadLen;
        expect(len).toBe(tcpHeaderLen(r) + payloadLen);
        expect(v.reset(o, 3, len)).toBe(Status.Ok);
        expect(verifyTcpChecksum(o, 3, len, src, dst)).toBe(true);
        const ack = r.flags & TcpFlag.Ack ? r.ack : 0;
        expect([v.srcPort, v.dstPort, v.seq, v.ack, v.flags, v.window, v.mss]).toEqual([
          r.srcPort,
          r.dstPort,
          r.seq,
          ack,
          r.flags,
          r.window,
          r.mss,
        ]);
        expect(o.u8[3 + len]).toBe(0xa5);
      }),
      { interruptAfterTimeLimit: 1_000 },
    );
  });

  it("writes the SYN of EDK2, octet for octet", () => {
    const o = dirty(24);
    const syn = { srcPort: 1204, dstPort: 80, seq: 0x390dd009, ack: 0, flags: TcpFlag.Syn };
    emitTcp(
      { ...syn, window: 0xffff, mss: 1460 },
      0,
      parseIpv4("192.168.77.72") ?? 0,
      SERVER,
      o,
      0,
    );
    expect(toHex(o)).toBe(toHex(hex(syns[1]?.octets ?? "")));
  });

  it("answers a segment without a connection as RFC 9293 says", () => {
    const v = new TcpView();
    const syn = hex(syns[1]?.octets ?? "");
    v.reset(syn, 0, syn.u8.length);
    expect(tcpResetFor(v)).toMatchObject({
      dstPort: 1204,
      seq: 0,
      ack: 0x390dd00a,
      flags: TcpFlag.Rst | TcpFlag.Ack,
    });
    const ack = hex("04b40050 390dd00a 7fffffff 5010ffff 00000000");
    v.reset(ack, 0, 20);
    expect(tcpResetFor(v)).toMatchObject({ seq: 0x7fffffff, flags: TcpFlag.Rst });
  });

  it("allocates nothing", () => {
    const v = new TcpView();
    const o = dirty(64);
    const r = { srcPort: 1, dstPort: 2, seq: -5, ack: -6, flags: 16, window: 9, mss: 0 };
    const perSegment = octetsPerOperation(() => {
      v.reset(o, 0, emitTcp(r, 20, -1, -2, o, 0) + 20);
    });
    expect(perSegment).toBeLessThan(ALLOCATION_GATE);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOOTP_LIMITS, DHCP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { echoRelayAgent, RelayAgentView } from "../../../../protocols/dhcp/relay-agent.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

// Built by hand from RFC 3046, 3527 and 5107: no capture has a relay that adds the option.
const VALUE = "0104 00010203 0206 0003ba5baeb3 0504 0a010200 0b04 0a010201 9701 00";

const HEADER = { op: 1, xid: 7, chaddr: bytes("525400aa0001") };

function request(relay: Uint8Array): DhcpView {
  const o = dirty(800);
  const w = new DhcpWriter();
  w.begin(HEADER, o, 0, { maxLen: 800, overload: false });
  w.u8(53, 1);
  if (relay.length > 0) w.octets(82, new Octets(relay), 0, relay.length);
  const len = w.end();
  const v = new DhcpView();
  expect(v.reset(o, 0, len)).toBe(Status.Ok);
  return v;
}

describe("RelayAgentView", () => {
  it("reads every sub-option", () => {
    const o = hex(VALUE);
    const v = new RelayAgentView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(toHex(o, v.circuitIdAt, v.circuitIdLen)).toBe("00010203");
    expect(toHex(o, v.remoteIdAt, v.remoteIdLen)).toBe("0003ba5baeb3");
    expect([v.linkSelection, v.serverIdentifierOverride]).toEqual([0x0a010200, 0x0a010201]);
  });

  it("reports what is absent, or of a wrong length", () => {
    const v = new RelayAgentView();
    expect(v.reset(hex("0503 0a0102 0b00"), 0, 7)).toBe(Status.Ok);
    expect([v.circuitIdAt, v.remoteIdAt, v.linkSelection, v.serverIdentifierOverride]).toEqual([
      -1, -1, 0, 0,
    ]);
  });

  it("knows neither pad nor end, as RFC 3046 has it", () => {
    const v = new RelayAgentView();
    expect(v.reset(hex("0001aa ff00 0101 61"), 0, 8)).toBe(Status.Ok);
    expect(v.circuitIdLen).toBe(1);
    expect(v.reset(hex("0101 61 00"), 0, 4)).toBe(Status.BadLength);
  });

  it("never throws", () => {
    const v = new RelayAgentView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        if (v.reset(new Octets(octets), 0, octets.length) !== Status.Ok) return;
        expect(v.circuitIdAt + v.circuitIdLen).toBeLessThanOrEqual(octets.length);
        expect(v.linkSelection | v.serverIdentifierOverride).toBeTypeOf("number");
      }),
    );
  });
});

describe("echoRelayAgent", () => {
  it.each([bytes(VALUE), new Uint8Array(280).fill(0x5a)])("copies the value unchanged", (relay) => {
    const o = dirty(560);
    const w = new DhcpWriter();
    w.begin({ ...HEADER, op: 2 }, o, 0, DHCP_LIMITS);
    w.u8(53, 2);
    expect(echoRelayAgent(request(relay), w, Octets.alloc(512))).toBe(true);
    const len = w.end();
    const v = new DhcpView();
    expect(v.reset(o, 0, len)).toBe(Status.Ok);
    const into = Octets.alloc(relay.length);
    expect(v.optionJoined(82, into)).toBe(relay.length);
    expect(into.u8).toEqual(relay);
    const codes: number[] = [];
    v.forEachOption((code) => codes.push(code));
    expect(codes.at(-1)).toBe(82);
  });

  it("adds nothing when no relay did", () => {
    const o = dirty(320);
    const w = new DhcpWriter();
    w.begin({ ...HEADER, op: 2 }, o, 0, BOOTP_LIMITS);
    expect(echoRelayAgent(request(new Uint8Array()), w, Octets.alloc(512))).toBe(true);
    w.end();
    expect(toHex(o, 240, 2)).toBe("ff00");
  });

  it("says when it does not fit", () => {
    const w = new DhcpWriter();
    w.begin({ ...HEADER, op: 2 }, dirty(320), 0, BOOTP_LIMITS);
    expect(echoRelayAgent(request(new Uint8Array(80)), w, Octets.alloc(512))).toBe(false);
    expect(echoRelayAgent(request(new Uint8Array(20)), w, Octets.alloc(10))).toBe(false);
    expect(echoRelayAgent(request(new Uint8Array(20)), w, Octets.alloc(20))).toBe(true);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { StatusCounters } from "../../../../../agent/services/context.ts";
import { ArpProber, PROBE_MS } from "../../../../../agent/services/dhcp/arp-prober.ts";
import {
  ARP_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  emitArp,
} from "../../../../../protocols/arp/packet.ts";
import {
  ETHERTYPE_ARP,
  EthernetView,
  emitEthernet,
} from "../../../../../protocols/ethernet/frame.ts";
import { parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";

const ADDRESS = parseIpv4("10.0.0.100") ?? 0;
const HOST: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 7);

let clock: FakeClock;
let sender: FakeSender;
let counters: StatusCounters;
let prober: ArpProber;
let answers: (string | undefined)[];
const end = (who: string | undefined): number => answers.push(who);

beforeEach(() => {
  clock = new FakeClock();
  sender = new FakeSender();
  counters = new StatusCounters();
  prober = new ArpProber(sender, clock, counters);
  answers = [];
});

/** A host says that it has an address. */
function reply(address: number, op: number = ARP_REPLY): void {
  const o = Octets.alloc(60);
  const at = emitEthernet({ dst: sender.mac, src: HOST, etherType: ETHERTYPE_ARP }, o, 0);
  emitArp({ op, sha: HOST, spa: address, tha: sender.mac, tpa: 0 }, o, at);
  const frame = new EthernetView();
  expect(frame.reset(o, 0, 60)).toBe(0);
  prober.handle(o, frame);
}

describe("asking by ARP whether an address is free", () => {
  it("asks everybody, twice, in the name of no address (RFC 5227)", () => {
    prober.probe(ADDRESS, end);
    clock.advance(PROBE_MS);
    expect(sender.frames).toHaveLength(2);
    for (const o of sender.frames) {
      const frame = new EthernetView();
      const arp = new ArpView();
      expect(frame.reset(o, 0, o.u8.length)).toBe(0);
      expect(macText(o, frame.dstAt)).toBe("ff:ff:ff:ff:ff:ff");
      expect(o.u8.length).toBe(60);
      expect(arp.reset(o, frame.payloadAt, ARP_LEN)).toBe(0);
      expect([arp.op, arp.spa, arp.tpa]).toEqual([ARP_REQUEST, 0, ADDRESS]);
    }
  });

  it("waits half a second for an answer, and does not ask again for a while", () => {
    prober.probe(ADDRESS, end);
    clock.advance(PROBE_MS - 1);
    expect(answers).toEqual([]);
    clock.advance(1);
    expect(answers).toEqual([undefined]);
    prober.probe(ADDRESS, end);
    expect(answers).toEqual([undefined, undefined]);
    expect(clock.pending).toBe(0);
    clock.advance(60_000);
    prober.probe(ADDRESS, end);
    expect(answers).toHaveLength(2);
  });

  it("says at once who has it, to all who ask", () => {
    prober.probe(ADDRESS, end);
    prober.probe(ADDRESS, end);
    reply(ADDRESS + 1);
    reply(ADDRESS, ARP_REQUEST);
    expect(answers).toEqual([]);
    reply(ADDRESS);
    expect(answers).toEqual(["02:00:00:00:00:07", "02:00:00:00:00:07"]);
    expect(clock.pending).toBe(0);
    // It is in use: next time the question is put anew.
    prober.probe(ADDRESS, end);
    expect(answers).toHaveLength(2);
  });

  it("asks for many side by side, and for a bounded number", () => {
    for (let i = 0; i < 600; i++) prober.probe(ADDRESS + i, end);
    expect(answers).toHaveLength(600 - 512);
    expect(counters.get("arp", "too-many")).toBe(600 - 512);
    clock.advance(PROBE_MS);
    expect(answers).toHaveLength(600);
  });

  it("forgets whom it waits for when it is stopped", () => {
    prober.probe(ADDRESS, end);
    prober.stop();
    clock.advance(PROBE_MS);
    expect([answers, clock.pending]).toEqual([[], 0]);
  });
});

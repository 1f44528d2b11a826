import { describe, expect, it } from "vitest";
import { WakeService } from "../../../../agent/services/wake.ts";
import { EthernetView } from "../../../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../../../protocols/ipv4/packet.ts";
import { UdpView, verifyUdpChecksum } from "../../../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../../protocols/wire/octets.ts";
import { ETHERTYPE_WOL, MagicPacketView } from "../../../../protocols/wol/magic-packet.ts";
import { FakeSender } from "../../../support/fake-sender.ts";
import { testRack } from "../../../support/test-site.ts";

async function setUp() {
  const rack = await testRack();
  const sender = new FakeSender();
  const wake = new WakeService(rack.context, sender);
  return { ...rack, sender, wake, machine: rack.plan("minipc").machine };
}

/** Whom a frame wakes, and how: "bare 52:…", "udp 172.24.42.255:9 52:…". */
function read(o: Octets): string {
  const [eth, ip, udp, magic] = [
    new EthernetView(),
    new Ipv4View(),
    new UdpView(),
    new MagicPacketView(),
  ];
  expect(eth.reset(o, 0, o.u8.length)).toBe(0);
  expect(eth.dstIsBroadcast).toBe(true);
  expect(macText(o, eth.srcAt)).toBe("02:00:00:00:00:96");
  if (eth.etherType === ETHERTYPE_WOL) {
    expect(magic.reset(o, eth.payloadAt, eth.payloadLen)).toBe(0);
    return `bare ${macText(o, magic.macAt)}`;
  }
  expect(ip.reset(o, eth.payloadAt, eth.payloadLen)).toBe(0);
  expect(udp.reset(o, ip.payloadAt, ip.payloadLen)).toBe(0);
  expect(verifyUdpChecksum(o, ip.payloadAt, ip.payloadLen, ip.src, ip.dst)).toBe(true);
  expect(magic.reset(o, udp.payloadAt, udp.payloadLen)).toBe(0);
  return `udp ${formatIpv4(ip.dst)}:${udp.dstPort} ${macText(o, magic.macAt)}`;
}

describe("WakeService", () => {
  it("sends both forms three times, as Ethernet broadcasts", async () => {
    const { sender, wake, machine, clock } = await setUp();
    wake.wake(machine, "eva@laptop");
    const both = ["bare 52:54:00:aa:00:02", "udp 172.24.42.255:9 52:54:00:aa:00:02"];
    expect(sender.frames.map(read)).toEqual(both);
    clock.advance(10_000);
    expect(sender.frames.map(read)).toEqual([...both, ...both, ...both]);
    expect(clock.pending).toBe(0);
  });

  it("says in the journal who wanted it, once", async () => {
    const { wake, machine, clock, journal } = await setUp();
    wake.wake(machine, "eva@laptop");
    clock.advance(10_000);
    expect(journal.entries()).toMatchObject([
      { machine: "minipc", event: "wake 52:54:00:aa:00:02", decision: "asked for by eva@laptop" },
    ]);
  });

  it("begins anew for a machine that is being woken, and sends nothing once it is stopped", async () => {
    const { sender, wake, machine, clock } = await setUp();
    wake.wake(machine, "eva@laptop");
    wake.wake(machine, "eva@laptop");
    expect(clock.pending).toBe(1);
    clock.advance(200);
    expect(sender.frames).toHaveLength(6);
    wake.stop();
    clock.advance(10_000);
    expect(sender.frames).toHaveLength(6);
  });
});

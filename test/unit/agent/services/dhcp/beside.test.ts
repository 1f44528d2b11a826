import { describe, expect, it } from "vitest";
import { type BesideSupport, DhcpBeside } from "../../../../../agent/services/dhcp/beside.ts";
import { ForeignAddresses } from "../../../../../agent/services/dhcp/foreign-addresses.ts";
import type { SeenServer } from "../../../../../agent/services/dhcp/mode.ts";
import { PROBE_CLASS } from "../../../../../agent/services/dhcp/other-servers.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { capturedDhcp, clientQuestion } from "../../../../support/dhcp-frames.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { ip, RACK, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

const PLAIN = "52:54:00:aa:00:03";
const PROBE = Buffer.from(PROBE_CLASS).toString("hex");

async function setUp(mode: string, seen?: SeenServer) {
  const rack = await testRack(RACK.replace("relays:", `dhcp: ${mode}\n  relays:`));
  const sender = new FakeSender();
  const ports = new FakeUdpPorts();
  const foreign = new ForeignAddresses();
  const kept = { seen };
  const support: BesideSupport = {
    foreign,
    memory: {
      read: () => kept.seen,
      write: async (server) => {
        kept.seen = server;
      },
    },
    random: () => 1,
    wallMs: () => 0,
    health: () => {},
    problem: (error) => {
      throw error;
    },
  };
  const beside = new DhcpBeside(rack.context, sender, support);
  return { ...rack, sender, ports, foreign, beside };
}

describe("DhcpBeside", () => {
  it.each([
    ["authoritative", "all", false],
    ["auto", "reservations", false],
    ["proxy", "proxy", true],
  ])("in %s takes a client's message or leaves it", async (mode, conduct, takes) => {
    const { beside, sender } = await setUp(mode);
    expect(beside.conduct).toBe(conduct);
    expect(beside.takes(clientQuestion(frames.IPXE_DISCOVER), 0)).toBe(takes);
    expect(sender.frames).toHaveLength(takes ? 1 : 0);
  });

  it.each(["authoritative", "auto", "proxy"])("in %s takes probes of agents", async (mode) => {
    const { beside, sender } = await setUp(mode);
    const options = `350101 3c10${PROBE}`;
    expect(beside.takes(clientQuestion(frames.IPXE_DISCOVER, { options }), 0)).toBe(true);
    expect(sender.frames).toHaveLength(1);
  });

  it("knows a machine by the address that the other server gave it, and nobody else's", async () => {
    const { beside, foreign } = await setUp("proxy");
    const all = await capturedDhcp("ovmf-proxydhcp-4011.pcap");
    for (const { message, dstPort } of all) if (dstPort === 67) beside.takes(message, 0);
    expect(foreign.macAt(ip("192.168.77.72"))).toBe(PLAIN);
    const options = "350103 3204ac182a3c";
    beside.takes(clientQuestion(frames.IPXE_DISCOVER, { mac: "020000000001", options }), 0);
    expect(foreign.macAt(ip("172.24.42.60"))).toBeUndefined();
  });

  it("learns no address where we give them, and forgets them when the operator says so", async () => {
    const plain = { mac: "525400aa0003", options: "350103 3204ac182a58" };
    const seen = { address: ip("10.0.0.1"), sinceMs: 1 };
    const auto = await setUp("auto", seen);
    auto.beside.takes(clientQuestion(frames.IPXE_DISCOVER, plain), 0);
    expect(formatIpv4(auto.foreign.at(PLAIN) ?? 0)).toBe("172.24.42.88");
    expect(await auto.beside.forget("eva")).toBe(true);
    expect(auto.foreign.at(PLAIN)).toBeUndefined();
    auto.beside.takes(clientQuestion(frames.IPXE_DISCOVER, plain), 0);
    expect(auto.foreign.at(PLAIN)).toBeUndefined();
  });

  it.each(["authoritative", "auto", "proxy"])("has port 4011 open in %s", async (mode) => {
    const { beside, ports } = await setUp(mode);
    await beside.start(ports);
    const port = ports.port(4_011);
    expect(port.broadcast).toBe(false);
    beside.stop();
    beside.stop();
    expect(port.closed).toBe(true);
  });
});

describe("ForeignAddresses", () => {
  it("has one card for each address, and one address for each card", () => {
    const foreign = new ForeignAddresses();
    foreign.learn("a", 1);
    foreign.learn("b", 1);
    expect([foreign.at("a"), foreign.macAt(1)]).toEqual([undefined, "b"]);
    foreign.learn("b", 2);
    expect([foreign.macAt(1), foreign.macAt(2), foreign.at("b")]).toEqual([undefined, "b", 2]);
    foreign.learn("b", 0);
    expect(foreign.at("b")).toBe(2);
  });

  it("is bounded, and forgets what was heard longest ago", () => {
    const foreign = new ForeignAddresses();
    for (let n = 1; n <= 5_000; n++) {
      foreign.learn(`card ${n}`, n);
      foreign.learn("often", 100_000);
    }
    expect([foreign.at("card 1"), foreign.macAt(1)]).toEqual([undefined, undefined]);
    expect([foreign.at("card 5000"), foreign.macAt(100_000)]).toEqual([5_000, "often"]);
  });
});

import { describe, expect, it, vi } from "vitest";
import { DhcpServer } from "../../../../../agent/services/dhcp/server.ts";
import { LinkServer } from "../../../../../agent/services/link-server.ts";
import { DhcpMessageType } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import { EthernetView, emitEthernet } from "../../../../../protocols/ethernet/frame.ts";
import { emitIpv4, Ipv4View } from "../../../../../protocols/ipv4/packet.ts";
import { emitUdp, UdpView, verifyUdpChecksum } from "../../../../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { formatMac, macText } from "../../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { clientMessage, type DhcpChange } from "../../../../support/dhcp-frames.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { bytes } from "../../../../support/hex.ts";
import { ip, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

const CLIENT = bytes("525400aa0002");

function message(change: DhcpChange = {}): Uint8Array {
  return clientMessage(frames.IPXE_DISCOVER, change);
}

async function setUp(pending?: number) {
  const rack = await testRack();
  const sender = new FakeSender();
  const ports = new FakeUdpPorts();
  const server = new DhcpServer(rack.context, sender, undefined, undefined, pending);
  await server.start(ports);
  const link = new LinkServer(sender.mac, rack.context.counters, rack.context.clock.now, {
    rarp: () => {},
    bootp: (o, udp) => server.handleBroadcast(o, udp),
  });
  /** The message broadcast on the link. */
  const broadcast = (payload: Uint8Array): void => {
    const o = Octets.alloc(1_500);
    const dst = new Uint8Array(6).fill(0xff);
    let at = emitEthernet({ dst, src: CLIENT, etherType: 0x0800 }, o, 0);
    at += emitIpv4({ src: 0, dst: -1, protocol: 17 }, payload.length + 8, o, at);
    o.u8.set(payload, at + 8);
    at += emitUdp({ srcPort: 68, dstPort: 67 }, payload.length, 0, -1, o, at);
    link.handle(o, Math.max(at, 42 + payload.length));
    o.u8.fill(0x5a);
  };
  return { ...rack, sender, ports, server, broadcast };
}

/** What a frame of ours says. */
function parse(o: Octets) {
  const [eth, ipView, udp, dhcp] = [
    new EthernetView(),
    new Ipv4View(),
    new UdpView(),
    new DhcpView(),
  ];
  expect(eth.reset(o, 0, o.u8.length)).toBe(0);
  expect(ipView.reset(o, eth.payloadAt, eth.payloadLen)).toBe(0);
  expect(udp.reset(o, ipView.payloadAt, ipView.payloadLen)).toBe(0);
  expect(verifyUdpChecksum(o, ipView.payloadAt, ipView.payloadLen, ipView.src, ipView.dst)).toBe(
    true,
  );
  expect(dhcp.reset(o, udp.payloadAt, udp.payloadLen)).toBe(0);
  return {
    dstMac: macText(o, eth.dstAt),
    srcMac: macText(o, eth.srcAt),
    src: formatIpv4(ipView.src),
    dst: formatIpv4(ipView.dst),
    ports: [udp.srcPort, udp.dstPort],
    type: dhcp.messageType,
  };
}

const ALL = "ff:ff:ff:ff:ff:ff";
const MINIPC = formatMac(CLIENT);
const REQUEST = "350103 3204ac182a3c";

describe("DhcpServer", () => {
  it.each<[string, DhcpChange, string, string, number]>([
    ["DISCOVER", { flags: 0 }, MINIPC, "172.24.42.60", DhcpMessageType.Offer],
    [
      "DISCOVER with the broadcast flag",
      { flags: 0x8000 },
      ALL,
      "255.255.255.255",
      DhcpMessageType.Offer,
    ],
    ["REQUEST", { options: REQUEST }, MINIPC, "172.24.42.60", DhcpMessageType.Ack],
    [
      "a rebinding",
      { options: "350103", ciaddr: "172.24.42.60", flags: 0x8000 },
      MINIPC,
      "172.24.42.60",
      DhcpMessageType.Ack,
    ],
    [
      "a wrong REQUEST",
      { options: "350103 3204ac182a3d" },
      ALL,
      "255.255.255.255",
      DhcpMessageType.Nak,
    ],
  ])("sends the answer to %s where RFC 2131 says", async (_, change, dstMac, dst, type) => {
    const { sender, broadcast } = await setUp();
    broadcast(message(change));
    await settle();
    expect(sender.frames.map(parse)).toEqual([
      {
        dstMac,
        srcMac: "02:00:00:00:00:96",
        src: "172.24.42.150",
        dst,
        ports: [67, 68],
        type,
      },
    ]);
  });

  it("answers renewals that come by UDP on the link", async () => {
    const { sender, ports } = await setUp();
    const renewal = message({ options: "350103", ciaddr: "172.24.42.60" });
    ports.port(67).deliver(renewal, ip("172.24.42.60"), 68);
    await settle();
    expect(sender.frames.map(parse)).toMatchObject([
      { dst: "172.24.42.60", type: DhcpMessageType.Ack },
    ]);
    expect(ports.port(67).slabsOut).toBe(0);
  });

  it("answers what a relay sent to the relay's server port", async () => {
    const { sender, ports } = await setUp();
    ports.port(67).deliver(message({ giaddr: "10.1.0.1" }), ip("10.1.0.1"), 67);
    await settle();
    expect(sender.frames).toEqual([]);
    const [sent] = ports.port(67).take();
    expect([formatIpv4(sent?.dst ?? 0), sent?.dstPort]).toEqual(["10.1.0.1", 67]);
  });

  it("tells a relay of a lease when the port is free again, and drops an offer that finds it busy", async () => {
    const { ports, context } = await setUp();
    const port = ports.port(67);
    const relayed = (change: DhcpChange = {}): void =>
      port.deliver(message({ giaddr: "10.1.0.1", ...change }), ip("10.1.0.1"), 67);
    port.congested = true;
    relayed();
    expect(context.counters.get("dhcp", "too-many")).toBe(1);
    relayed({ options: REQUEST });
    await settle();
    port.congested = false;
    expect(port.take()).toEqual([]);
    await vi.waitFor(() => expect(port.take()).toHaveLength(1));
    expect(port.slabsOut).toBe(0);
    expect(context.counters.get("dhcp", "too-many")).toBe(1);
  });

  it("gives up an answer that the port does not take for long", async () => {
    const { ports, context } = await setUp();
    const port = ports.port(67);
    port.congested = true;
    port.deliver(message({ giaddr: "10.1.0.1", options: REQUEST }), ip("10.1.0.1"), 67);
    await vi.waitFor(() => expect(context.counters.get("dhcp", "too-many")).toBe(1));
    port.congested = false;
    await settle();
    expect(port.take()).toEqual([]);
  });

  it("sends nothing to a relay that the site does not name, whoever writes it into a message", async () => {
    const { sender, ports, broadcast, last } = await setUp();
    broadcast(message({ giaddr: "8.8.8.8" }));
    ports.port(67).deliver(message({ giaddr: "8.8.4.4" }), ip("172.24.42.60"), 68);
    await settle();
    expect(sender.frames).toEqual([]);
    expect(ports.port(67).take()).toEqual([]);
    expect(last()).toMatchObject({ outcome: "silent", machine: "minipc" });
    expect(last().decision).toContain("8.8.4.4");
  });

  it("sets the neighbour entry before the ACK leaves, from the site and not from the packet", async () => {
    const { sender, broadcast } = await setUp();
    sender.slow = true;
    broadcast(message({ options: REQUEST }));
    await settle();
    expect(sender.frames).toEqual([]);
    sender.settle();
    await settle();
    expect(sender.neighbours.map(formatIpv4)).toEqual(["172.24.42.60"]);
    expect(sender.frames).toHaveLength(1);
  });

  it("is silent to a machine of nobody, and says so once a minute", async () => {
    const { sender, broadcast, journal } = await setUp();
    for (let i = 0; i < 5; i++) broadcast(message({ mac: "020000000001" }));
    await settle();
    expect(sender.frames).toEqual([]);
    expect(journal.entries()).toHaveLength(1);
    expect(journal.entries()[0]).toMatchObject({
      protocol: "dhcp",
      mac: "02:00:00:00:00:01",
      event: "DISCOVER",
      outcome: "silent",
      machine: null,
    });
  });

  it("ignores other servers' replies and counts rubbish", async () => {
    const { sender, broadcast, journal, ports, context } = await setUp();
    broadcast(message({ op: 2 }));
    ports.port(67).deliver(new Uint8Array(100), ip("172.24.42.60"), 68);
    await settle();
    expect(sender.frames).toEqual([]);
    expect(journal.entries()).toEqual([]);
    expect(context.counters.get("dhcp", "truncated")).toBe(1);
  });

  it("journals what it was asked, what it decided and what it sent", async () => {
    const { broadcast, last } = await setUp();
    broadcast(message());
    await settle();
    expect(last()).toMatchObject({
      machine: "minipc",
      mac: MINIPC,
      address: "172.24.42.60",
      family: "ipxe",
      protocol: "dhcp",
      event: "DISCOVER",
      decision: "its reservation; iPXE gets the script of profile debian; ipxe: user class iPXE",
      reply: "OFFER 172.24.42.60, boot http://172.24.42.150/boot.ipxe, root /debian",
      outcome: "answered",
    });
    broadcast(message({ options: "350103 3204ac182a3d" }));
    await settle();
    expect(last()).toMatchObject({ reply: "NAK", outcome: "refused" });
  });

  it("lives on when the link fails, journals it, and keeps no memory", async () => {
    const { sender, broadcast, last } = await setUp();
    sender.failure = new Error("send: Network is down");
    for (let i = 0; i < 50; i++) broadcast(message());
    await settle();
    expect(last()).toMatchObject({ outcome: "failed", machine: "minipc" });
    expect(last().decision).toContain("Network is down");
    sender.failure = undefined;
    broadcast(message());
    await settle();
    expect(sender.frames).toHaveLength(1);
  });

  it("holds a bounded number of answers that wait", async () => {
    const { sender, broadcast, context } = await setUp(32);
    sender.slow = true;
    for (let i = 0; i < 40; i++) broadcast(message({ options: REQUEST }));
    expect(context.counters.get("dhcp", "too-many")).toBe(8);
    await settle();
    sender.settle();
    await settle();
    expect(sender.frames).toHaveLength(32);
  });

  it("offers addresses while as many as may wait for their leases", async () => {
    const { sender, broadcast, context } = await setUp(2);
    sender.slow = true;
    for (let i = 0; i < 3; i++) broadcast(message({ options: REQUEST }));
    expect(context.counters.get("dhcp", "too-many")).toBe(1);
    broadcast(message());
    expect(sender.frames).toHaveLength(1);
    expect(context.counters.get("dhcp", "too-many")).toBe(1);
  });
});

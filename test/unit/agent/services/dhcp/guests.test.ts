import { describe, expect, it } from "vitest";
import { ArpProber, PROBE_MS } from "../../../../../agent/services/dhcp/arp-prober.ts";
import type { Conduct } from "../../../../../agent/services/dhcp/mode.ts";
import { DhcpServer } from "../../../../../agent/services/dhcp/server.ts";
import { ARP_REPLY, emitArp } from "../../../../../protocols/arp/packet.ts";
import { DhcpWriter } from "../../../../../protocols/dhcp/message.ts";
import { BOOTREQUEST, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  EthernetView,
  emitEthernet,
} from "../../../../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../../../../protocols/ipv4/packet.ts";
import { emitUdp, UdpView } from "../../../../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { parseMac } from "../../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { ip, RACK, RACK_FILES, testRack } from "../../../../support/test-site.ts";

const { Discover, Offer, Request, Ack, Release, Nak } = DhcpMessageType;
const GUEST = "52:54:00:00:00:07";
const OTHER = "52:54:00:00:00:08";
const HOST: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 9);

const SITE = `${RACK.replace(
  "  relays: [10.1.0.1]",
  "  relays: [10.1.0.1]\n  pool: 172.24.42.100-172.24.42.103\n  lease: 1h\n  subnets: { far: { prefix: 10.9.0.0/24, pool: 10.9.0.50-10.9.0.60, router: 10.9.0.1 } }",
)}unknown:
  pcs: { match: { vendorClass: "PXEClient*" }, profile: debian, vars: { tty: ttyS1 } }
  rest: {}
`;

interface Ask {
  readonly mac?: string;
  readonly type?: number;
  readonly requested?: string;
  readonly server?: string;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly pxe?: boolean;
  readonly rapid?: boolean;
}

function message(a: Ask): Uint8Array {
  const o = Octets.alloc(600);
  const writer = new DhcpWriter();
  const header = {
    op: BOOTREQUEST,
    xid: 0x1234,
    chaddr: parseMac(a.mac ?? GUEST) ?? new Uint8Array(6),
    ciaddr: ip(a.ciaddr ?? "0.0.0.0"),
    giaddr: ip(a.giaddr ?? "0.0.0.0"),
  };
  writer.begin(header, o, 0, { maxLen: 548, overload: false });
  if (a.type !== 0) writer.u8(DhcpOption.DhcpMessageType, a.type ?? Discover);
  if (a.requested !== undefined) writer.ipv4(DhcpOption.RequestedIpAddress, ip(a.requested));
  if (a.server !== undefined) writer.ipv4(DhcpOption.ServerIdentifier, ip(a.server));
  if (a.pxe) writer.text(DhcpOption.VendorClassIdentifier, "PXEClient:Arch:00007:UNDI:003016");
  if (a.pxe) writer.u16(DhcpOption.ClientSystemArchitecture, 7);
  if (a.rapid) writer.octets(DhcpOption.RapidCommit, o, 0, 0);
  return o.u8.slice(0, writer.end());
}

async function setUp(conduct: Conduct = "all") {
  const rack = await testRack(SITE, RACK_FILES);
  const sender = new FakeSender();
  const ports = new FakeUdpPorts();
  const prober = new ArpProber(sender, rack.clock, rack.context.counters);
  const server = new DhcpServer(rack.context, sender, prober, () => conduct);
  await server.start(ports);
  const view = new DhcpView();
  /** What the link carried of ours since the last look, DHCP only. */
  const answers = (): { type: number; yiaddr: string; file: string; view: DhcpView }[] =>
    sender.frames.splice(0).flatMap((o) => {
      const [frame, packet, udp, dhcp] = [
        new EthernetView(),
        new Ipv4View(),
        new UdpView(),
        new DhcpView(),
      ];
      frame.reset(o, 0, o.u8.length);
      if (frame.etherType !== ETHERTYPE_IPV4) return [];
      packet.reset(o, frame.payloadAt, frame.payloadLen);
      udp.reset(o, packet.payloadAt, packet.payloadLen);
      expect(dhcp.reset(o, udp.payloadAt, udp.payloadLen)).toBe(0);
      return [
        {
          type: dhcp.messageType,
          yiaddr: formatIpv4(dhcp.yiaddr),
          file: dhcp.fileText(),
          view: dhcp,
        },
      ];
    });
  /** A client broadcasts; everything that can happen without waiting happens. */
  const ask = async (a: Ask): Promise<ReturnType<typeof answers>> => {
    const payload = message(a);
    const o = Octets.alloc(payload.length + 8);
    o.u8.set(payload, 8);
    emitUdp({ srcPort: 68, dstPort: 67 }, payload.length, 0, -1, o, 0);
    const udp = new UdpView();
    expect(udp.reset(o, 0, o.u8.length)).toBe(0);
    server.handleBroadcast(o, udp);
    await settle();
    return answers();
  };
  /** The same, and half a second passes, in which nobody answers by ARP. */
  const askAndWait = async (a: Ask): Promise<ReturnType<typeof answers>> => {
    const before = await ask(a);
    // A plan with templates is read from the disk.
    const planned = (): boolean => rack.context.planner.byMac(a.mac ?? GUEST) !== undefined;
    if (a.pxe) await eventually(planned, "the guest's plan");
    await settle();
    rack.clock.advance(PROBE_MS);
    await settle();
    return [...before, ...answers()];
  };
  const arpReply = (address: string): void => {
    const o = Octets.alloc(60);
    const at = emitEthernet({ dst: sender.mac, src: HOST, etherType: ETHERTYPE_ARP }, o, 0);
    emitArp({ op: ARP_REPLY, sha: HOST, spa: ip(address), tha: sender.mac, tpa: 0 }, o, at);
    const frame = new EthernetView();
    frame.reset(o, 0, 60);
    prober.handle(o, frame);
  };
  return { ...rack, sender, ports, server, ask, askAndWait, arpReply, view, answers };
}

const OURS = "172.24.42.150";

describe("a machine that the site does not name", () => {
  it("is offered an address of the pool when nobody answers there, and keeps it", async () => {
    const { askAndWait, ask, last } = await setUp();
    expect(await ask({})).toEqual([]);
    const [first, offer] = await askAndWait({ mac: OTHER });
    expect(first).toMatchObject({ type: Offer, yiaddr: "172.24.42.100" });
    expect(offer).toMatchObject({ type: Offer, yiaddr: "172.24.42.101" });
    const [ack] = await ask({
      mac: OTHER,
      type: Request,
      requested: "172.24.42.101",
      server: OURS,
    });
    expect(ack).toMatchObject({ type: Ack, yiaddr: "172.24.42.101" });
    expect(ack?.view.optionU32(DhcpOption.IpAddressLeaseTime, 0)).toBe(3600);
    expect(last()).toMatchObject({ machine: "rest-000008", outcome: "answered" });
    expect(last().decision).toContain('it took our offer; rule "rest" gives an address only');
    const [again] = await ask({ mac: OTHER });
    expect(again).toMatchObject({ type: Offer, yiaddr: "172.24.42.101" });
  });

  it("gets another address when somebody answers at the first, and the journal says who", async () => {
    const { ask, askAndWait, arpReply, answers, clock, journal } = await setUp();
    await ask({});
    arpReply("172.24.42.100");
    await settle();
    clock.advance(PROBE_MS);
    await settle();
    expect(answers()).toMatchObject([{ type: Offer, yiaddr: "172.24.42.101" }]);
    expect(
      journal.entries().some((e) => /02:00:00:00:00:09 answers at 172.24.42.100/.test(e.event)),
    ).toBe(true);
    expect(await askAndWait({ mac: OTHER })).toMatchObject([{ yiaddr: "172.24.42.102" }]);
  });

  it("boots what its rule says, by the address that it has", async () => {
    const { askAndWait, context, sender } = await setUp();
    const [offer] = await askAndWait({ pxe: true });
    expect(offer).toMatchObject({ type: Offer, yiaddr: "172.24.42.100", file: "ipxe-x64" });
    const plan = context.planner.byIp(ip("172.24.42.100"));
    expect(plan?.machine).toMatchObject({ name: "pcs-000007", mac: GUEST, vars: { tty: "ttyS1" } });
    await askAndWait({ pxe: true, type: Request, requested: "172.24.42.100", server: OURS });
    expect(sender.neighbours).toEqual([ip("172.24.42.100")]);
  });

  it("gets it at once with rapid commit, and for ever by BOOTP", async () => {
    const { askAndWait, context } = await setUp();
    const [ack] = await askAndWait({ rapid: true });
    expect(ack).toMatchObject({ type: Ack, yiaddr: "172.24.42.100" });
    expect(ack?.view.optionAt(DhcpOption.RapidCommit)).toBeGreaterThan(0);
    const [bootp] = await askAndWait({ mac: OTHER, type: 0 });
    expect(bootp).toMatchObject({ type: 0, yiaddr: "172.24.42.101" });
    const lease = context.addresses.at(ip("172.24.42.101"));
    expect(lease && context.addresses.leftS(lease)).toBe(Number.POSITIVE_INFINITY);
  });

  it("gives it back, and then somebody else may have it", async () => {
    const { askAndWait, ask, context } = await setUp();
    await askAndWait({ rapid: true });
    await ask({ type: Release, ciaddr: "172.24.42.100", server: OURS });
    const lease = context.addresses.at(ip("172.24.42.100"));
    expect(lease && context.addresses.runs(lease)).toBe(false);
  });

  it("is told NAK of what it cannot have, and nothing of what nobody knows", async () => {
    const { ask, last } = await setUp();
    expect(await ask({ type: Request, requested: "192.168.7.7" })).toMatchObject([{ type: Nak }]);
    expect(await ask({ type: Request, requested: "172.24.42.102" })).toEqual([]);
    expect(last().decision).toContain("of which we have no record");
  });

  it("gets nothing where no pool is open, and the journal says why", async () => {
    const { ask, last } = await setUp("reservations");
    expect(await ask({})).toEqual([]);
    expect(last().decision).toBe("no pool is open: another server may give the addresses here");
    expect(await ask({ mac: "52:54:00:aa:00:02" })).toMatchObject([
      { type: Offer, yiaddr: "172.24.42.60" },
    ]);
  });

  it("is answered through its relay, from the pool of its network, without a question by ARP", async () => {
    const { ports, server, context } = await setUp();
    const port = ports.port(67);
    const deliver = async (a: Ask): Promise<void> => {
      port.deliver(message({ giaddr: "10.9.0.1", ...a }), ip("10.9.0.1"), 67);
      await settle();
    };
    await deliver({});
    const [sent] = port.take();
    const dhcp = new DhcpView();
    expect(sent && dhcp.reset(sent.octets, 0, sent.octets.u8.length)).toBe(0);
    expect(formatIpv4(dhcp.yiaddr)).toBe("10.9.0.50");
    expect(formatIpv4(dhcp.optionIpv4(DhcpOption.Router))).toBe("10.9.0.1");
    expect(sent).toMatchObject({ dst: ip("10.9.0.1"), dstPort: 67 });
    // A machine of the rack that is plugged in there has no address there.
    await deliver({ mac: "52:54:00:aa:00:02" });
    expect(port.take()).toEqual([]);
    expect(context.journal.entries().at(-1)?.decision).toContain('is not of the network "far"');
    server.stop();
  });

  it("that asks without an end costs a counter, and the machines of the site are answered", async () => {
    const { ask, context } = await setUp();
    for (let i = 0; i < 200; i++)
      await ask({ mac: OTHER, type: Request, requested: "172.24.42.102" });
    expect(context.counters.get("dhcp", "too-many")).toBeGreaterThan(100);
    expect(await ask({ mac: "52:54:00:aa:00:02" })).toMatchObject([{ type: Offer }]);
  });

  it("in the name of a machine of the site, to give its address back, does not keep it from asking", async () => {
    const { ask, context } = await setUp();
    const mac = "52:54:00:aa:00:02";
    for (let i = 0; i < 200; i++) await ask({ mac, type: Release });
    for (let i = 0; i < 200; i++) await ask({ mac, type: DhcpMessageType.Decline });
    expect(context.counters.get("dhcp", "too-many")).toBeGreaterThan(300);
    expect(await ask({ mac })).toMatchObject([{ type: Offer }]);
  });
});

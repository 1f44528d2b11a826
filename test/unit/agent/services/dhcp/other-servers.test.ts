import { beforeEach, describe, expect, it } from "vitest";
import { DhcpConduct, type SeenServer } from "../../../../../agent/services/dhcp/mode.ts";
import {
  type OtherServer,
  OtherServers,
  PROBE_CLASS,
} from "../../../../../agent/services/dhcp/other-servers.ts";
import { DhcpWriter } from "../../../../../protocols/dhcp/message.ts";
import { BOOTREPLY, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import { EthernetView } from "../../../../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../../../../protocols/ipv4/packet.ts";
import { UdpView } from "../../../../../protocols/udp/datagram.ts";
import { formatIpv4, parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const { Offer, Ack, Nak } = DhcpMessageType;

let clock: FakeClock;
let sender: FakeSender;
let found: OtherServer[];
let others: OtherServers;

beforeEach(() => {
  clock = new FakeClock();
  sender = new FakeSender();
  found = [];
  others = new OtherServers({
    sender,
    clock,
    random: () => 7,
    ours: ip("10.0.0.1"),
    found: (s) => found.push(s),
  });
});

/** A message that a server sends. */
function replies(server: string, type: number, yiaddr = "10.0.0.50"): void {
  const o = Octets.alloc(600);
  const writer = new DhcpWriter();
  const header = { op: BOOTREPLY, xid: 7, chaddr: new Uint8Array(6), yiaddr: ip(yiaddr) };
  writer.begin(header, o, 0, { maxLen: 548, overload: false });
  writer.u8(DhcpOption.DhcpMessageType, type);
  writer.ipv4(DhcpOption.ServerIdentifier, ip(server));
  const view = new DhcpView();
  expect(view.reset(o, 0, writer.end())).toBe(0);
  others.reply(view);
}

describe("looking for other servers", () => {
  it("asks three times, and again every few minutes, from a card that nobody has", () => {
    others.start();
    clock.advance(10_000);
    expect(sender.frames).toHaveLength(3);
    clock.advance(180_000);
    expect(sender.frames.length).toBeGreaterThan(3);
    const [o] = sender.frames;
    if (!o) throw new Error("nothing was sent");
    const [frame, packet, udp, dhcp] = [
      new EthernetView(),
      new Ipv4View(),
      new UdpView(),
      new DhcpView(),
    ];
    expect(frame.reset(o, 0, o.u8.length)).toBe(0);
    expect(packet.reset(o, frame.payloadAt, frame.payloadLen)).toBe(0);
    expect(udp.reset(o, packet.payloadAt, packet.payloadLen)).toBe(0);
    expect(dhcp.reset(o, udp.payloadAt, udp.payloadLen)).toBe(0);
    expect([udp.srcPort, udp.dstPort, formatIpv4(packet.src), formatIpv4(packet.dst)]).toEqual([
      68,
      67,
      "0.0.0.0",
      "255.255.255.255",
    ]);
    expect(dhcp.messageType).toBe(DhcpMessageType.Discover);
    expect(dhcp.optionText(DhcpOption.VendorClassIdentifier)).toBe(PROBE_CLASS);
    const card = macText(o, dhcp.chaddrAt);
    expect(Number.parseInt(card.slice(0, 2), 16) & 3).toBe(2);
    expect(card).not.toBe(macText(new Octets(sender.mac), 0));
    expect([others.isProbe(dhcp), others.isOurs(dhcp, o)]).toEqual([true, true]);
    others.stop();
    expect(clock.pending).toBe(0);
  });

  it("hears whoever offers or gives an address, once each", () => {
    replies("10.0.0.254", Offer);
    replies("10.0.0.254", Ack);
    expect(found).toMatchObject([{ address: ip("10.0.0.254"), givesAddresses: true }]);
  });

  it("tells a server that only offers something to boot from one that gives addresses", () => {
    replies("10.0.0.253", Offer, "0.0.0.0");
    expect(found).toMatchObject([{ givesAddresses: false }]);
    replies("10.0.0.253", Offer);
    expect(found).toMatchObject([{ givesAddresses: false }, { givesAddresses: true }]);
  });

  it("does not take itself for another one, nor a refusal for an offer", () => {
    replies("10.0.0.1", Offer);
    replies("10.0.0.254", Nak);
    replies("0.0.0.0", Offer);
    expect(found).toEqual([]);
  });

  it("remembers a bounded number, whatever is made up", () => {
    for (let n = 1; n < 200; n++) replies(`10.9.0.${n}`, Offer);
    expect([...others.seen()]).toHaveLength(8);
  });
});

describe("what a mode comes to", () => {
  const memory = () => {
    const kept: { server: SeenServer | undefined } = { server: undefined };
    return {
      kept,
      read: () => kept.server,
      write: (server: SeenServer | undefined) => {
        kept.server = server;
        return Promise.resolve();
      },
    };
  };

  it("gives addresses, or does not, as the site says", () => {
    const conducts = (["authoritative", "proxy", "off"] as const).map(
      (mode) => new DhcpConduct(mode, memory()).now,
    );
    expect(conducts).toEqual(["all", "proxy", "off"]);
  });

  it("opens no pool by itself", () => {
    expect(new DhcpConduct("auto", memory()).now).toBe("reservations");
  });

  it("is a proxy once another server was seen, also after a restart, until the operator says otherwise", async () => {
    const m = memory();
    const conduct = new DhcpConduct("auto", m);
    expect(await conduct.found(ip("10.0.0.254"), 5)).toEqual({
      words: "10.0.0.254 gives addresses here: from now on we only say what to boot",
      changed: true,
    });
    expect((await conduct.found(ip("10.0.0.254"), 6)).changed).toBe(false);
    expect(new DhcpConduct("auto", m)).toMatchObject({
      now: "proxy",
      why: "10.0.0.254 gives addresses here",
    });
    expect(await conduct.forget()).toBe(true);
    expect(await conduct.forget()).toBe(false);
    expect(new DhcpConduct("auto", m).now).toBe("reservations");
  });

  it("tells of another server and does not fight it", async () => {
    const conduct = new DhcpConduct("authoritative", memory());
    const { words, changed } = await conduct.found(ip("10.0.0.254"), 5);
    expect(words).toContain("10.0.0.254 gives addresses here as well");
    expect([changed, conduct.now]).toEqual([false, "all"]);
  });
});

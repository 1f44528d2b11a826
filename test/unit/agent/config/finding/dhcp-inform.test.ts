import { describe, expect, it } from "vitest";
import { askByInform, CONFIG_URL_OPTION } from "../../../../../agent/config/finding/dhcp-inform.ts";
import type { FrameLane } from "../../../../../agent/link/frame-lane.ts";
import { DHCP_LIMITS, DhcpWriter } from "../../../../../protocols/dhcp/message.ts";
import { BOOTREPLY, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import {
  ETHERTYPE_IPV4,
  EthernetView,
  emitEthernet,
} from "../../../../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, Ipv4View } from "../../../../../protocols/ipv4/packet.ts";
import { emitUdp, UdpView } from "../../../../../protocols/udp/datagram.ts";
import { formatIpv4, parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { Status } from "../../../../../protocols/wire/status.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";

const MAC: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 1);
const ADDRESS: number = parseIpv4("10.9.0.5") ?? 0;
const URL_TEXT = "https://config.example.org/v1/bundle";
const XID = 0xdeadbeef;

class FakeLane implements FrameLane {
  readonly rx: Octets = Octets.alloc(2_048);
  readonly tx: Octets = Octets.alloc(2_048);
  readonly sent: Uint8Array[] = [];
  private handler: (len: number) => void = () => {};

  onFrame(handler: (len: number) => void): void {
    this.handler = handler;
  }
  send(len: number): void {
    this.sent.push(this.tx.u8.slice(0, len));
  }
  close(): void {}

  receive(frame: Uint8Array): void {
    this.rx.u8.fill(0xa5);
    this.rx.u8.set(frame);
    this.handler(frame.length);
  }
}

interface Reply {
  readonly xid?: number;
  readonly mac?: Uint8Array;
  readonly type?: number;
  readonly url?: string;
  readonly srcPort?: number;
  readonly op?: number;
}

function reply(r: Reply = {}): Uint8Array {
  const o = Octets.alloc(2_048);
  const writer = new DhcpWriter();
  const header = {
    op: r.op ?? BOOTREPLY,
    xid: r.xid ?? XID,
    ciaddr: ADDRESS,
    chaddr: r.mac ?? MAC,
  };
  writer.begin(header, o, 42, DHCP_LIMITS);
  writer.u8(DhcpOption.DhcpMessageType, r.type ?? DhcpMessageType.Ack);
  writer.text(CONFIG_URL_OPTION, r.url ?? URL_TEXT);
  const len = writer.end();
  const src = parseIpv4("10.9.0.1") ?? 0;
  emitUdp({ srcPort: r.srcPort ?? 67, dstPort: 68 }, len, src, ADDRESS, o, 34);
  emitIpv4({ src, dst: ADDRESS, protocol: IPPROTO_UDP }, len + 8, o, 14);
  emitEthernet({ dst: MAC, src: Uint8Array.of(2, 0, 0, 0, 0, 9), etherType: ETHERTYPE_IPV4 }, o, 0);
  return o.u8.slice(0, 42 + len);
}

function rig() {
  const lane = new FakeLane();
  const clock = new FakeClock();
  const ended = new AbortController();
  const answer = askByInform(
    lane,
    { mac: MAC, address: ADDRESS },
    {
      clock,
      random: () => XID,
      signal: ended.signal,
    },
  );
  clock.advance(0);
  return { lane, clock, ended, answer };
}

describe("DHCPINFORM", () => {
  it("asks for option 224 by broadcast, from our own address", () => {
    const { lane } = rig();
    const frame = new Octets(lane.sent[0] ?? new Uint8Array(0));
    const [eth, ip, udp, dhcp] = [
      new EthernetView(),
      new Ipv4View(),
      new UdpView(),
      new DhcpView(),
    ];
    expect(eth.reset(frame, 0, frame.u8.length)).toBe(Status.Ok);
    expect(eth.dstIsBroadcast).toBe(true);
    expect(ip.reset(frame, eth.payloadAt, eth.payloadLen)).toBe(Status.Ok);
    expect([formatIpv4(ip.src), formatIpv4(ip.dst)]).toEqual(["10.9.0.5", "255.255.255.255"]);
    expect(udp.reset(frame, ip.payloadAt, ip.payloadLen)).toBe(Status.Ok);
    expect([udp.srcPort, udp.dstPort]).toEqual([68, 67]);
    expect(dhcp.reset(frame, udp.payloadAt, udp.payloadLen)).toBe(Status.Ok);
    expect([dhcp.messageType, dhcp.ciaddr, dhcp.xid >>> 0]).toEqual([8, ADDRESS, XID]);
    expect(dhcp.parameterListContains(CONFIG_URL_OPTION)).toBe(true);
  });

  it("takes the URL of the answer, and asks no more", async () => {
    const { lane, clock, answer } = rig();
    lane.receive(reply());
    expect(await answer).toBe(URL_TEXT);
    clock.advance(60_000);
    expect(lane.sent).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("asks three times, and gives up after 10 s", async () => {
    const { lane, clock, answer } = rig();
    clock.advance(9_999);
    expect(lane.sent).toHaveLength(3);
    clock.advance(1);
    expect(await answer).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it.each<[string, Uint8Array]>([
    ["another transaction", reply({ xid: 1 })],
    ["another host", reply({ mac: Uint8Array.of(2, 0, 0, 0, 0, 2) })],
    ["an offer", reply({ type: DhcpMessageType.Offer })],
    ["a request", reply({ op: 1 })],
    ["without the option", reply({ url: "" })],
    ["from another port", reply({ srcPort: 1_067 })],
    ["cut off", reply().slice(0, 100)],
    ["empty", new Uint8Array(0)],
  ])("what is no answer: %s", async (_, frame) => {
    const { lane, ended, answer } = rig();
    lane.receive(frame);
    let settled = false;
    void answer.then(() => {
      settled = true;
    });
    await settle();
    expect(settled).toBe(false);
    ended.abort();
    expect(await answer).toBeUndefined();
  });
});

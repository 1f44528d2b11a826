import { createSocket } from "node:dgram";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LinkWay, type LinkWayInput } from "../../../../agent/link/link-way.ts";
import { PeerGuard } from "../../../../agent/link/peer-guard.ts";
import { InheritedSockets } from "../../../../agent/link/systemd.ts";
import { KernelUdpPorts } from "../../../../agent/link/udp-port.ts";
import { Journal } from "../../../../agent/log/journal.ts";
import { EthernetView } from "../../../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../../../protocols/ipv4/packet.ts";
import { UdpView, verifyUdpChecksum } from "../../../../protocols/udp/datagram.ts";
import { formatMac } from "../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../support/eventually.ts";
import { ip } from "../../../support/test-site.ts";

const US = ip("172.24.42.150");
const THEM = ip("172.24.42.60");
const CARD = "00:11:22:33:44:55";
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const HEAD = Uint8Array.of(0, 3, 0, 7, 0xee);
const PAYLOAD = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];

class FakeLane {
  readonly tx = Octets.alloc(1_900);
  readonly frames: Uint8Array[] = [];
  full = false;

  offer(len: number): boolean {
    if (this.full) return false;
    this.frames.push(this.tx.u8.slice(0, len));
    this.tx.u8.fill(0xa5);
    return true;
  }
}

function wayOn(lane: FakeLane | undefined, more: Partial<LinkWayInput> = {}): LinkWay {
  const cardOf = async () => CARD as never;
  return new LinkWay({ lane: () => lane, cardOf, src: US, mac: MAC, mtu: 1_500, ...more });
}

describe("LinkWay", () => {
  it("sends a datagram as the host would: addresses, lengths, both checksums, no fragments", async () => {
    const lane = new FakeLane();
    const route = await wayOn(lane).to(THEM);
    expect(route?.send(20_000, 2_000, HEAD, 4, PAYLOAD)).toBe(true);
    const o = new Octets(lane.frames[0] ?? new Uint8Array());
    const [ethernet, packet, datagram] = [new EthernetView(), new Ipv4View(), new UdpView()];
    expect(ethernet.reset(o, 0, o.u8.length)).toBe(0);
    const card = (cardAt: number): string => formatMac(o.u8.subarray(cardAt, cardAt + 6));
    expect([card(ethernet.dstAt), card(ethernet.srcAt)]).toEqual([CARD, formatMac(MAC)]);
    expect(packet.reset(o, ethernet.payloadAt, ethernet.payloadLen)).toBe(0);
    expect([packet.src, packet.dst, packet.dontFragment]).toEqual([US, THEM, true]);
    expect(datagram.reset(o, packet.payloadAt, packet.payloadLen)).toBe(0);
    expect([datagram.srcPort, datagram.dstPort]).toEqual([20_000, 2_000]);
    expect(verifyUdpChecksum(o, packet.payloadAt, packet.payloadLen, US, THEM)).toBe(true);
    const at = datagram.payloadAt;
    expect([...o.u8.subarray(at, at + datagram.payloadLen)]).toEqual([0, 3, 0, 7, 1, 2, 3, 4, 5]);
  });

  it.each([
    ["a packet that is too long for the link", 1_473, 4, new FakeLane(), false],
    ["the longest packet", 1_468, 4, new FakeLane(), true],
    ["a packet on a link that is down", 8, 4, undefined, false],
  ])("tells whether %s went", async (_, payload, head, lane, went) => {
    const route = await wayOn(lane).to(THEM);
    expect(route?.send(1, 2, new Uint8Array(head), head, [new Uint8Array(payload)])).toBe(went);
    expect(lane?.frames.length ?? 0).toBe(went ? 1 : 0);
  });

  it("tells that the link has no room", async () => {
    const lane = new FakeLane();
    lane.full = true;
    const route = await wayOn(lane).to(THEM);
    expect(route?.send(1, 2, HEAD, 4, PAYLOAD)).toBe(false);
  });

  it("does not lead to whom the host does not reach on this link", async () => {
    expect(await wayOn(new FakeLane(), { cardOf: async () => undefined }).to(THEM)).toBeUndefined();
  });
});

describe("a port that hastens", () => {
  const LOOPBACK = ip("127.0.0.1");

  /** A transfer's port of the loopback address, beside a lane of frames. */
  async function setUp(cardOf: () => Promise<string | undefined> = async () => CARD) {
    const lane = new FakeLane();
    const link = wayOn(lane, { src: LOOPBACK, cardOf: cardOf as LinkWayInput["cardOf"] });
    const guard = new PeerGuard(LOOPBACK, ip("255.0.0.0"), [], new Journal(10, () => 0));
    const none = InheritedSockets.none();
    const range = { first: 20_000, last: 31_999 };
    const random = (): number => process.pid;
    const ports = new KernelUdpPorts(LOOPBACK, LOOPBACK, guard, none, random, range, link);
    const a = await ports.openTransfer();
    const heard: number[] = [];
    const peer = createSocket("udp4", (message) => heard.push(message.length));
    await new Promise<void>((done) => peer.bind(0, "127.0.0.1", done));
    let sent = 0;
    const send = (payload?: readonly Uint8Array[]): void => {
      const slab = a.borrow();
      if (!slab) throw new Error("no memory");
      a.send(slab, 4, LOOPBACK, peer.address().port, payload, () => {
        sent += 1;
      });
    };
    onTestFinished(() => {
      a.close();
      peer.close();
    });
    return { a, lane, heard, send, sent: () => sent };
  }

  it("puts payload on the link, and all else through its socket", async () => {
    const { a, lane, heard, send, sent } = await setUp();
    a.hasten?.(LOOPBACK);
    await settle();
    send(PAYLOAD);
    send();
    await eventually(() => heard.length === 1, "the datagram without payload");
    expect([heard, lane.frames.length, sent()]).toEqual([[4], 1, 2]);
  });

  it("goes through its socket where the link has no room, and when it is to be plain", async () => {
    const { a, lane, heard, send, sent } = await setUp();
    a.hasten?.(LOOPBACK);
    await settle();
    lane.full = true;
    send(PAYLOAD);
    lane.full = false;
    a.plain?.();
    send(PAYLOAD);
    await eventually(() => heard.length === 2, "both datagrams");
    expect([heard, lane.frames.length, sent()]).toEqual([[9, 9], 0, 2]);
  });

  it("does not hasten once it is plain again, however late the card is known", async () => {
    const { a, lane, heard, send } = await setUp();
    a.hasten?.(LOOPBACK);
    a.plain?.();
    await settle();
    send(PAYLOAD);
    await eventually(() => heard.length === 1, "the datagram");
    expect(lane.frames).toEqual([]);
  });

  it("looks for a way again after some seconds, and uses the one it has until then", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    onTestFinished(() => void vi.restoreAllMocks());
    const asked: number[] = [];
    const { a, lane, send } = await setUp(async () => {
      asked.push(now);
      return asked.length === 1 ? CARD : undefined;
    });
    for (const at of [0, 5_000, 9_999]) {
      now = at;
      a.hasten?.(LOOPBACK);
      await settle();
      send(PAYLOAD);
    }
    expect([asked, lane.frames.length]).toEqual([[0], 3]);
    now = 10_000;
    a.hasten?.(LOOPBACK);
    send(PAYLOAD);
    await settle();
    send(PAYLOAD);
    expect([asked, lane.frames.length]).toEqual([[0, 10_000], 4]);
  });
});

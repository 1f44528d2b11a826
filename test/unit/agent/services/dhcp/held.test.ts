import { describe, expect, it } from "vitest";
import { DhcpServer } from "../../../../../agent/services/dhcp/server.ts";
import { DhcpMessageType } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import { emitUdp, UdpView } from "../../../../../protocols/udp/datagram.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { bytes } from "../../../../support/hex.ts";
import { testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

/** Class "PXEClient" and architecture 0: a BIOS. */
const PXE = "3c09505845436c69656e74 5d020000";
const REQUESTED = "3204ac182a3c";
/** Where the DHCP message begins in a frame of ours. */
const MESSAGE_AT = 42;

async function setUp() {
  const rack = await testRack();
  const sender = new FakeSender();
  const server = new DhcpServer(rack.context, sender);
  await server.start(new FakeUdpPorts());
  /** A broadcast message of a machine; `xid` tells repetitions apart. */
  const ask = (type: number, options = PXE, xid = 1, mac = "525400aa0002"): void => {
    const payload = Uint8Array.from([
      ...bytes(frames.IPXE_DISCOVER).subarray(0, 240),
      ...bytes(`3501${type.toString(16).padStart(2, "0")} ${options} ff`),
    ]);
    // As in the real lane: a Buffer, whose memory the next frame overwrites.
    const o = new Octets(Buffer.alloc(1_500));
    o.u8.set(payload, 8);
    o.dv.setUint32(8 + 4, xid);
    o.u8.set(bytes(mac), 8 + 28);
    emitUdp({ srcPort: 68, dstPort: 67 }, payload.length, 0, -1, o, 0);
    const udp = new UdpView();
    expect(udp.reset(o, 0, payload.length + 8)).toBe(0);
    server.handleBroadcast(o, udp);
    o.u8.fill(0x5a);
  };
  /** Type and transaction of what was sent since the last call. */
  const sent = async (): Promise<number[][]> => {
    await settle();
    return sender.frames.splice(0).map((o) => {
      const v = new DhcpView();
      expect(v.reset(o, MESSAGE_AT, o.u8.length - MESSAGE_AT)).toBe(0);
      return [v.messageType, v.xid];
    });
  };
  return { ...rack, server, sender, ask, sent };
}

const { Discover, Offer, Request, Ack, Inform } = DhcpMessageType;

describe("DhcpServer, asked by a machine whose first file is being fetched", () => {
  it("makes its offer to the newest question as soon as the file is there", async () => {
    const { ask, sent, assets, clock, last, journal } = await setUp();
    const ready = assets.withhold("ipxe-bios");
    ask(Discover, PXE, 1);
    expect(last()).toMatchObject({
      machine: "minipc",
      family: "pxe-bios",
      event: "DISCOVER",
      decision: "held: fetching ipxe-bios (3.1 of 6.0 MB)",
      outcome: "silent",
    });
    clock.advance(4_000);
    ask(Discover, PXE, 2);
    clock.advance(1_000);
    expect(await sent()).toEqual([]);
    ready();
    expect(await sent()).toEqual([[Offer, 2]]);
    expect(last().decision).toMatch(/; held for 5\.0 s$/);
    expect(journal.entries()).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("makes it in time when the file does not come, and then answers at once for a while", async () => {
    const { ask, sent, assets, clock } = await setUp();
    assets.withhold("ipxe-bios");
    ask(Discover);
    clock.advance(23_999);
    expect(await sent()).toEqual([]);
    clock.advance(1);
    expect(await sent()).toEqual([[Offer, 1]]);
    ask(Discover, PXE, 3); // the offer was lost
    expect(await sent()).toEqual([[Offer, 3]]);
    ask(Request, PXE + REQUESTED, 3);
    expect(await sent()).toEqual([[Ack, 3]]);
    ask(Discover, PXE, 4); // it starts anew
    expect(await sent()).toEqual([]);
  });

  it("does not wait for what comes later than the first file", async () => {
    const { ask, sent, assets } = await setUp();
    assets.withhold("netbsd");
    ask(Discover);
    expect(await sent()).toEqual([[Offer, 1]]);
  });

  it("never keeps an address from who needs it for more, or has taken it", async () => {
    const { ask, sent, assets } = await setUp();
    assets.withhold("ipxe-bios");
    assets.withhold("netbsd");
    // A kernel: no class, asks for options 17 and 40.
    ask(Discover, "37021128");
    ask(Request, PXE + REQUESTED);
    ask(Inform, PXE);
    expect((await sent()).map(([type]) => type)).toEqual([Offer, Ack, Ack]);
  });

  it("lets go of who goes on by itself", async () => {
    const { ask, sent, assets, clock } = await setUp();
    const ready = assets.withhold("ipxe-bios");
    ask(Discover);
    ask(Request, PXE + REQUESTED, 9);
    expect(await sent()).toEqual([[Ack, 9]]);
    ready();
    expect(await sent()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("holds a Sun that asks by DHCP for its kernel too", async () => {
    const { ask, sent, assets, clock } = await setUp();
    const ready = assets.withhold("netbsd");
    const sun = "3c0753554e572e5631"; // "SUNW.V1"
    for (let i = 0; i < 20; i++) {
      ask(Discover, sun, i, "0003ba5baeb3");
      clock.advance(32_000);
    }
    expect(await sent()).toEqual([]);
    ready();
    expect(await sent()).toEqual([[Offer, 19]]);
  });

  it("leaves nothing behind when it stops", async () => {
    const { ask, sent, assets, clock, server } = await setUp();
    const ready = assets.withhold("ipxe-bios");
    ask(Discover);
    server.stop();
    ready();
    expect(await sent()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

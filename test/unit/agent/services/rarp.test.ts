import { describe, expect, it } from "vitest";
import { LinkServer } from "../../../../agent/services/link-server.ts";
import { RarpService } from "../../../../agent/services/rarp.ts";
import { ArpView, emitArp, RARP_REPLY, RARP_REQUEST } from "../../../../protocols/arp/packet.ts";
import { EthernetView, emitEthernet } from "../../../../protocols/ethernet/frame.ts";
import { formatIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { settle } from "../../../support/eventually.ts";
import { FakeSender } from "../../../support/fake-sender.ts";
import { bytes } from "../../../support/hex.ts";
import { testRack } from "../../../support/test-site.ts";

const V100 = bytes("0003ba5baeb3");
const OTHER = bytes("020000000001");
const ALL = new Uint8Array(6).fill(0xff);

async function setUp() {
  const rack = await testRack();
  const sender = new FakeSender();
  const rarp = new RarpService(rack.context, sender);
  const link = new LinkServer(sender.mac, rack.context.counters, rack.context.clock.now, {
    rarp: (o, frame) => rarp.handle(o, frame),
    bootp: () => {},
  });
  const ask = (src = V100, sha = V100, tha = V100, op: number = RARP_REQUEST, tpa = 0): void => {
    const o = Octets.alloc(60);
    emitEthernet({ dst: ALL, src, etherType: 0x8035 }, o, 0);
    emitArp({ op, sha, spa: 0, tha, tpa }, o, 14);
    link.handle(o, 60);
    o.u8.fill(0x5a);
  };
  return { ...rack, sender, rarp, link, ask };
}

describe("RarpService", () => {
  it("tells a machine its address and ours, in a whole frame, once we can reach it", async () => {
    const { sender, ask } = await setUp();
    sender.slow = true;
    ask();
    await settle();
    expect(sender.frames).toEqual([]);
    sender.settle();
    await settle();
    expect(sender.neighbours.map(formatIpv4)).toEqual(["172.24.42.51"]);
    const [o] = sender.frames;
    if (!o) throw new Error("no frame");
    const [eth, arp] = [new EthernetView(), new ArpView()];
    expect(o.u8.length).toBe(60);
    expect(o.u8.subarray(42).every((octet) => octet === 0)).toBe(true);
    expect(eth.reset(o, 0, 60)).toBe(0);
    expect(arp.reset(o, 14, 46)).toBe(0);
    expect(macText(o, eth.dstAt)).toBe("00:03:ba:5b:ae:b3");
    expect([arp.op, formatIpv4(arp.spa), formatIpv4(arp.tpa)]).toEqual([
      RARP_REPLY,
      "172.24.42.150",
      "172.24.42.51",
    ]);
    expect(macText(o, arp.shaAt)).toBe("02:00:00:00:00:96");
    expect(macText(o, arp.thaAt)).toBe("00:03:ba:5b:ae:b3");
  });

  it("journals it", async () => {
    const { ask, last } = await setUp();
    ask();
    await settle();
    expect(last()).toMatchObject({
      machine: "v100",
      family: "openfirmware",
      protocol: "rarp",
      event: "who is 00:03:ba:5b:ae:b3?",
      decision: "its address in the site; asks by RARP",
      reply: "you are 172.24.42.51, I am 172.24.42.150",
      outcome: "answered",
    });
  });

  it.each([
    [
      "a machine of nobody",
      OTHER,
      OTHER,
      OTHER,
      "not a machine of this site, so it gets no answer",
    ],
    ["one on behalf of another", V100, V100, OTHER, /on behalf of another/],
    ["one that another frame brings", OTHER, V100, V100, /on behalf of another/],
    ["another sender", V100, OTHER, V100, /on behalf of another/],
  ] as const)("is silent to %s, and says why", async (_, src, sha, tha, why) => {
    const { sender, ask, last } = await setUp();
    ask(src, sha, tha);
    await settle();
    expect(sender.frames).toEqual([]);
    expect(sender.neighbours).toEqual([]);
    expect(last().outcome).toBe("silent");
    expect(last().decision).toMatch(why);
  });

  it.each([1, 2, RARP_REPLY])("ignores operation %d", async (op) => {
    const { sender, ask, journal } = await setUp();
    ask(V100, V100, V100, op);
    await settle();
    expect([sender.frames, journal.entries()]).toEqual([[], []]);
  });

  it("counts rubbish", async () => {
    const { link, context } = await setUp();
    const o = Octets.alloc(60);
    emitEthernet({ dst: ALL, src: V100, etherType: 0x8035 }, o, 0);
    link.handle(o, 20);
    link.handle(o, 60);
    expect(context.counters.entries().reduce((sum, [, n]) => sum + n, 0)).toBe(2);
  });

  it("answers a machine of the site in a flood of strangers, which costs a counter", async () => {
    const { sender, ask, context } = await setUp();
    for (let i = 0; i < 2_000; i++) {
      const mac = Uint8Array.from([2, 0, 0, 0, i >> 8, i & 255]);
      ask(mac, mac, mac);
    }
    expect(context.counters.get("rarp", "too-many")).toBeGreaterThan(1_000);
    ask();
    await settle();
    expect(sender.frames).toHaveLength(1);
  });

  it("lives on when the link fails, and journals it", async () => {
    const { sender, ask, last } = await setUp();
    sender.failure = new Error("send: Network is down");
    ask();
    await settle();
    expect(last()).toMatchObject({ outcome: "failed", machine: "v100" });
    expect(last().decision).toContain("Network is down");
  });
});

describe("RarpService, asked by a PROM whose files are being fetched", () => {
  it("leaves it without an address until all it boots is there", async () => {
    const { ask, assets, sender, clock, last, journal } = await setUp();
    const [loader, kernel] = [assets.withhold("ofwboot"), assets.withhold("netbsd")];
    ask();
    expect(last()).toMatchObject({
      machine: "v100",
      family: "openfirmware",
      decision: "held: fetching ofwboot (3.1 of 6.0 MB)",
      outcome: "silent",
    });
    for (let i = 0; i < 50; i++) {
      clock.advance(32_000);
      ask();
    }
    loader();
    await settle();
    expect(sender.frames).toEqual([]);
    kernel();
    await settle();
    expect(sender.frames).toHaveLength(1);
    expect(last().decision).toBe("its address in the site; asks by RARP; held for 1600.0 s");
    expect(journal.entries()).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("answers once only, and not who no longer asks", async () => {
    const { ask, assets, sender, clock } = await setUp();
    const ready = assets.withhold("netbsd");
    ask();
    clock.advance(45_000);
    ready();
    await settle();
    expect(sender.frames).toEqual([]);
    ask();
    await settle();
    expect(sender.frames).toHaveLength(1);
  });

  it("does not hold U-Boot, which would give up", async () => {
    const { ask, assets, sender } = await setUp();
    assets.withhold("ofwboot");
    ask(V100, V100, V100, RARP_REQUEST, -1);
    await settle();
    expect(sender.frames).toHaveLength(1);
  });

  it("does not hold a kernel, whose machine has nothing for a PROM", async () => {
    const { ask, assets, sender } = await setUp();
    assets.withhold("netbsd");
    const minipc = bytes("525400aa0002");
    ask(minipc, minipc, minipc);
    await settle();
    expect(sender.frames).toHaveLength(1);
  });

  it("holds the loader for its kernel, for as long as it waits", async () => {
    const { ask, assets, sender, clock, context, plan, last } = await setUp();
    assets.withhold("netbsd");
    context.sightings.loaderFetched(plan("v100").machine);
    ask();
    await settle();
    expect(last()).toMatchObject({ family: "bsd-loader", outcome: "silent" });
    clock.advance(100_000);
    await settle();
    expect(sender.frames).toHaveLength(1);
    expect(last().decision).toMatch(/held for 100\.0 s$/);
  });

  it("forgets who is held when it stops", async () => {
    const { ask, assets, rarp, clock, sender } = await setUp();
    const ready = assets.withhold("netbsd");
    ask();
    rarp.stop();
    ready();
    await settle();
    expect([clock.pending, sender.frames]).toEqual([0, []]);
  });
});

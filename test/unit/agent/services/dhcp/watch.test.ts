import { describe, expect, it } from "vitest";
import { Journal } from "../../../../../agent/log/journal.ts";
import { StatusCounters } from "../../../../../agent/services/context.ts";
import type { SeenServerMemory } from "../../../../../agent/services/dhcp/mode.ts";
import { PROBE_CLASS } from "../../../../../agent/services/dhcp/other-servers.ts";
import { openSeenServer } from "../../../../../agent/services/dhcp/seen-server-store.ts";
import { DhcpWatch } from "../../../../../agent/services/dhcp/watch.ts";
import { LinkServer } from "../../../../../agent/services/link-server.ts";
import type { DhcpMode } from "../../../../../agent/site/site.ts";
import { openDatabase } from "../../../../../agent/state/database.ts";
import { DhcpWriter } from "../../../../../protocols/dhcp/message.ts";
import { BOOTREPLY, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { emitEthernet } from "../../../../../protocols/ethernet/frame.ts";
import { emitIpv4 } from "../../../../../protocols/ipv4/packet.ts";
import { emitUdp } from "../../../../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { capturedDhcp, dhcpFrame } from "../../../../support/dhcp-frames.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { ip } from "../../../../support/test-site.ts";

const OTHER_CARD = Uint8Array.of(0x52, 0x54, 0, 0x77, 0, 9);
const CLIENT = Uint8Array.of(0x52, 0x54, 0, 0xaa, 0, 3);
const MINUTE_MS = 60_000;

class Kept implements SeenServerMemory {
  server: ReturnType<SeenServerMemory["read"]>;
  failure: Error | undefined;
  read() {
    return this.server;
  }
  async write(server: ReturnType<SeenServerMemory["read"]>) {
    if (this.failure) throw this.failure;
    this.server = server;
  }
}

/** An agent's watch on a link of its own. `last`: of the hardware and protocol addresses. */
function agent(mode: DhcpMode, last = 1, memory: SeenServerMemory = new Kept()) {
  const clock = new FakeClock();
  const journal = new Journal(100, () => 1_700_000_000_000 + clock.now());
  const counters = new StatusCounters();
  const mac = Uint8Array.of(0x52, 0x54, 0, 0, 0, last);
  const sender = new (class extends FakeSender {
    override readonly mac = mac;
  })();
  const told = {
    health: [] as readonly string[],
    located: [] as string[],
    problems: [] as unknown[],
  };
  const watch = new DhcpWatch({
    context: { journal, counters, clock },
    sender,
    mode,
    address: ip(`10.0.0.${last}`),
    memory,
    random: () => 0x1234_5678,
    wallMs: () => 1_795_000_000_000,
    health: (...reasons) => {
      told.health = reasons;
    },
    located: (card, address) => told.located.push(`${card} ${formatIpv4(address)}`),
    problem: (error) => told.problems.push(error),
  });
  const link = new LinkServer(mac, counters, () => clock.now(), {
    rarp: () => {},
    bootp: (o, udp) => {
      const frame = dhcpFrame(o);
      if (frame) watch.takesProbe(frame.view, frame.o);
      expect(udp.dstPort).toBe(67);
    },
    bootpReply: (o, udp) => watch.handleReply(o, udp),
  });
  const hear = (o: Octets): void => link.handle(o, o.u8.length);
  const words = (): readonly string[] => journal.entries().map((e) => e.decision);
  return { watch, sender, clock, journal, counters, told, hear, words, memory };
}

/** A frame of a DHCP server's. */
function reply(type: number, server: string, yiaddr = "10.0.0.50", dst?: Uint8Array): Octets {
  const o = Octets.alloc(700);
  const writer = new DhcpWriter();
  const header = { op: BOOTREPLY, xid: 1, chaddr: CLIENT, yiaddr: ip(yiaddr) };
  writer.begin(header, o, 42, { maxLen: 548, overload: false });
  writer.u8(DhcpOption.DhcpMessageType, type);
  writer.ipv4(DhcpOption.ServerIdentifier, ip(server));
  const len = writer.end();
  const to = dst ?? new Uint8Array(6).fill(0xff);
  emitEthernet({ dst: to, src: OTHER_CARD, etherType: 0x0800 }, o, 0);
  emitIpv4({ src: ip(server), dst: -1, protocol: 17 }, len + 8, o, 14);
  emitUdp({ srcPort: 67, dstPort: 68 }, len, ip(server), -1, o, 34);
  return new Octets(o.u8.slice(0, 42 + len));
}

const OFFER = reply(DhcpMessageType.Offer, "10.0.0.254");

describe("DhcpWatch", () => {
  it("becomes a proxy in auto when another server is heard, says which, and stays one after a restart", async () => {
    const memory = new Kept();
    const first = agent("auto", 1, memory);
    expect(first.watch.conduct).toBe("reservations");
    first.hear(OFFER);
    expect(first.watch.conduct).toBe("proxy");
    await settle();
    expect(first.words()).toEqual([
      "10.0.0.254 gives addresses here: from now on we only say what to boot",
    ]);
    expect(first.journal.entries()[0]).toMatchObject({
      protocol: "dhcp",
      event: "another DHCP server",
      address: "10.0.0.254",
      outcome: "noted",
    });
    // It is as it should be: nothing is wrong with the agent.
    expect(first.told.health).toEqual([]);
    expect(agent("auto", 1, memory).watch.status).toMatchObject({
      mode: "auto",
      conduct: "proxy",
      why: "10.0.0.254 gives addresses here",
      servers: [],
    });
  });

  it("is what it was when the operator says that the other server is gone", async () => {
    const { watch, hear, memory, words } = agent("auto");
    expect(await watch.forget("eva")).toBe(false);
    hear(OFFER);
    await settle();
    expect(await watch.forget("eva")).toBe(true);
    expect([watch.conduct, memory.read()]).toEqual(["reservations", undefined]);
    expect(words()[1]).toBe("10.0.0.254 is forgotten, as eva said");
    // It was not gone.
    hear(OFFER);
    expect(watch.conduct).toBe("proxy");
  });

  it("asks at once whether it is gone when the operator says so", async () => {
    const { watch, clock, hear, sender } = agent("auto");
    watch.start();
    clock.advance(MINUTE_MS);
    hear(OFFER);
    await settle();
    const before = sender.frames.length;
    expect(await watch.forget("eva")).toBe(true);
    expect([watch.status.servers, sender.frames.length]).toEqual([[], before + 1]);
    clock.advance(MINUTE_MS);
    expect(sender.frames.length).toBe(before + 3);
    watch.stop();
    expect(clock.pending).toBe(0);
    // Whoever was stopped asks no more.
    hear(OFFER);
    await watch.forget("eva");
    expect(clock.pending).toBe(0);
  });

  it("stays a proxy when the operator's word cannot be written down", async () => {
    const memory = new Kept();
    const { watch, hear } = agent("auto", 1, memory);
    hear(OFFER);
    await settle();
    memory.failure = new Error("the disk is full");
    await expect(watch.forget("eva")).rejects.toThrow("the disk is full");
    expect([watch.conduct, watch.status.servers.length]).toEqual(["proxy", 1]);
  });

  it("forgets nothing beside authoritative: what is wrong stays in health", async () => {
    const { watch, hear, told } = agent("authoritative");
    hear(OFFER);
    await settle();
    expect(await watch.forget("eva")).toBe(false);
    expect([watch.status.servers.length, told.health.length]).toEqual([1, 1]);
  });

  it("does not fight beside authoritative, but says so in journal and health until it is gone", async () => {
    const { watch, clock, hear, words, told, sender } = agent("authoritative");
    watch.start();
    hear(OFFER);
    hear(OFFER);
    await settle();
    expect(watch.conduct).toBe("all");
    expect(words()).toEqual([
      "10.0.0.254 gives addresses here as well: stop one of the two, or write dhcp: proxy in the site",
    ]);
    expect(told.health).toEqual(["another DHCP server gives addresses here as well: 10.0.0.254"]);
    // Only questions went out.
    for (const o of sender.frames) expect(dhcpFrame(o)?.dstPort).toBe(67);
    clock.advance(15 * MINUTE_MS);
    expect(words()[1]).toMatch(/^10\.0\.0\.254 is not heard any more; /);
    expect(told.health).toEqual([]);
    watch.stop();
    expect(clock.pending).toBe(0);
  });

  it("hears an answer to its probe that comes to the card of the probe alone", async () => {
    const { watch, hear, sender } = agent("auto");
    watch.start();
    const probe = sender.frames[0] && dhcpFrame(sender.frames[0]);
    if (!probe) throw new Error("no probe");
    const card = probe.o.u8.slice(probe.view.chaddrAt, probe.view.chaddrAt + 6);
    hear(reply(DhcpMessageType.Offer, "10.0.0.254", "10.0.0.50", OTHER_CARD));
    expect(watch.conduct).toBe("reservations");
    hear(reply(DhcpMessageType.Offer, "10.0.0.254", "10.0.0.50", card));
    expect(watch.conduct).toBe("proxy");
    watch.stop();
  });

  it("asks in auto and authoritative, and nobody in proxy", () => {
    for (const [mode, frames] of [
      ["auto", 3],
      ["authoritative", 3],
      ["proxy", 0],
    ] as const) {
      const { watch, clock, sender } = agent(mode);
      watch.start();
      clock.advance(MINUTE_MS);
      expect([mode, sender.frames.length]).toEqual([mode, frames]);
      watch.stop();
      expect(clock.pending).toBe(0);
    }
  });

  it("tells a server that only offers something to boot, and goes on giving addresses", async () => {
    const { watch, hear, words, told } = agent("auto");
    hear(reply(DhcpMessageType.Offer, "10.0.0.253", "0.0.0.0"));
    await settle();
    expect(words()).toEqual(["10.0.0.253 offers something to boot, and no addresses"]);
    expect([watch.conduct, told.health]).toEqual(["reservations", []]);
  });

  it("finds the two servers of a real network", async () => {
    const { watch, hear } = agent("auto");
    for (const { o, dstPort } of await capturedDhcp("ovmf-proxydhcp-4011.pcap")) {
      if (dstPort === 68) hear(o);
    }
    expect(watch.status.servers.map((s) => [formatIpv4(s.address), s.givesAddresses])).toEqual([
      ["192.168.77.1", true],
      ["192.168.77.2", false],
    ]);
  });

  it("learns from confirmations which card has which address", () => {
    const { hear, told } = agent("proxy");
    hear(OFFER);
    expect(told.located).toEqual([]);
    hear(reply(DhcpMessageType.Ack, "10.0.0.254"));
    hear(reply(DhcpMessageType.Ack, "10.0.0.1"));
    expect(told.located).toEqual(["52:54:00:aa:00:03 10.0.0.50"]);
  });

  it.each([
    ["authoritative", "auto", "proxy", "we do"],
    ["auto", "auto", "reservations", "we do not: no other server was seen, but one may come"],
    ["proxy", "auto", "reservations", "we do not: the site says proxy"],
    ["authoritative", "authoritative", "all", "we do"],
  ] as const)(
    "an agent in %s answers the probe of one in %s, which is then %s",
    async (mode, asking, conduct, words) => {
      const there = agent(mode, 2);
      const here = agent(asking, 1);
      here.watch.start();
      const [probe] = here.sender.frames;
      if (!probe) throw new Error("no probe");
      there.hear(probe);
      const [answer] = there.sender.frames;
      if (!answer) throw new Error("no answer");
      const { view, route, dstMac } = dhcpFrame(answer) ?? {};
      expect([dstMac, route]).toEqual(["ff:ff:ff:ff:ff:ff", "10.0.0.2:67 > 255.255.255.255:68"]);
      expect([view?.yiaddr, view?.optionText(DhcpOption.VendorClassIdentifier)]).toEqual([
        0,
        PROBE_CLASS,
      ]);
      here.hear(answer);
      await settle();
      expect(here.watch.conduct).toBe(conduct);
      expect(here.watch.status.servers.map((s) => s.givesAddresses)).toEqual([
        mode === "authoritative",
      ]);
      expect(there.words()).toEqual([words]);
      // Whoever answers has not seen a server by that.
      expect(there.watch.status.servers).toEqual([]);
      here.watch.stop();
    },
  );

  it("answers an agent so often and no oftener, and tells of it once", () => {
    const there = agent("authoritative", 2);
    const here = agent("auto", 1);
    here.watch.start();
    const [probe] = here.sender.frames;
    if (!probe) throw new Error("no probe");
    for (let i = 0; i < 100; i++) there.hear(probe);
    expect(there.sender.frames).toHaveLength(6);
    expect(there.words()).toHaveLength(1);
    here.watch.stop();
  });

  it("counts rubbish, and has no more entries than servers, whatever is made up", async () => {
    const { watch, hear, counters, words } = agent("authoritative");
    const damaged = new Octets(Uint8Array.from(OFFER.u8));
    damaged.u8[42 + 2] = 200;
    hear(damaged);
    expect(counters.get("dhcp", "bad-length")).toBe(1);
    for (let i = 1; i < 200; i++) hear(reply(DhcpMessageType.Offer, `10.9.0.${i}`));
    await settle();
    expect([watch.status.servers.length, words().length]).toEqual([8, 8]);
  });

  it("is a proxy also when that cannot be written down, and says so", async () => {
    const memory = new Kept();
    memory.failure = new Error("the disk is full");
    const { watch, hear, words, told } = agent("auto", 1, memory);
    hear(OFFER);
    await settle();
    expect([watch.conduct, told.problems]).toEqual(["proxy", [memory.failure]]);
    expect(words()).toHaveLength(1);
  });

  it("hears nothing where DHCP is off", () => {
    const { watch, hear, words } = agent("off");
    watch.start();
    hear(OFFER);
    expect([watch.conduct, words()]).toEqual(["off", []]);
    watch.stop();
  });
});

describe("openSeenServer", () => {
  it("keeps a server for each interface over a restart", async () => {
    const dir = tempDir();
    const server = { address: ip("192.168.1.1"), sinceMs: 1_795_000_000_000 };
    const first = openDatabase({ dir });
    await openSeenServer(first, "eth0").write(server);
    await first.close();
    const again = openDatabase({ dir });
    expect(openSeenServer(again, "eth0").read()).toEqual(server);
    expect(openSeenServer(again, "eth1").read()).toBeUndefined();
    await openSeenServer(again, "eth0").write(undefined);
    expect(openSeenServer(again, "eth0").read()).toBeUndefined();
    again.table<unknown>("dhcp.mode").putSync("eth0", { address: "x" });
    expect(openSeenServer(again, "eth0").read()).toBeUndefined();
    await again.close();
  });
});

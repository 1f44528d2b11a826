import { describe, expect, it } from "vitest";
import { OFFER_S } from "../../../../agent/addresses/lease-book.ts";
import type { Conduct } from "../../../../agent/services/dhcp/mode.ts";
import { LinkServer } from "../../../../agent/services/link-server.ts";
import { RarpService } from "../../../../agent/services/rarp.ts";
import { ArpView, emitArp, RARP_REQUEST } from "../../../../protocols/arp/packet.ts";
import { emitEthernet } from "../../../../protocols/ethernet/frame.ts";
import { formatIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { parseMac } from "../../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../support/eventually.ts";
import { FakeSender } from "../../../support/fake-sender.ts";
import { ip, RACK, testRack } from "../../../support/test-site.ts";

const GUEST = "08:00:20:00:00:07";
const OTHER = "08:00:20:00:00:08";
const FIRST = ip("172.24.42.100");
const ALL = new Uint8Array(6).fill(0xff);

const SITE = `${RACK.replace(
  "  relays: [10.1.0.1]",
  "  relays: [10.1.0.1]\n  pool: 172.24.42.100-172.24.42.103\n  lease: 1h",
)}unknown: { suns: { profile: plain } }
`;

async function setUp(conduct: Conduct = "all") {
  const rack = await testRack(SITE);
  const { addresses, planner } = rack.context;
  const sender = new FakeSender();
  const rarp = new RarpService(rack.context, sender, () => conduct);
  const link = new LinkServer(sender.mac, rack.context.counters, rack.context.clock.now, {
    rarp: (o, frame) => rarp.handle(o, frame),
    bootp: () => {},
  });
  const notes = (): number => rack.journal.entries().length;
  /** Asks, and returns the address that it is told; "": none. */
  const ask = async (): Promise<string> => {
    const mac = parseMac(GUEST) ?? ALL;
    const o = Octets.alloc(60);
    emitEthernet({ dst: ALL, src: mac, etherType: 0x8035 }, o, 0);
    emitArp({ op: RARP_REQUEST, sha: mac, spa: 0, tha: mac, tpa: 0 }, o, 14);
    const before = notes();
    link.handle(o, 60);
    await eventually(() => notes() > before, "a word in the journal");
    const [frame] = sender.frames.splice(0);
    const arp = new ArpView();
    return frame && arp.reset(frame, 14, 46) === 0 ? formatIpv4(arp.tpa) : "";
  };
  const [subnet] = addresses.subnets;
  if (!subnet) throw new Error("no subnet");
  const client = addresses.client(subnet, GUEST);
  const other = addresses.client(subnet, OTHER);
  /** What its DISCOVER would leave behind: a plan for this address. */
  const plan = async (address: number): Promise<void> => {
    const [rule] = planner.site.unknown;
    if (!rule) throw new Error("no rule");
    const nothing = { architectures: [], vendorClass: "", uuid: "", serial: "", circuitId: "" };
    await planner.admit({ ...nothing, mac: GUEST, family: "unknown", relay: 0 }, rule, address);
    await settle();
  };
  return { ...rack, addresses, subnet, client, other, ask, plan };
}

describe("RARP of a machine that the site does not name", () => {
  it("gives it for ever what DHCP has offered, so that nobody else gets it", async () => {
    const { addresses, subnet, client, other, clock, ask, plan, last } = await setUp();
    addresses.offer(subnet, client, FIRST);
    await plan(FIRST);
    expect(await ask()).toBe("172.24.42.100");
    expect(last().decision).toContain("for ever: RARP has no leases");
    clock.advance((OFFER_S + 1) * 1_000);
    expect(addresses.choose(subnet, other, FIRST).address).not.toBe(FIRST);
    const lease = addresses.at(FIRST);
    expect(lease && addresses.leftS(lease)).toBe(Number.POSITIVE_INFINITY);
  });

  it("does not tell it an address that has become another's", async () => {
    const { addresses, subnet, other, ask, plan } = await setUp();
    await plan(FIRST);
    await addresses.bind(subnet, other, FIRST, 3_600, "");
    expect(await ask()).toBe("172.24.42.101");
  });

  it("says nothing where another server gives the addresses, whatever its plan says", async () => {
    const { ask, plan, last } = await setUp("proxy");
    await plan(0);
    expect(await ask()).toBe("");
    expect(last()).toMatchObject({ outcome: "silent", decision: "no pool is open here" });
  });

  it("binds once, however often it asks", async () => {
    const { addresses, ask } = await setUp();
    expect(await ask()).toBe("172.24.42.100");
    const before = addresses.batches;
    const lease = addresses.at(FIRST);
    expect(await ask()).toBe("172.24.42.100");
    expect(addresses.batches).toBe(before);
    expect(addresses.at(FIRST)).toBe(lease);
  });
});

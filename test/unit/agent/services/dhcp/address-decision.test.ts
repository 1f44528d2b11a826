import { beforeEach, describe, expect, it } from "vitest";
import { AddressBook } from "../../../../../agent/addresses/address-book.ts";
import { FOREVER } from "../../../../../agent/addresses/lease.ts";
import { ForgottenLeases } from "../../../../../agent/addresses/lease-store.ts";
import {
  type AddressDecision,
  type AddressQuestion,
  decideAddress,
} from "../../../../../agent/services/dhcp/address-decision.ts";
import { parseSite } from "../../../../../agent/site/load.ts";
import { DhcpMessageType } from "../../../../../protocols/dhcp/options.ts";
import { parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const OURS = ip("10.0.0.1");
const OTHER = ip("10.0.0.254");
const RESERVED = ip("10.0.0.9");
const NAMED = "00:03:ba:5b:ae:b3";
const GUEST = "02:00:00:00:00:01";
const TWIN = "02:00:00:00:00:02";
const { Discover, Request, Decline, Release, Inform } = DhcpMessageType;

const { site } = parseSite(
  `site: s
network: { address: 10.0.0.1/24, pool: 10.0.0.100-10.0.0.101, lease: 1h }
machines: { v100: { mac: "${NAMED}", ip: 10.0.0.9 } }
`,
  "/s.yaml",
);

let book: AddressBook;
let nowMs: number;

beforeEach(() => {
  nowMs = 0;
  if (!site) throw new Error("no site");
  book = new AddressBook({
    site,
    leases: new ForgottenLeases(),
    now: () => nowMs,
    wallMs: () => 1e12,
  });
});

function ask(mac: string, type: number, more: Partial<AddressQuestion> = {}): AddressDecision {
  const [subnet] = book.subnets;
  if (!subnet) throw new Error("no subnet");
  const client = book.client(subnet, mac);
  const none = { ciaddr: 0, requested: 0, server: 0, rapid: false, wishS: 0 };
  return decideAddress({ type, client, subnet, ...none, ...more }, book, OURS);
}

/** DISCOVER and REQUEST, as a client and a server do them. */
async function lease(mac: string): Promise<number> {
  const offer = ask(mac, Discover);
  if (offer.deed !== "offer") throw new Error(offer.why);
  const [subnet] = book.subnets;
  if (!subnet) throw new Error("no subnet");
  book.offer(subnet, book.client(subnet, mac), offer.address);
  const taken = ask(mac, Request, { requested: offer.address, server: OURS });
  if (taken.deed !== "bind") throw new Error(taken.why);
  await book.bind(subnet, book.client(subnet, mac), taken.address, taken.lengthS, "");
  return taken.address;
}

describe("DISCOVER", () => {
  it("gets its reservation, which needs no looking whether it is free", () => {
    expect(ask(NAMED, Discover)).toEqual({
      deed: "offer",
      address: RESERVED,
      lengthS: 3600,
      fresh: false,
      why: "its reservation",
    });
  });

  it("gets an address of the pool, which is to be looked at first", () => {
    expect(ask(GUEST, Discover)).toMatchObject({
      deed: "offer",
      address: ip("10.0.0.100"),
      fresh: true,
    });
  });

  it("gets the lease that it has without another look", async () => {
    const address = await lease(GUEST);
    expect(ask(GUEST, Discover)).toMatchObject({
      deed: "offer",
      address,
      fresh: false,
      why: "its lease",
    });
  });

  it("is told at once with rapid commit (RFC 4039)", () => {
    expect(ask(NAMED, Discover, { rapid: true })).toMatchObject({
      deed: "bind",
      address: RESERVED,
    });
  });

  it("gets as short a lease as it wishes for, and no longer one than there is", () => {
    const lengthOf = (wishS: number): unknown => ask(NAMED, Discover, { wishS });
    expect(lengthOf(600)).toMatchObject({ lengthS: 600 });
    expect(lengthOf(1)).toMatchObject({ lengthS: 120 });
    expect(lengthOf(999_999)).toMatchObject({ lengthS: 3600 });
  });

  it("gets nothing when all is taken", async () => {
    await lease(GUEST);
    await lease(TWIN);
    expect(ask("02:00:00:00:00:03", Discover)).toEqual({
      deed: "none",
      why: "all 2 addresses of the pool are taken",
    });
  });
});

describe("REQUEST that takes an offer (SELECTING)", () => {
  it("of ours is bound", async () => {
    expect(await lease(GUEST)).toBe(ip("10.0.0.100"));
  });

  it("of another server's is left alone", () => {
    expect(ask(NAMED, Request, { requested: RESERVED, server: OTHER })).toEqual({
      deed: "none",
      why: "took the offer of another server, 10.0.0.254",
    });
  });

  it("is refused what somebody else has", async () => {
    const address = await lease(GUEST);
    expect(ask(TWIN, Request, { requested: address, server: OURS })).toEqual({
      deed: "refuse",
      why: "wants 10.0.0.100, which is not its own; it may have 10.0.0.101",
    });
  });

  it("is understood where the address is in ciaddr", () => {
    expect(ask(NAMED, Request, { ciaddr: RESERVED, server: OURS })).toMatchObject({ deed: "bind" });
  });
});

describe("REQUEST of a client that starts again (INIT-REBOOT)", () => {
  it("is confirmed what it has", async () => {
    const requested = await lease(GUEST);
    expect(ask(GUEST, Request, { requested })).toMatchObject({
      deed: "bind",
      why: "it remembers its lease",
    });
    expect(ask(NAMED, Request, { requested: RESERVED })).toMatchObject({
      deed: "bind",
      why: "its reservation",
    });
  });

  it("is refused an address of another network", () => {
    expect(ask(GUEST, Request, { requested: ip("192.168.1.7") })).toMatchObject({
      deed: "refuse",
      why: "wants 192.168.1.7, which is of another network; it may have 10.0.0.100",
    });
  });

  it("is refused what is not its own, when we know it", async () => {
    await lease(GUEST);
    expect(ask(GUEST, Request, { requested: ip("10.0.0.50") })).toMatchObject({ deed: "refuse" });
    expect(ask(NAMED, Request, { requested: ip("10.0.0.50") })).toMatchObject({ deed: "refuse" });
  });

  it("gets silence about an address of which there is no record (section 4.3.2)", () => {
    expect(ask(GUEST, Request, { requested: ip("10.0.0.50") })).toEqual({
      deed: "none",
      why: "remembers 10.0.0.50, of which we have no record",
    });
  });
});

describe("REQUEST of a client that has an address (RENEWING, REBINDING)", () => {
  it("is prolonged", async () => {
    const ciaddr = await lease(GUEST);
    nowMs = 1_800_000;
    expect(ask(GUEST, Request, { ciaddr })).toMatchObject({
      deed: "bind",
      address: ciaddr,
      lengthS: 3600,
    });
  });

  it("is prolonged although it is over, while nobody else has it", async () => {
    const ciaddr = await lease(GUEST);
    nowMs = 4_000_000;
    expect(ask(GUEST, Request, { ciaddr })).toMatchObject({ deed: "bind", address: ciaddr });
  });

  it("is refused what went to somebody else", async () => {
    const ciaddr = await lease(GUEST);
    const [subnet] = book.subnets;
    if (!subnet) throw new Error("no subnet");
    book.release(subnet, book.client(subnet, GUEST), ciaddr);
    await lease(TWIN);
    await lease("02:00:00:00:00:03");
    expect(ask(GUEST, Request, { ciaddr: ip("192.168.7.7") })).toMatchObject({ deed: "refuse" });
    expect(ask(GUEST, Request, { ciaddr })).toEqual({
      deed: "none",
      why: "renews 10.0.0.100, of which we have no record",
    });
  });

  it("is refused when its reservation is another one", () => {
    expect(ask(NAMED, Request, { ciaddr: ip("10.0.0.77") })).toMatchObject({ deed: "refuse" });
  });
});

describe("RELEASE and DECLINE", () => {
  it("count from whoever has the address, and from nobody else", async () => {
    const address = await lease(GUEST);
    expect(ask(GUEST, Release, { ciaddr: address, server: OURS })).toMatchObject({
      deed: "release",
      address,
    });
    expect(ask(TWIN, Release, { ciaddr: address, server: OURS })).toMatchObject({ deed: "none" });
    expect(ask(GUEST, Decline, { requested: address, server: OURS })).toMatchObject({
      deed: "decline",
      address,
    });
    expect(ask(TWIN, Decline, { requested: address, server: OURS })).toMatchObject({
      deed: "none",
    });
    expect(ask(GUEST, Release, { ciaddr: address, server: OTHER })).toMatchObject({ deed: "none" });
    expect(ask(GUEST, Decline, { requested: address, server: OTHER })).toMatchObject({
      deed: "none",
    });
  });

  it("take no reservation away", () => {
    expect(ask(NAMED, Decline, { requested: RESERVED, server: OURS })).toEqual({
      deed: "none",
      why: "says that somebody else uses 10.0.0.9: look for a second host with that address",
    });
  });
});

describe("the others", () => {
  it("BOOTP gets an address for ever", () => {
    expect(ask(GUEST, 0)).toMatchObject({ deed: "bind", lengthS: FOREVER, fresh: true });
    expect(ask(NAMED, 0)).toMatchObject({ deed: "bind", address: RESERVED, fresh: false });
  });

  it("INFORM is told the rest, and servers' messages are not answered", () => {
    expect(ask(NAMED, Inform, { ciaddr: RESERVED })).toMatchObject({ deed: "inform" });
    for (const type of [2, 5, 6, 9, 255]) expect(ask(NAMED, type)).toMatchObject({ deed: "none" });
  });
});

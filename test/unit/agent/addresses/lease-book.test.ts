import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { type Client, clientOf, type Lease } from "../../../../agent/addresses/lease.ts";
import { DECLINED_S, LeaseBook, OFFER_S } from "../../../../agent/addresses/lease-book.ts";
import { Pool } from "../../../../agent/addresses/pool.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const FIRST = ip("10.0.0.100");
const RESERVED = ip("10.0.0.9");
const SIZE = 4;
const HOUR = 3600;

const host = (n: number, id?: string): Client => clientOf(`02:00:00:00:00:0${n}`, id, "hardware");
const named = host(9);

let book: LeaseBook;
let kept: Map<number, Lease | undefined>;

beforeEach(() => {
  kept = new Map();
  book = new LeaseBook({
    pool: new Pool([{ first: FIRST, last: FIRST + SIZE - 1 }]),
    reservation: ({ mac }) => (mac === named.mac ? RESERVED : undefined),
    isReserved: (address) => address === RESERVED,
    changed: (address, lease) => kept.set(address, lease),
  });
});

/** What a DISCOVER and a REQUEST come to. */
function lease(client: Client, nowS: number, lengthS: number = HOUR, wish = 0): number | undefined {
  const { address } = book.choose(client, wish, nowS);
  if (address === undefined) return undefined;
  book.offer(client, address, nowS, 1_000 * nowS);
  expect(book.mayHave(client, address, nowS)).toBe(true);
  book.bind(client, address, nowS + lengthS, "h", 1_000 * nowS);
  return address;
}

describe("who gets which address", () => {
  it("gives the named machine its reservation, and nobody else", () => {
    expect(book.choose(named, 0, 0)).toEqual({
      address: RESERVED,
      reserved: true,
      why: "its reservation",
    });
    expect(book.mayHave(host(1), RESERVED, 0)).toBe(false);
    expect(book.mayHave(named, FIRST, 0)).toBe(false);
  });

  it("gives each client one of its own, and the same again", () => {
    const all = [1, 2, 3, 4].map((n) => lease(host(n), 0));
    expect(new Set(all).size).toBe(SIZE);
    expect(lease(host(2), 10)).toBe(all[1]);
    expect(book.choose(host(5), 0, 10)).toEqual({
      address: undefined,
      why: "all 4 addresses of the pool are taken",
    });
  });

  it("gives what was asked for where that is free", () => {
    expect(lease(host(1), 0, HOUR, FIRST + 2)).toBe(FIRST + 2);
    expect(lease(host(2), 0, HOUR, FIRST + 2)).not.toBe(FIRST + 2);
    expect(lease(host(3), 0, HOUR, ip("10.9.9.9"))).toBeDefined();
  });

  it("finds the old address of a client whose lease is over", () => {
    const old = lease(host(1), 0);
    lease(host(2), 0);
    expect(book.choose(host(1), 0, 2 * HOUR)).toMatchObject({
      address: old,
      why: "what it had before",
    });
    // Of the free ones that which was used longest ago is given first: the old ones stay for their clients.
    const others = [3, 4].map((n) => lease(host(n), 2 * HOUR));
    expect(others).not.toContain(old);
  });

  it("says of an address that was only offered that it was", () => {
    book.offer(host(1), FIRST, 0, 0);
    expect(book.choose(host(1), 0, 1)).toMatchObject({
      address: FIRST,
      why: "what it was offered",
    });
    book.bind(host(1), FIRST, HOUR, "", 0);
    expect(book.choose(host(1), 0, 1)).toMatchObject({ address: FIRST, why: "its lease" });
  });

  it("gives a replaced card the address of its identifier once that lease is over, and a twin never", () => {
    const first = lease(host(1, "ff01"), 0);
    const twin = lease(host(2, "ff01"), 10);
    expect(twin).not.toBe(first);
    book.release(host(1, "ff01"), first ?? 0, 20);
    book.release(host(2, "ff01"), twin ?? 0, 20);
    expect(book.choose(host(3, "ff01"), 0, 30).address).toBe(twin);
  });

  it("tells clients apart by their identifier where the network wants that", () => {
    const mac = "02:00:00:00:00:01";
    const a = lease(clientOf(mac, "01aa", "client-id"), 0);
    const b = lease(clientOf(mac, "01bb", "client-id"), 0);
    expect(b).not.toBe(a);
    expect(lease(clientOf("02:00:00:00:00:07", "01aa", "client-id"), 5)).toBe(a);
  });

  it("lets an offer lapse, and gives it to another at once only when there is no other address", () => {
    for (const n of [1, 2, 3, 4])
      book.offer(host(n), book.choose(host(n), 0, 0).address ?? 0, 0, 0);
    expect(book.choose(host(5), 0, 1).address).toBeUndefined();
    expect(book.choose(host(5), 0, 5).address).toBe(FIRST);
    expect([...kept.values()].map((l) => l?.state)).toEqual(Array(SIZE).fill("offered"));
    expect(book.choose(host(5), 0, OFFER_S + 1).address).toBe(FIRST);
    expect([...kept.values()]).toEqual(Array(SIZE).fill(undefined));
  });

  it("takes a release from whoever has the address, and from nobody else", () => {
    const address = lease(host(1), 0) ?? 0;
    expect(book.release(host(2), address, 1)).toBe(false);
    expect(book.release(host(1), address, 1)).toBe(true);
    expect(kept.get(address)).toBeUndefined();
    expect(book.choose(host(1), 0, 2).address).toBe(address);
  });

  it("sets an address aside that its client found taken", () => {
    const address = lease(host(1), 0) ?? 0;
    expect(book.decline(host(2), address, 1)).toBe(false);
    expect(book.decline(host(1), address, 1)).toBe(true);
    expect(kept.get(address)).toMatchObject({ state: "declined" });
    expect(lease(host(1), 2, 2 * HOUR)).not.toBe(address);
    expect([2, 3].map((n) => lease(host(n), 2, 2 * HOUR))).not.toContain(address);
    expect(book.choose(host(4), 0, 2).address).toBeUndefined();
    expect(book.choose(host(4), 0, DECLINED_S + 2).address).toBe(address);
  });

  it("sets an address aside at which somebody answers, unless it is leased", () => {
    book.occupied(FIRST, 0);
    expect(book.choose(host(1), FIRST, 0).address).toBe(FIRST + 1);
    const mine = lease(host(1), 0) ?? 0;
    book.occupied(mine, 1);
    expect(book.mayHave(host(1), mine, 1)).toBe(true);
  });

  it("takes up what was kept, and forgets what the pool does not have", () => {
    const one: Lease = { ...book.bind(host(1), FIRST, HOUR, "", 0), address: FIRST + 1 };
    const other = new LeaseBook({
      pool: new Pool([{ first: FIRST + 1, last: FIRST + 1 }]),
      reservation: () => undefined,
      isReserved: () => false,
      changed: () => {},
    });
    expect([other.restore(one), other.restore({ ...one, address: FIRST })]).toEqual([true, false]);
    expect(other.choose(host(2), 0, 0).address).toBeUndefined();
    expect(other.choose(host(1), 0, 0).address).toBe(FIRST + 1);
  });

  it("never has two clients at one address, whatever they do", () => {
    const deed = fc.record({
      who: fc.integer({ min: 1, max: 7 }),
      what: fc.constantFrom("offer", "bind", "release", "decline", "wait", "bind wish"),
      by: fc.nat(SIZE - 1),
    });
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 80 }), (deeds) => {
        const held = new Map<number, { mac: string; endsS: number }>();
        book = new LeaseBook({
          pool: new Pool([{ first: FIRST, last: FIRST + SIZE - 1 }]),
          reservation: () => undefined,
          isReserved: () => false,
          changed: () => {},
        });
        let nowS = 0;
        for (const { who, what, by } of deeds) {
          const client = host(who);
          const wish = what === "bind wish" ? FIRST + by : 0;
          const { address } = book.choose(client, wish, nowS);
          if (what === "wait") nowS += by * 40;
          else if (address === undefined) continue;
          else if (what === "offer") book.offer(client, address, nowS, 1_000 * nowS);
          else if (what === "release" || what === "decline") {
            if (book[what](client, FIRST + by, nowS)) held.delete(FIRST + by);
          } else {
            const other = held.get(address);
            expect(!other || other.mac === client.mac || other.endsS <= nowS).toBe(true);
            expect(book.mayHave(client, address, nowS)).toBe(true);
            book.bind(client, address, nowS + 60, "", 0);
            for (const [a, h] of held) if (h.mac === client.mac) held.delete(a);
            held.set(address, { mac: client.mac, endsS: nowS + 60 });
          }
        }
        const runs = [...book.all()].filter((l) => l.state === "bound" && l.endsS > nowS);
        expect(new Set(runs.map((l) => l.mac)).size).toBe(runs.length);
      }),
    );
  });
});

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { AddressBook } from "../../../../agent/addresses/address-book.ts";
import type { Lease } from "../../../../agent/addresses/lease.ts";
import { LeaseStore } from "../../../../agent/addresses/lease-store.ts";
import { AgentError } from "../../../../agent/errors.ts";
import type { Site } from "../../../../agent/site/site.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import {
  bindMachine,
  HOUR,
  machineMac,
  type OpenAddresses,
  openAddresses,
  siteOf,
  type Time,
} from "../../../support/addresses.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const T0 = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

const SITE: Site = siteOf(`site: s
network: { address: 10.0.0.1/24, pool: 10.0.0.100-10.0.0.199, lease: 1h }
`);

function host(wallMs: number | "unknown" = T0): {
  readonly time: Time;
  open(): OpenAddresses;
  pass(s: number): void;
} {
  const dir = tempDir();
  const time: Time = { monoMs: 7_000, wallMs: wallMs === "unknown" ? undefined : wallMs };
  return {
    time,
    open: () => openAddresses(dir, SITE, time),
    pass: (s) => {
      time.monoMs += s * 1000;
      if (time.wallMs !== undefined) time.wallMs += s * 1000;
    },
  };
}

function offer({ book }: OpenAddresses, n: number): void {
  const [rack] = book.subnets;
  if (!rack) throw new Error("no subnet");
  const client = book.client(rack, machineMac(n));
  book.offer(rack, client, book.choose(rack, client, 0).address ?? 0);
}

function at({ book }: OpenAddresses, address: string): Lease & { readonly leftS: number } {
  const lease = book.at(ip(address));
  if (!lease) throw new Error(`no lease of ${address}`);
  return { ...lease, leftS: book.leftS(lease) };
}

describe("who waits for a lease", () => {
  it("waits for one batch, while others keep asking", async () => {
    const { book } = host().open();
    const first = bindMachine(book, 1);
    let waits = true;
    let others = 0;
    const rest: Promise<string>[] = [];
    // Somebody else asks in each turn of the event loop, so that there is always something to be written.
    const storm = (async () => {
      for (let n = 2; waits && n < 90; n++) {
        rest.push(bindMachine(book, n));
        others += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await first;
    waits = false;
    const { batches } = book;
    await storm;
    await Promise.all(rest);
    expect(others).toBeGreaterThan(1);
    expect(batches).toBeLessThanOrEqual(2);
  });
});

describe("what leases cost the disk", () => {
  it("takes offers along with another machine's lease, so that their REQUESTs cost nothing", async () => {
    const h = host();
    const first = h.open();
    for (const n of [1, 2, 3]) offer(first, n);
    expect(first.book.batches).toBe(0);
    const addresses = [await bindMachine(first.book, 4)];
    h.pass(5);
    for (const n of [1, 2, 3]) addresses.push(await bindMachine(first.book, n));
    expect(first.book.batches).toBe(1);
    // They renew after half of the time, and still that costs nothing.
    h.pass(HOUR / 2);
    for (const n of [1, 2, 3, 4]) await bindMachine(first.book, n);
    expect(first.book.batches).toBe(1);
    await first.cut();
    const next = h.open();
    expect(addresses.map((a) => at(next, a).mac)).toEqual([4, 1, 2, 3].map(machineMac));
    expect(at(next, addresses[1] ?? "")).toMatchObject({ state: "bound", sinceMs: T0 });
  });

  it("takes no offers along that lapsed or were taken back, and of a flood only the last", async () => {
    const h = host();
    const first = h.open();
    offer(first, 1);
    h.pass(31);
    for (let n = 10; n < 60; n++) offer(first, n);
    await bindMachine(first.book, 2);
    await first.cut();
    const kept = [...h.open().book.leases()].map(({ mac }) => mac);
    expect(kept.length).toBe(32);
    expect(kept).not.toContain(machineMac(1));
    expect(kept).toContain(machineMac(59));
  });

  it("takes an offer off the disk that was not taken up", async () => {
    const h = host();
    const first = h.open();
    offer(first, 1);
    await bindMachine(first.book, 2);
    h.pass(31);
    // What is over is put back when somebody asks.
    offer(first, 3);
    await bindMachine(first.book, 4);
    await first.cut();
    expect([...h.open().book.leases()].map(({ mac }) => mac).sort()).toEqual(
      [2, 3, 4].map(machineMac),
    );
  });

  it("writes the renewals of a whole rack together", async () => {
    const h = host();
    const { book } = h.open();
    const MACHINES = 20;
    const HOURS = 6;
    for (let half = 0; half < 2 * HOURS; half++) {
      for (let n = 0; n < MACHINES; n++) {
        await bindMachine(book, n);
        h.pass(HOUR / 2 / MACHINES);
      }
    }
    // Twenty to begin with, as none of them was offered anything while another one asked.
    expect(book.batches).toBeGreaterThan(MACHINES + HOURS / 2);
    expect(book.batches).toBeLessThan(MACHINES + 2 * HOURS + 2);
  });

  it("does not write for another identifier or name alone, and has them after all", async () => {
    const h = host();
    const first = h.open();
    const [rack] = first.book.subnets;
    if (!rack) throw new Error("no subnet");
    const address = ip(await bindMachine(first.book, 1));
    const system = first.book.client(rack, machineMac(1), "ff01");
    await first.book.bind(rack, system, address, HOUR, "node1");
    expect(first.book.batches).toBe(1);
    await first.close();
    expect(h.open().book.at(address)).toMatchObject({ id: "ff01", hostname: "node1" });
  });
});

describe("a disk that does not take a lease", () => {
  it("has it not promised, and is asked again for the next one", async () => {
    const database = openDatabase({ dir: tempDir() });
    onTestFinished(() => database.close());
    const full = new AgentError("E_STATE", "the disk is full");
    const transaction = vi.spyOn(database, "transaction").mockRejectedValueOnce(full);
    const book = new AddressBook({
      site: SITE,
      leases: new LeaseStore(database),
      now: () => 0,
      wallMs: () => T0,
    });
    await expect(bindMachine(book, 1)).rejects.toBe(full);
    // It asks again, and would be told.
    const address = ip(await bindMachine(book, 1));
    expect(transaction).toHaveBeenCalledTimes(2);
    const { leases } = new LeaseStore(database).read();
    expect(leases.map((lease) => lease.address)).toEqual([address]);
  });
});

describe("a host whose clock is wrong, over a restart", () => {
  it("that wakes in 1970 ends no lease, and counts the time it was off as soon as it knows", async () => {
    const h = host();
    const first = h.open();
    const address = await bindMachine(first.book, 1);
    await first.cut();
    // It is off for 40 minutes, and has no battery.
    h.time.monoMs = 3_000;
    h.time.wallMs = undefined;
    const second = h.open();
    h.pass(60);
    expect(at(second, address).leftS).toBe(2 * HOUR - 60);
    await bindMachine(second.book, 2);
    h.time.wallMs = T0 + 41 * 60_000;
    expect(at(second, address).leftS).toBe(2 * HOUR - 41 * 60);
  });

  it("that is cut off in 1970 does not forget how long it was off before", async () => {
    const h = host();
    const first = h.open();
    const address = await bindMachine(first.book, 1);
    await first.cut();
    h.time.wallMs = undefined;
    const second = h.open();
    h.pass(60);
    await bindMachine(second.book, 2);
    await second.cut();
    h.time.monoMs = 0;
    h.time.wallMs = T0 + 90 * 60_000;
    expect(at(h.open(), address).leftS).toBe(2 * HOUR - 90 * 60);
  });

  it("that learned the time while it ran counts from there", async () => {
    const h = host("unknown");
    const first = h.open();
    const address = await bindMachine(first.book, 1);
    h.pass(10);
    h.time.wallMs = T0;
    await bindMachine(first.book, 1);
    await first.cut();
    h.time.monoMs = 0;
    h.time.wallMs = T0 + 600_000;
    expect(at(h.open(), address).leftS).toBe(2 * HOUR - 10 - 600);
  });

  for (const [what, jumpMs] of [
    ["back a day", -DAY_MS],
    ["forward a day", DAY_MS],
  ] as const) {
    it(`that was set ${what} while it ran ends no lease and prolongs none`, async () => {
      const h = host();
      const first = h.open();
      const address = await bindMachine(first.book, 1);
      h.pass(100);
      h.time.wallMs = T0 + 100_000 + jumpMs;
      expect(at(first, address).leftS).toBe(HOUR - 100);
      // Whoever renews next, even for nothing.
      await bindMachine(first.book, 1, HOUR - 100);
      await first.cut();
      h.time.monoMs = 0;
      h.pass(200);
      expect(at(h.open(), address).leftS).toBe(2 * HOUR - 300);
    });
  }

  it("that was set back while it was off goes on from where it was", async () => {
    const h = host();
    const first = h.open();
    const address = await bindMachine(first.book, 1);
    await first.cut();
    h.time.wallMs = T0 - DAY_MS;
    h.time.monoMs = 0;
    const second = h.open();
    expect(at(second, address).leftS).toBe(2 * HOUR);
    h.pass(HOUR);
    expect(at(second, address).leftS).toBe(HOUR);
    h.pass(HOUR + 1);
    expect(second.book.runs(at(second, address))).toBe(false);
  });
});

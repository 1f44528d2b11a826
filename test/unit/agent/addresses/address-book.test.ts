import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FOREVER } from "../../../../agent/addresses/lease.ts";
import type { Site } from "../../../../agent/site/site.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import {
  bindMachine as bind,
  HOUR,
  machineMac as mac,
  type OpenAddresses,
  openAddresses,
  siteOf,
  type Time,
} from "../../../support/addresses.ts";
import { LeasePromises } from "../../../support/lease-promises.ts";
import { prng } from "../../../support/prng.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const WORKER: string = fileURLToPath(new URL("lease-worker.mjs", import.meta.url));
const T0 = Date.UTC(2026, 5, 1);

const SITE: Site = siteOf(`site: s
network:
  address: 10.0.0.1/24
  pool: 10.0.0.100-10.0.0.109
  lease: 1h
  subnets: { far: { prefix: 10.9.0.0/24, pool: 10.9.0.5-10.9.0.6 } }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 10.0.0.105 }
`);

const time: Time = { monoMs: 0, wallMs: T0 };
const pass = (ms: number): void => {
  time.monoMs += ms;
  time.wallMs = (time.wallMs ?? 0) + ms;
};
const open = (dir: string, site: Site = SITE): OpenAddresses => openAddresses(dir, site, time);

describe("the address book", () => {
  it("knows reservations and pools by subnet, and gives no reserved address to others", async () => {
    const { book } = open(tempDir());
    const [rack, far] = book.subnets;
    if (!rack || !far) throw new Error("no subnets");
    const v100 = book.client(rack, "00:03:ba:5b:ae:b3");
    expect(book.choose(rack, v100, 0)).toMatchObject({ address: ip("10.0.0.105"), reserved: true });
    // Its reservation is of another network: there it is a machine like any other.
    expect(book.choose(far, v100, 0)).toMatchObject({ address: ip("10.9.0.5"), reserved: false });
    const all = new Set<string>();
    for (let n = 0; n < 9; n++) all.add(await bind(book, n));
    expect(all.size).toBe(9);
    expect(all).not.toContain("10.0.0.105");
    expect(book.choose(rack, book.client(rack, mac(9)), 0).address).toBeUndefined();
  });

  it("remembers over a restart who has what, and for how long", async () => {
    const dir = tempDir();
    const first = open(dir);
    const address = await bind(first.book, 1);
    await bind(first.book, 2, FOREVER);
    await first.close();
    time.wallMs = (time.wallMs ?? 0) + 600_000;
    const { book } = open(dir);
    const lease = book.at(ip(address));
    expect(lease).toMatchObject({ mac: mac(1), state: "bound", hostname: "h1", sinceMs: T0 });
    // It was promised an hour, of which ten minutes are over; it is kept for an hour more than that.
    expect(lease && book.leftS(lease)).toBe(2 * HOUR - 600);
    expect([...book.leases()].map((l) => book.leftS(l))).toContain(FOREVER);
  });

  it("writes a lease once, and not again for each renewal that it was kept for already", async () => {
    const { book } = open(tempDir());
    await bind(book, 1);
    const before = book.batches;
    await bind(book, 1);
    pass(1_800_000);
    await bind(book, 1);
    expect(book.batches - before).toBe(0);
    pass(1_900_000);
    await bind(book, 1);
    expect(book.batches - before).toBe(1);
  });

  it("writes many leases at once", async () => {
    const { book } = open(tempDir());
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => bind(book, n)));
    expect(book.batches).toBeLessThanOrEqual(2);
  });

  it("does not lose a lease that was given back and taken again while the disk was busy", async () => {
    const dir = tempDir();
    const { book, close } = open(dir);
    const [rack] = book.subnets;
    if (!rack) throw new Error("no subnet");
    const client = book.client(rack, mac(1));
    const address = ip(await bind(book, 1));
    book.release(rack, client, address);
    const other = bind(book, 2);
    const again = book.bind(rack, client, address, HOUR, "h1");
    await Promise.all([other, again]);
    await close();
    expect(open(dir).book.at(address)).toMatchObject({ mac: mac(1), state: "bound" });
  });

  it("forgets what the site does not give any more", async () => {
    const dir = tempDir();
    const first = open(dir);
    await bind(first.book, 1);
    await first.close();
    const smaller = siteOf(
      "site: s\nnetwork: { address: 10.0.0.1/24, pool: 10.0.0.200-10.0.0.201 }\n",
    );
    const { book } = open(dir, smaller);
    expect([...book.leases()]).toEqual([]);
    expect(await bind(book, 1)).toBe("10.0.0.200");
  });
});

describe("an agent that is killed while it gives addresses", () => {
  it("has kept each that it promised, and gives none twice", async () => {
    const ROUNDS = 40;
    const dir = tempDir();
    const random = prng(7);
    const promises = new LeasePromises();
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, [WORKER, dir, "12", "120"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const killAfter = 1 + Math.floor(random() * 60);
      let text = "";
      let lines = 0;
      child.stdout.on("data", (piece: Buffer) => {
        text += piece.toString();
        lines += piece.toString().split("bound").length - 1;
        if (lines >= killAfter) child.kill("SIGKILL");
      });
      await once(child, "close");
      // A line that was cut off was not promised.
      expect(promises.run(text.split("\n").slice(0, -1)), `round ${round}`).toEqual([]);
    }
    expect(promises.made).toBeGreaterThan(ROUNDS * 10);
    expect(promises.passedOn).toBeGreaterThan(ROUNDS);
  }, 120_000);
});

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { clientOf } from "../../../../agent/addresses/lease.ts";
import { LeaseBook } from "../../../../agent/addresses/lease-book.ts";
import { POOL_ENTRY_LEN, Pool } from "../../../../agent/addresses/pool.ts";

const SIZE = 65_000;
const FIRST = (10 << 24) | 256;
const HOUR = 3600;
/** Allocations that are timed together. */
const CHUNK = 500;
/** Chunks of which the median is taken, at each end. */
const CHUNKS = 20;
/** Room for noise and for tables that grow; an allocation that looked at other addresses would take a hundred times as long. */
const MOST_RATIO = 4;
/** Of a lease with all ways to it, its texts with it: octets. */
const MOST_LEASE_LEN = 1_000;

function bookOf(size: number): LeaseBook {
  return new LeaseBook({
    pool: new Pool([{ first: FIRST, last: FIRST + size - 1 }]),
    reservation: () => undefined,
    isReserved: () => false,
    changed: () => {},
  });
}

/** DISCOVER and REQUEST of a machine. */
function take(book: LeaseBook, n: number, nowS: number): number | undefined {
  const mac = `02:00:00:${[n >> 16, (n >> 8) & 255, n & 255].map((b) => b.toString(16).padStart(2, "0")).join(":")}`;
  const client = clientOf(mac, `01${mac}`, "hardware");
  const { address } = book.choose(client, 0, nowS);
  if (address === undefined) return undefined;
  book.offer(client, address, nowS, 0);
  if (!book.mayHave(client, address, nowS)) return undefined;
  return book.bind(client, address, nowS + HOUR, "", 0).address;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function heapOctets(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe("a pool of 65 000 addresses", () => {
  it("gives the last ones as fast as the first, and says as fast that there are no more", () => {
    const book = bookOf(SIZE);
    const times: number[] = [];
    const given = new Set<number>();
    let n = 0;
    const chunk = (): number => {
      const from = performance.now();
      for (const end = n + CHUNK; n < end; n++) given.add(take(book, n, 0) ?? 0);
      return performance.now() - from;
    };
    while (n < SIZE) times.push(chunk());
    expect(given.size).toBe(SIZE);
    // The first chunk is still being compiled.
    const first = median(times.slice(1, 1 + CHUNKS));
    expect(median(times.slice(-CHUNKS))).toBeLessThan(first * MOST_RATIO);
    expect(take(book, n, 0)).toBeUndefined();
    expect(median(Array.from({ length: CHUNKS }, chunk))).toBeLessThan(first * MOST_RATIO);
    // All leases are over at once: the first who asks pays for putting them back, those after it nothing.
    take(book, n, 2 * HOUR);
    n = 2 * SIZE;
    const later: number[] = [];
    for (let i = 0; i < CHUNKS; i++) {
      const from = performance.now();
      for (const end = n + CHUNK; n < end; n++) take(book, n, 2 * HOUR);
      later.push(performance.now() - from);
    }
    expect(median(later)).toBeLessThan(first * MOST_RATIO);
  });

  it("takes the same few octets for each address, and for each lease", () => {
    const empty = heapOctets();
    const book = bookOf(SIZE);
    const made = heapOctets() - empty;
    expect(made).toBeLessThan(SIZE * POOL_ENTRY_LEN + 500_000);
    const perLease: number[] = [];
    for (const [from, to] of [
      [0, SIZE / 2],
      [SIZE / 2, SIZE],
    ] as const) {
      const before = heapOctets();
      for (let n = from; n < to; n++) take(book, n, 0);
      perLease.push((heapOctets() - before) / (to - from));
    }
    for (const octets of perLease) expect(octets).toBeLessThan(MOST_LEASE_LEN);
    expect(take(book, SIZE, 0)).toBeUndefined();
  });
});

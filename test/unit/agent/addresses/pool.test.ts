import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pool, type PoolState } from "../../../../agent/addresses/pool.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const range = (first: string, last: string): { first: number; last: number } => ({
  first: ip(first),
  last: ip(last),
});

describe("a pool", () => {
  it("gives every address of its ranges once, and none that is left out", () => {
    const without = new Set([ip("10.0.0.11"), ip("10.0.0.20"), ip("10.0.9.9")]);
    const pool = new Pool(
      [range("10.0.0.10", "10.0.0.12"), range("10.0.0.20", "10.0.0.21")],
      without,
    );
    const given: number[] = [];
    for (let a = pool.longestFree(); a !== undefined; a = pool.longestFree()) {
      given.push(a);
      pool.put(a, "bound", 100);
    }
    expect(given).toEqual([ip("10.0.0.10"), ip("10.0.0.12"), ip("10.0.0.21")]);
    expect([pool.size, pool.count("bound"), pool.count("free")]).toEqual([3, 3, 0]);
    expect(pool.has(ip("10.0.0.11"))).toBe(false);
    expect(pool.stateOf(ip("10.0.0.13"))).toBeUndefined();
  });

  it("goes over the sign of a 32-bit number", () => {
    const pool = new Pool([range("127.255.255.254", "128.0.0.1")]);
    expect(pool.size).toBe(4);
    for (const a of ["127.255.255.254", "127.255.255.255", "128.0.0.0", "128.0.0.1"]) {
      expect(pool.has(ip(a)), a).toBe(true);
    }
  });

  it("takes what was used longest ago, and says what is over in the order in which it came", () => {
    const pool = new Pool([range("10.0.0.1", "10.0.0.3")]);
    pool.put(ip("10.0.0.1"), "bound", 10);
    pool.put(ip("10.0.0.2"), "bound", 20);
    expect(pool.firstOver("bound", 9)).toBeUndefined();
    expect(pool.firstOver("bound", 10)).toBe(ip("10.0.0.1"));
    pool.put(ip("10.0.0.1"), "free", 0);
    expect(pool.longestFree()).toBe(ip("10.0.0.3"));
    pool.put(ip("10.0.0.3"), "declined", 5);
    expect(pool.longestFree()).toBe(ip("10.0.0.1"));
  });

  it("is a list for each state, whatever is done to it", () => {
    const states = ["free", "offered", "bound", "declined"] as const;
    const step = fc.record({ at: fc.nat(9), state: fc.constantFrom(...states) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new Pool([range("10.0.0.0", "10.0.0.9")]);
        const model = new Map<PoolState, number[]>(states.map((s) => [s, []]));
        model.set(
          "free",
          Array.from({ length: 10 }, (_, i) => i),
        );
        for (const { at, state } of steps) {
          for (const [s, list] of model)
            model.set(
              s,
              list.filter((x) => x !== at),
            );
          model.get(state)?.push(at);
          pool.put(ip("10.0.0.0") + at, state, 0);
        }
        for (const [state, list] of model) {
          expect(pool.count(state)).toBe(list.length);
          const first = state === "free" ? pool.longestFree() : pool.firstOver(state, 0);
          expect(first).toBe(list[0] === undefined ? undefined : ip("10.0.0.0") + list[0]);
        }
      }),
    );
  });

  it("of 65 000 addresses takes as long for the last as for the first", () => {
    const pool = new Pool([range("10.0.0.0", "10.0.253.231")]);
    expect(pool.size).toBe(65_000);
    const timeOf = (n: number): number => {
      const from = performance.now();
      for (let i = 0; i < n; i++) pool.put(pool.longestFree() ?? 0, "bound", i);
      return performance.now() - from;
    };
    timeOf(5_000);
    const first = timeOf(20_000);
    const last = timeOf(20_000);
    expect(pool.count("free")).toBe(20_000);
    expect(last).toBeLessThan(first * 20 + 50);
  });
});

import fc from "fast-check";
import { expect } from "vitest";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";

/** What every view has in common. */
export interface View {
  reset(o: Octets, at: number, len: number): Status;
}

const SLAB = 64;

/** The message in the middle of a slab full of 0xa5, where an over-read finds wrong octets instead of an error. */
export function inSlab(message: Octets): { o: Octets; at: number; len: number } {
  const len = message.u8.length;
  const o = Octets.alloc(len + 2 * SLAB);
  o.u8.fill(0xa5).set(message.u8, SLAB);
  return { o, at: SLAB, len };
}

/** Every proper prefix must be refused, both when the memory ends there and when it goes on. */
export function expectEveryTruncationRefused(view: View, message: Octets): void {
  const slab = inSlab(message);
  for (let n = 0; n < message.u8.length; n++) {
    const cut = new Octets(message.u8.slice(0, n));
    expect(view.reset(cut, 0, n), `${n} octets`).not.toBe(Status.Ok);
    expect(view.reset(slab.o, slab.at, n), `${n} octets in a slab`).not.toBe(Status.Ok);
  }
}

/** Reads every getter, also of nested views; fails when an (…At, …Len) pair leaves the window. */
export function touch(view: object, at: number, end: number): void {
  const shape = view as Record<string, unknown>;
  for (const name of getters(view)) {
    const value = shape[name];
    if (name.endsWith("Len")) {
      const from = shape[`${name.slice(0, -3)}At`];
      if (value === 0) continue;
      expect(from, name).toBeGreaterThanOrEqual(at);
      expect(Number(from) + Number(value), name).toBeLessThanOrEqual(end);
    } else if (typeof value === "object" && value !== null) touch(value, at, end);
  }
}

/**
 * Random octets, and `samples` with a few octets changed and an end cut off: reset never throws, and after Status.Ok
 * neither does a getter or `use`. Bounded by time, so that a slow machine does fewer runs instead of failing.
 */
export function expectNeverThrows(
  view: View,
  samples: readonly Octets[],
  use: (o: Octets, end: number) => void = () => {},
): void {
  const changes = fc.array(fc.tuple(fc.nat(400), fc.constantFrom(0, 1, 2, 3, 4, 255, 128)), {
    maxLength: 4,
  });
  const mutated = fc
    .tuple(fc.constantFrom(...samples.map((s) => s.u8)), changes, fc.nat(8))
    .map(([sample, edits, cut]) => {
      const u8 = sample.slice(0, Math.max(0, sample.length - cut));
      for (const [at, value] of edits) if (at < u8.length) u8[at] = value;
      return u8;
    });
  const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 256 }), mutated), (u8) => {
    const o = new Octets(u8);
    if (view.reset(o, 0, u8.length) !== Status.Ok) return;
    touch(view, 0, u8.length);
    use(o, u8.length);
  });
  fc.assert(property, { numRuns: 1_000, interruptAfterTimeLimit: 1_000 });
}

/** Names of the getters of a view's class. */
function getters(view: object): string[] {
  const proto: object = Object.getPrototypeOf(view);
  return Object.entries(Object.getOwnPropertyDescriptors(proto)).flatMap(([name, d]) =>
    d.get === undefined ? [] : [name],
  );
}

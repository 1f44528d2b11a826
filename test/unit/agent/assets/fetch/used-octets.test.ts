import { expect, it } from "vitest";
import { UsedOctets } from "../../../../../agent/assets/fetch/used-octets.ts";

const LEN = 64 * 1024;

it("gives a buffer back when the first octets of another one come", () => {
  const memory = new UsedOctets();
  const [a, b] = [new ArrayBuffer(LEN), new ArrayBuffer(LEN)];
  memory.used(new Uint8Array(a, 0, 100));
  memory.used(new Uint8Array(a, 100, 200));
  expect(a.byteLength).toBe(LEN);
  memory.used(new Uint8Array(b));
  expect([a.byteLength, b.byteLength]).toEqual([0, LEN]);
});

it("leaves alone what others may share", () => {
  const memory = new UsedOctets();
  const small = new ArrayBuffer(8_192);
  const shared = new SharedArrayBuffer(LEN);
  memory.used(new Uint8Array(small));
  memory.used(new Uint8Array(shared));
  memory.used(new Uint8Array(LEN));
  expect([small.byteLength, shared.byteLength]).toEqual([8_192, LEN]);
});

import { expect, test } from "vitest";
import { Mirrors } from "../../../../../agent/assets/stores/mirrors.ts";

const A = { id: "http https://a.example/x" };
const A2 = { id: "http https://a.example/y" };
const B = { id: "http https://b.example/x" };
const B2 = { id: "http https://b.example/y" };
const C = { id: "file /srv/x" };
const MIN = 60_000;
const MB = 1_000_000;

function names(mirrors: Mirrors, nowMs: number, of = [A, B, C]): string {
  return mirrors
    .order(of, nowMs)
    .map((m) => (m.id.startsWith("file") ? "c" : m.id.slice(13, 14)))
    .join("");
}

test("without experience the site's order holds", () => {
  expect(names(new Mirrors(), 0)).toBe("abc");
});

test("who gave something lately comes first, until that is long ago", () => {
  const m = new Mirrors();
  m.succeeded(B, 0);
  expect(names(m, 1)).toBe("bac");
  expect(names(m, 60 * MIN)).toBe("bac");
  expect(names(m, 60 * MIN + 1)).toBe("abc");
});

test("who failed comes last, longer each time, and as others do again afterwards", () => {
  const m = new Mirrors();
  m.failed(A, "E_STORE_UNREACHABLE", 0);
  expect(names(m, 1)).toBe("bca");
  expect(names(m, MIN)).toBe("abc");
  m.failed(A, "E_STORE_UNREACHABLE", MIN);
  expect(names(m, 3 * MIN - 1)).toBe("bca");
  expect(names(m, 3 * MIN)).toBe("abc");
  for (let i = 0; i < 50; i++) m.failed(A, "E_STORE_UNREACHABLE", 3 * MIN);
  expect(names(m, 63 * MIN - 1)).toBe("bca");
  expect(names(m, 63 * MIN)).toBe("abc");
});

test("a success ends the account of failures", () => {
  const m = new Mirrors();
  for (let i = 0; i < 5; i++) m.failed(B, "E_STORE_UNREACHABLE", 0);
  m.succeeded(B, 1);
  expect(names(m, 2)).toBe("bac");
  m.failed(B, "E_STORE_UNREACHABLE", 3);
  expect(names(m, 3 + MIN)).toBe("bac");
});

test("where all failed, the one whose turn comes first is first", () => {
  const m = new Mirrors();
  m.failed(A, "E_STORE_UNREACHABLE", 0, 10 * MIN);
  m.failed(B, "E_STORE_UNREACHABLE", 0);
  m.failed(C, "E_ASSET_READ", 0, 5 * MIN);
  expect(names(m, 1)).toBe("bca");
});

test("a host that cannot be reached is so for all its objects, one that lacks an object is not", () => {
  const m = new Mirrors();
  m.failed(A, "E_STORE_MISSING", 0);
  expect(names(m, 1, [A, B])).toBe("ba");
  expect(names(m, 1, [A2, B2])).toBe("ab");
  m.failed(A, "E_STORE_UNREACHABLE", 0);
  expect(names(m, 1, [A2, B2])).toBe("ba");
});

test("of those that give, a much faster one comes first, a little faster one does not", () => {
  const m = new Mirrors();
  m.succeeded(A, 0, { octets: 10 * MB, ms: 1_000 });
  m.succeeded(B, 0, { octets: 11 * MB, ms: 1_000 });
  expect(names(m, 1, [A, B])).toBe("ab");
  m.succeeded(B, 0, { octets: 90 * MB, ms: 1_000 });
  expect(names(m, 1, [A, B])).toBe("ba");
});

test("small transfers do not count as slow, and no time at all is no endless rate", () => {
  const m = new Mirrors();
  m.succeeded(A, 0, { octets: 100, ms: 1_000 });
  m.succeeded(B, 0, { octets: 90 * MB, ms: 0 });
  expect(names(m, 1, [A, B])).toBe("ab");
});

test("remembers no more than it can", () => {
  const m = new Mirrors();
  m.failed(A, "E_STORE_UNREACHABLE", 0);
  for (let i = 0; i < 2_000; i++) m.succeeded({ id: `http https://h${i}/x` }, 0);
  expect(names(m, 1)).toBe("abc");
});

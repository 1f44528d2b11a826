import { describe, expect, it } from "vitest";
import { STALE_MS, WaitingRequests } from "../../../../../agent/services/tftp/waiting-requests.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { ip } from "../../../../support/test-site.ts";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");

function setUp(limits: { requests?: number; octets?: number; perMachine?: number } = {}) {
  let nowMs = 0;
  const all = { requests: 4, octets: 100, perMachine: 3, ...limits };
  const waiting = new WaitingRequests(all, () => nowMs);
  const put = (text: string, src = A, srcPort = 1, own = 0): string => {
    const octets = new Octets(Uint8Array.from(Buffer.from(`..${text}`)));
    const d = { octets, at: 2, len: text.length, src, srcPort, broadcast: false };
    const result = waiting.put(d, own);
    octets.u8.fill(0x5a); // the lane's memory is used again
    return result;
  };
  const take = (): string | undefined => {
    const turn = waiting.take();
    if (!turn) return undefined;
    const { d, waitedMs } = turn;
    const text = Buffer.from(d.octets.u8.subarray(d.at, d.at + d.len)).toString();
    return `${text} ${d.srcPort} ${waitedMs}`;
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { waiting, put, take, pass };
}

describe("WaitingRequests", () => {
  it("gives the oldest first, in its newest form and at its first place", () => {
    const { put, take, pass } = setUp();
    expect([put("one"), put("two", B)]).toEqual(["new", "new"]);
    pass(4_000);
    expect([put("other"), put("three", A, 2)]).toEqual(["again", "new"]);
    expect([take(), take(), take(), take()]).toEqual([
      "other 1 4000",
      "two 1 4000",
      "three 2 0",
      undefined,
    ]);
  });

  it("forgets who has not repeated its request, and gives it a new place when it does", () => {
    const { waiting, put, take, pass } = setUp();
    put("one");
    pass(STALE_MS - 1);
    put("two", B);
    pass(1);
    expect(put("one")).toBe("new");
    expect([take(), take(), take()]).toEqual(["two 1 1", "one 1 0", undefined]);
    put("gone");
    pass(STALE_MS);
    expect([take(), waiting.size]).toEqual([undefined, 0]);
  });

  it("holds so many requests, of one machine with what it has already, and room comes back", () => {
    const { put, take, pass } = setUp();
    expect([1, 2, 3, 4].map((port) => put("x", A, port))).toEqual(["new", "new", "new", "full"]);
    expect(put("x", B, 1, 3)).toBe("full");
    expect(put("x", B, 1, 2)).toBe("new");
    expect(put("x", B, 2)).toBe("full");
    expect(put("x", A, 1)).toBe("again");
    take();
    expect(put("x", B, 2)).toBe("new");
    pass(STALE_MS);
    expect([5, 6, 7, 8].map((port) => put("x", A, port))).toEqual(["new", "new", "new", "full"]);
  });

  it("holds so many octets, also when a request becomes longer", () => {
    const { waiting, put, take } = setUp({ octets: 10 });
    expect([put("12345"), put("123456", B), put("1234", B)]).toEqual(["new", "full", "new"]);
    expect([put("1234567"), put("123456")]).toEqual(["full", "again"]);
    expect(take()).toBe("123456 1 0");
    expect(put("123456", A, 2)).toBe("new");
    waiting.clear();
    expect(put("1234567890")).toBe("new");
  });

  it("drops who is answered otherwise", () => {
    const { waiting, put, take } = setUp({ requests: 1 });
    put("one");
    waiting.drop({ octets: Octets.alloc(0), at: 0, len: 0, src: A, srcPort: 1, broadcast: false });
    expect([waiting.size, put("two", B), take()]).toEqual([0, "new", "two 1 0"]);
  });
});

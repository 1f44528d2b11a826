import { describe, expect, it } from "vitest";
import {
  DuplicateRequests,
  duplicateKey,
} from "../../../../../agent/services/nfs/duplicate-requests.ts";
import { emitDiropArgs } from "../../../../../protocols/nfs/args.ts";
import { NfsProc, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { StatResultView } from "../../../../../protocols/nfs/results.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { NfsClient, ROOT_USER } from "../../../../support/nfs-client.ts";
import { pattern } from "../../../../support/test-site.ts";

const LIMITS = { entries: 3, octets: 100, ageMs: 1_000 };
const octets = (n: number, len = 4): Uint8Array => new Uint8Array(len).fill(n);

describe("DuplicateRequests", () => {
  it("gives what was remembered for as long as it is good", () => {
    const d = new DuplicateRequests(LIMITS);
    expect(d.find("a", 0)).toBeUndefined();
    d.remember("a", octets(1), 0);
    expect(d.find("a", 1_000)).toEqual(octets(1));
    expect(d.find("a", 1_001)).toBeUndefined();
    expect(d.size).toBe(0);
  });

  it("forgets what was used longest ago", () => {
    const d = new DuplicateRequests(LIMITS);
    for (const key of ["a", "b", "c"]) d.remember(key, octets(0), 0);
    d.find("a", 1);
    d.remember("d", octets(0), 1);
    expect(["a", "b", "c", "d"].filter((key) => d.find(key, 2))).toEqual(["a", "c", "d"]);
  });

  it("holds no more octets than it may, and no result that is too long", () => {
    const d = new DuplicateRequests(LIMITS);
    d.remember("a", octets(0, 60), 0);
    d.remember("b", octets(0, 60), 0);
    expect([d.find("a", 0), d.size]).toEqual([undefined, 1]);
    d.remember("b", octets(0, 10), 0);
    d.remember("c", octets(0, 90), 0);
    expect(d.size).toBe(2);
    d.remember("d", octets(0, 101), 0);
    expect(d.size).toBe(0);
  });
});

describe("duplicateKey", () => {
  const call = { src: 1, srcPort: 2, transport: "udp" as const, xid: 3, proc: 10 };
  const args = new Octets(pattern(600));
  const key = (c: object = {}, o = args, len = 600): string =>
    duplicateKey({ ...call, ...c }, o, 0, len);

  it("is the same for the same call", () => {
    expect(key()).toBe(key({}, new Octets(pattern(600))));
  });

  it.each([{ src: 9 }, { srcPort: 9 }, { transport: "tcp" }, { xid: 9 }, { proc: 9 }])(
    "differs by %o",
    (other) => {
      expect(key(other)).not.toBe(key());
    },
  );

  it("differs by arguments and their length", () => {
    const other = new Octets(pattern(600));
    other.u8[40] = 0;
    expect(key({}, other)).not.toBe(key());
    expect(key({}, args, 596)).not.toBe(key());
  });
});

describe("a retransmission", () => {
  const again = { unix: ROOT_USER, xid: 77 };

  it("of REMOVE, CREATE, MKDIR, RENAME, LINK, SYMLINK and RMDIR gets the first answer", async () => {
    const c = await NfsClient.open();
    const twice = async <T>(call: () => Promise<T>): Promise<T> => {
      const first = await call();
      const { done } = c.tree;
      const changes = done.length;
      expect(await call()).toEqual(first);
      expect(done).toHaveLength(changes);
      return first;
    };
    const statusOf = async (found: Promise<{ status: number; fh: Uint8Array }>) => {
      const { status, fh } = await found;
      return { status, fh };
    };
    const { fh } = await twice(() => statusOf(c.create(c.root, "a", {}, again)));
    expect((await twice(() => statusOf(c.mkdir(c.root, "d", {}, again)))).status).toBe(0);
    expect(await twice(() => c.link(fh, c.root, "b", again))).toBe(0);
    expect(await twice(() => c.symlink(c.root, "l", "x", again))).toBe(0);
    expect(await twice(() => c.rename([c.root, "b"], [c.root, "z"], again))).toBe(0);
    expect(await twice(() => c.remove(c.root, "z", again))).toBe(0);
    expect(await twice(() => c.rmdir(c.root, "d", again))).toBe(0);
    expect(await twice(() => c.write(fh, 0, pattern(100), again))).toBe(0);
    expect(c.rack.context.counters.get("nfs", "retransmitted")).toBe(8);
  });

  it("does not undo what came after it", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    await c.write(fh, 0, pattern(10, 1), again);
    await c.write(fh, 0, pattern(10, 2));
    expect(await c.write(fh, 0, pattern(10, 1), again)).toBe(0);
    expect((await c.read(fh, 0, 10)).data).toEqual(pattern(10, 2));
  });

  it("of a refusal is refused again; another port or time is another call", async () => {
    const c = await NfsClient.open();
    expect(await c.remove(c.root, "f", again)).toBe(NfsStat.NoEnt);
    await c.create(c.root, "f");
    expect(await c.remove(c.root, "f", again)).toBe(NfsStat.NoEnt);
    expect(await c.remove(c.root, "f", { ...again, srcPort: 900 })).toBe(0);
    await c.create(c.root, "f");
    c.rack.clock.advance(120_001);
    expect(await c.remove(c.root, "f", again)).toBe(0);
  });

  it("is dropped while the first is being worked on", async () => {
    const c = await NfsClient.open();
    await c.create(c.root, "f");
    let durable = (): void => {};
    c.tree.durable = () => new Promise((resolve) => (durable = resolve));
    const args = (o: Octets, at: number): number => emitDiropArgs(c.root, "f", o, at);
    const first = await c.send(NfsProc.Remove, args, again);
    const second = await c.send(NfsProc.Remove, args, again);
    durable();
    await expect.poll(() => first.length).toBe(1);
    expect(second).toEqual([]);
    const third = await c.ask(NfsProc.Remove, args, new StatResultView(), again);
    expect(third.view.status).toBe(0);
    expect(c.tree.done.filter((what) => what === "remove")).toHaveLength(1);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NfsProc, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { StatResultView } from "../../../../../protocols/nfs/results.ts";
import { XdrWriter } from "../../../../../protocols/sunrpc/xdr.ts";
import { eventually } from "../../../../support/eventually.ts";
import { ALICE, NfsClient } from "../../../../support/nfs-client.ts";
import type { EmitArgs } from "../../../../support/rpc-client.ts";

const SATTR = new Uint8Array(32).fill(0xff);
const text = (name: string): Uint8Array => new TextEncoder().encode(name);
const writer = new XdrWriter();

/** Arguments of every procedure that takes a name, with the name as octets. */
function withName(c: NfsClient, good: Uint8Array, name: Uint8Array): readonly [number, EmitArgs][] {
  const dir = c.root;
  const begin = (o: Parameters<EmitArgs>[0], at: number) => writer.begin(o, at);
  const dirop: EmitArgs = (o, at) => begin(o, at).opaqueFixed(dir).opaque(name).at - at;
  const create: EmitArgs = (o, at) =>
    begin(o, at).opaqueFixed(dir).opaque(name).opaqueFixed(SATTR).at - at;
  return [
    [NfsProc.Lookup, dirop],
    [NfsProc.Create, create],
    [NfsProc.Remove, dirop],
    [
      NfsProc.Rename,
      (o, at) =>
        begin(o, at).opaqueFixed(dir).opaque(name).opaqueFixed(dir).opaque(text("to")).at - at,
    ],
    [
      NfsProc.Rename,
      (o, at) =>
        begin(o, at).opaqueFixed(dir).opaque(text("f")).opaqueFixed(dir).opaque(name).at - at,
    ],
    [NfsProc.Link, (o, at) => begin(o, at).opaqueFixed(good).opaqueFixed(dir).opaque(name).at - at],
    [
      NfsProc.Symlink,
      (o, at) =>
        begin(o, at).opaqueFixed(dir).opaque(name).opaque(text("x")).opaqueFixed(SATTR).at - at,
    ],
    [NfsProc.Mkdir, create],
    [NfsProc.Rmdir, dirop],
  ];
}

describe("names", () => {
  it.each([
    ["..", text("..")],
    [".", text(".")],
    ["nothing", new Uint8Array(0)],
    ["a/b", text("a/b")],
    ["/etc", text("/etc")],
    ["../secret", text("../secret")],
    ["a NUL", text("a\0b")],
    ["Latin-1", Uint8Array.of(0x63, 0x61, 0x66, 0xe9)],
    ["half a character", Uint8Array.of(0xc3)],
    ["a surrogate", Uint8Array.of(0xed, 0xa0, 0x80)],
    ["256 octets", new Uint8Array(256).fill(0x61)],
    ["4 GiB", Uint8Array.of(1)],
  ])("%s change nothing in any procedure", async (what, name) => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    await c.mkdir(c.root, "d");
    c.tree.done.length = 0;
    const before = await c.readdir(c.root, 0, 8_192);
    for (const [proc, args] of withName(c, fh, name)) {
      const broken: EmitArgs = (o, at) => {
        const len = args(o, at);
        const nameLenAt = proc === NfsProc.Link ? at + 64 : at + 32;
        if (what === "4 GiB") o.dv.setUint32(nameLenAt, 0xffff_ffff);
        return len;
      };
      const view = new StatResultView();
      const { accept } = await c.ask(proc, broken, view);
      const garbage = what === "256 octets" || what === "4 GiB";
      // The second RENAME has its bad name behind a good one.
      if (garbage) expect(accept, `procedure ${proc}`).toBe(4);
      else if (proc !== NfsProc.Lookup) expect(view.status, `procedure ${proc}`).not.toBe(0);
      else if (what !== "." && what !== "..") expect(view.status).toBe(NfsStat.NoEnt);
    }
    expect(c.tree.done).toEqual([]);
    expect(await c.readdir(c.root, 0, 8_192)).toEqual(before);
  });

  it("are kept as they are where they are UTF-8", async () => {
    const c = await NfsClient.open();
    for (const name of ["é", "日本", "\u{1f525}", "a b", "\\", "...", "\ufffd", "x".repeat(255)]) {
      const { status, fh } = await c.create(c.root, name);
      expect(status, name).toBe(0);
      expect((await c.lookup(c.root, name)).fh).toEqual(fh);
    }
  });

  it("that are refused are counted", async () => {
    const c = await NfsClient.open();
    await c.remove(c.root, "..");
    await c.create(c.root, "a/b");
    expect(c.rack.context.counters.get("nfs", "bad-name")).toBe(2);
  });

  it.each([
    ["..", NfsStat.Exist, NfsStat.Acces],
    ["a/b", NfsStat.Acces, NfsStat.Acces],
    ["", NfsStat.Acces, NfsStat.Acces],
  ])("%j to make and to take away", async (name, make, take) => {
    const c = await NfsClient.open();
    expect((await c.mkdir(c.root, name)).status).toBe(make);
    expect(await c.symlink(c.root, name, "x")).toBe(make);
    expect(await c.remove(c.root, name)).toBe(take);
    expect(await c.rmdir(c.root, name)).toBe(take);
    expect(await c.rename([c.root, name], [c.root, "x"])).toBe(take);
  });
});

describe("handles", () => {
  it("that are forged are stale wherever they stand", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    for (const i of [31, 10]) {
      const bad = c.root.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      expect((await c.getattr(bad)).status).toBe(NfsStat.Stale);
      expect((await c.setattr(bad, {})).status).toBe(NfsStat.Stale);
      expect((await c.read(bad, 0, 1)).status).toBe(NfsStat.Stale);
      expect(await c.write(bad, 0, text("x"))).toBe(NfsStat.Stale);
      expect((await c.create(bad, "x")).status).toBe(NfsStat.Stale);
      expect((await c.mkdir(bad, "x")).status).toBe(NfsStat.Stale);
      expect(await c.remove(bad, "f")).toBe(NfsStat.Stale);
      expect(await c.rmdir(bad, "f")).toBe(NfsStat.Stale);
      expect(await c.rename([bad, "f"], [c.root, "x"])).toBe(NfsStat.Stale);
      expect(await c.rename([c.root, "f"], [bad, "x"])).toBe(NfsStat.Stale);
      expect(await c.link(bad, c.root, "x")).toBe(NfsStat.Stale);
      expect(await c.link(fh, bad, "x")).toBe(NfsStat.Stale);
      expect(await c.symlink(bad, "x", "y")).toBe(NfsStat.Stale);
      expect((await c.readdir(bad, 0, 512)).status).toBe(NfsStat.Stale);
    }
    expect(c.tree.done).toEqual(["create"]);
    expect(c.rack.context.counters.get("nfs", "forged-handle")).toBe(28);
  });

  it("cannot be guessed, whoever asks", async () => {
    const c = await NfsClient.open();
    await c.create(c.root, "f");
    const tail = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const check = async (fileid: number, mac: Uint8Array): Promise<void> => {
      const guess = c.root.slice();
      new DataView(guess.buffer).setUint32(8, fileid);
      guess.set(mac, 16);
      expect((await c.getattr(guess, { unix: ALICE })).status).toBe(NfsStat.Stale);
    };
    await fc.assert(fc.asyncProperty(fc.nat(5), tail, check), {
      numRuns: 200,
      interruptAfterTimeLimit: 1_500,
    });
  });
});

describe("arguments", () => {
  it("of any octets get one answer, and never a fault of ours", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    const part = fc.oneof(
      fc.constant(c.root),
      fc.constant(fh),
      fc.constantFrom(...[0, 1, 4, 255, 256, 0x7fff_ffff, 0xffff_ffff].map(word)),
      fc.constantFrom("f", "..", "a\0b", "name").map((s) => xdrText(s)),
      fc.uint8Array({ maxLength: 80 }),
    );
    const proc = fc.integer({ min: 1, max: 17 });
    const check = async (procedure: number, parts: Uint8Array[]): Promise<void> => {
      const args = Uint8Array.from(parts.flatMap((p) => [...p]));
      const replies = c.begin(procedure, (o, at) => {
        o.u8.set(args, at);
        return args.length;
      });
      await eventually(() => replies.length > 0, `a reply to procedure ${procedure}`);
      expect(replies).toHaveLength(1);
      // Accepted, and not SYSTEM_ERR.
      expect(replies[0]?.dv.getUint32(8)).toBe(0);
      expect(replies[0]?.dv.getUint32(20)).not.toBe(5);
    };
    await fc.assert(fc.asyncProperty(proc, fc.array(part, { maxLength: 8 }), check), {
      numRuns: 1_000,
      interruptAfterTimeLimit: 2_000,
    });
    const failed = c.rack.journal.entries().filter((e) => e.outcome === "failed");
    expect(failed.filter((e) => e.decision !== "its part of the disk is full")).toEqual([]);
  });

  it("that are huge read nothing and write nothing", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    const read = await c.read(fh, 0xffff_ffff, 0xffff_ffff);
    expect([read.status, read.data]).toEqual([0, new Uint8Array(0)]);
    expect((await c.setattr(fh, { size: 0xffff_fffe })).status).toBe(NfsStat.Dquot);
    expect((await c.readdir(c.root, 0, 0xffff_ffff)).status).toBe(0);
  });
});

function word(n: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, n);
  return octets;
}

function xdrText(s: string): Uint8Array {
  const octets = new Uint8Array(4 + ((s.length + 3) & ~3));
  octets.set(word(s.length));
  octets.set(text(s), 4);
  return octets;
}

import { describe, expect, it } from "vitest";
import { NfsProc, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { AttrResultView } from "../../../../../protocols/nfs/results.ts";
import { emitSetattrArgs } from "../../../../../protocols/nfs/write-args.ts";
import { NfsClient, writeArgs } from "../../../../support/nfs-client.ts";
import { pattern } from "../../../../support/test-site.ts";

const NOW = { seconds: 0, useconds: 1_000_000 };

describe("WRITE", () => {
  it("writes at an offset, and says the attributes after it", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    const view = new AttrResultView();
    await c.ask(NfsProc.Write, writeArgs(fh, 10, pattern(8_192)), view);
    expect([view.status, view.attributes.size]).toEqual([0, 8_202]);
    const { data } = await c.read(fh, 8, 8_192);
    expect(data?.subarray(0, 2)).toEqual(new Uint8Array(2));
    expect(data?.subarray(2)).toEqual(pattern(8_192).subarray(0, 8_190));
  });

  it("is answered when it is durable, and not before", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    let durable = (): void => {};
    c.tree.durable = () => new Promise((resolve) => (durable = resolve));
    const replies = await c.send(NfsProc.Write, writeArgs(fh, 0, pattern(100)));
    expect(replies).toEqual([]);
    durable();
    await expect.poll(() => replies.length).toBe(1);
  });

  it("keeps its data while the next packet overwrites the call", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    c.tree.slow = true;
    expect(await c.write(fh, 0, pattern(2_000, 9))).toBe(0);
    expect((await c.read(fh, 0, 2_000)).data).toEqual(pattern(2_000, 9));
  });

  it("of no octets changes nothing", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    expect(await c.write(fh, 4_000, new Uint8Array(0))).toBe(0);
    expect((await c.getattr(fh)).attributes.size).toBe(0);
  });

  it("goes up to 32 bits and no further", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    expect(await c.write(fh, 0xffff_fff0, pattern(16))).toBe(NfsStat.Fbig);
    expect(c.tree.done).not.toContain("write");
  });

  it("says ISDIR of a directory, INVAL of a link, STALE of what is gone", async () => {
    const c = await NfsClient.open();
    await c.symlink(c.root, "l", "x");
    const { fh } = await c.create(c.root, "f");
    await c.remove(c.root, "f");
    expect(await c.write(c.root, 0, pattern(4))).toBe(NfsStat.IsDir);
    expect(await c.write((await c.lookup(c.root, "l")).fh, 0, pattern(4))).toBe(NfsStat.Inval);
    expect(await c.write(fh, 0, pattern(4))).toBe(NfsStat.Stale);
  });

  it("of more than 8192 octets is garbage", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    const args = writeArgs(fh, 0, pattern(8_193));
    expect((await c.ask(NfsProc.Write, args, new AttrResultView())).accept).toBe(4);
  });

  it.each([
    ["no-space", NfsStat.NoSpc, "the disk is full"],
    ["over-quota", NfsStat.Dquot, "its part of the disk is full"],
    ["io", NfsStat.Io, "the disk does not work"],
    ["too-large", NfsStat.Fbig, undefined],
    ["read-only", NfsStat.Rofs, undefined],
  ] as const)("passes on %s, and tells the operator once", async (refusal, code, words) => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    c.tree.refusal = refusal;
    expect(await c.write(fh, 0, pattern(10))).toBe(code);
    expect(await c.write(fh, 0, pattern(10))).toBe(code);
    const told = c.rack.journal.entries().map((e) => e.decision);
    expect(told).toEqual(words === undefined ? [] : [words]);
  });
});

describe("SETATTR", () => {
  it("sets what is given and leaves the rest", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f", { mode: 0o600 });
    const first = await c.setattr(fh, { mode: 0o100640, uid: 5 });
    expect(first.attributes.mode).toBe(0o100640);
    const a = (await c.setattr(fh, { gid: 6 })).attributes;
    expect([a.mode, a.uid, a.gid]).toEqual([0o100640, 5, 6]);
    expect(c.tree.done).toEqual(["create", "change", "change"]);
  });

  it("cuts and lengthens", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f");
    await c.write(fh, 0, pattern(10));
    expect((await c.setattr(fh, { size: 4 })).attributes.size).toBe(4);
    expect((await c.setattr(fh, { size: 6 })).attributes.size).toBe(6);
    const want = [...pattern(10).subarray(0, 4), 0, 0];
    expect([...((await c.read(fh, 0, 10)).data ?? [])]).toEqual(want);
  });

  it("sets times to the microsecond", async () => {
    const c = await NfsClient.open();
    const atime = { seconds: 1_000, useconds: 250_000 };
    const { attributes } = await c.setattr(c.root, { atime, mtime: { seconds: 5, useconds: 0 } });
    expect([attributes.atimeSeconds, attributes.atimeUseconds]).toEqual([1_000, 250_000]);
    expect([attributes.mtimeSeconds, attributes.mtimeUseconds]).toEqual([5, 0]);
  });

  it("takes 1000000 microseconds for our own time, in mtime for both", async () => {
    const c = await NfsClient.open();
    const before = Math.floor(Date.now() / 1_000);
    const { attributes } = await c.setattr(c.root, { mtime: NOW });
    expect(attributes.mtimeSeconds).toBeGreaterThanOrEqual(before);
    expect(attributes.atimeSeconds).toBeGreaterThanOrEqual(before);
  });

  it("of nothing says the attributes", async () => {
    const c = await NfsClient.open();
    expect((await c.setattr(c.root, {})).status).toBe(0);
    expect(c.tree.done).toEqual([]);
  });

  it("has no size for what is no file", async () => {
    const c = await NfsClient.open();
    await c.symlink(c.root, "l", "x");
    expect((await c.setattr(c.root, { size: 0 })).status).toBe(NfsStat.IsDir);
    const { fh } = await c.lookup(c.root, "l");
    expect((await c.setattr(fh, { size: 0 })).status).toBe(NfsStat.Inval);
  });

  it("cut short is garbage, and changes nothing", async () => {
    const c = await NfsClient.open();
    for (let len = 0; len < 64; len += 4) {
      const view = new AttrResultView();
      const { accept } = await c.ask(
        NfsProc.Setattr,
        (o, at) => Math.min(len, emitSetattrArgs(c.root, { mode: 0 }, o, at)),
        view,
      );
      expect(accept, `${len} octets`).toBe(4);
    }
    expect(c.tree.done).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { ALICE, BOB, NfsClient, ROOT_USER } from "../../../../support/nfs-client.ts";
import { pattern } from "../../../../support/test-site.ts";

const alice = { unix: ALICE };
const bob = { unix: BOB };
const root = { unix: ROOT_USER };
const group = { unix: { ...BOB, uid: 5, groups: [1, 2, ALICE.gid] } };
const nobody = {};
const DATA = pattern(4);

/** A file of Alice's in the root, which everybody may write into. */
async function file(mode: number, rules = {}) {
  const c = await NfsClient.open(rules);
  await c.tree.change(c.tree.root, { mode: 0o777 });
  const { fh } = await c.create(c.root, "f", { mode }, alice);
  return { c, fh };
}

describe("modes", () => {
  it("new files belong to who made them", async () => {
    const { c, fh } = await file(0o640);
    const a = (await c.getattr(fh)).attributes;
    expect([a.uid, a.gid]).toEqual([1_000, 100]);
  });

  it.each([
    [0o600, group, NfsStat.Acces, NfsStat.Acces],
    [0o640, group, 0, NfsStat.Acces],
    [0o660, group, 0, 0],
    [0o660, bob, NfsStat.Acces, NfsStat.Acces],
    [0o604, bob, 0, NfsStat.Acces],
    [0o604, nobody, 0, NfsStat.Acces],
    [0o606, bob, 0, 0],
    [0o611, bob, 0, NfsStat.Acces],
    [0o000, alice, 0, 0],
    [0o000, root, 0, 0],
  ])("of %o are asked at READ and WRITE", async (mode, from, read, write) => {
    const { c, fh } = await file(mode);
    expect((await c.read(fh, 0, 10, from)).status).toBe(read);
    expect(await c.write(fh, 0, DATA, from)).toBe(write);
    expect((await c.setattr(fh, { size: 1 }, from)).status).toBe(write);
  });

  it("the group's bits are for the group even where the others have more", async () => {
    const { c, fh } = await file(0o604);
    expect((await c.read(fh, 0, 10, group)).status).toBe(NfsStat.Acces);
  });

  it("a directory is searched by x, listed by r, changed by w and x", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.mkdir(c.root, "d", { mode: 0o700 });
    await c.create(fh, "f");
    const all = async () => [
      (await c.lookup(fh, "f", bob)).status,
      (await c.lookup(fh, "..", bob)).status,
      (await c.readdir(fh, 0, 512, bob)).status,
      (await c.create(fh, "new", {}, bob)).status,
      await c.remove(fh, "f", bob),
    ];
    const no = NfsStat.Acces;
    expect(await all()).toEqual([no, no, no, no, no]);
    await c.setattr(fh, { mode: 0o701 });
    expect(await all()).toEqual([0, 0, no, no, no]);
    await c.setattr(fh, { mode: 0o704 });
    expect(await all()).toEqual([no, no, 0, no, no]);
    await c.setattr(fh, { mode: 0o702 });
    expect(await all()).toEqual([no, no, no, no, no]);
    await c.setattr(fh, { mode: 0o703 });
    expect(await all()).toEqual([0, 0, no, 0, 0]);
  });

  it("every procedure that makes or removes names asks the directory", async () => {
    const { c, fh } = await file(0o666);
    await c.mkdir(c.root, "d", { mode: 0o755 });
    const d = (await c.lookup(c.root, "d")).fh;
    await c.create(d, "x");
    await c.mkdir(d, "y");
    const no = NfsStat.Acces;
    expect((await c.mkdir(d, "n", {}, bob)).status).toBe(no);
    expect(await c.symlink(d, "n", "x", bob)).toBe(no);
    expect(await c.link(fh, d, "n", bob)).toBe(no);
    expect(await c.rename([d, "x"], [c.root, "n"], bob)).toBe(no);
    expect(await c.rename([c.root, "f"], [d, "n"], bob)).toBe(no);
    expect(await c.rmdir(d, "y", bob)).toBe(no);
    // A file that is there is taken, whoever may make new ones.
    expect((await c.create(d, "x", {}, bob)).status).toBe(0);
    expect((await c.create(d, "x", { size: 0 }, bob)).status).toBe(no);
  });

  it("in a sticky directory only owners take names away", async () => {
    const { c } = await file(0o666);
    await c.setattr(c.root, { mode: 0o1777 });
    await c.create(c.root, "b", {}, bob);
    expect(await c.remove(c.root, "f", bob)).toBe(NfsStat.Perm);
    expect(await c.rename([c.root, "f"], [c.root, "g"], bob)).toBe(NfsStat.Perm);
    expect(await c.rename([c.root, "b"], [c.root, "f"], bob)).toBe(NfsStat.Perm);
    expect(await c.rename([c.root, "b"], [c.root, "g"], bob)).toBe(0);
    expect(await c.remove(c.root, "f", alice)).toBe(0);
    expect(await c.remove(c.root, "g", root)).toBe(0);
  });
});

describe("SETATTR", () => {
  it("is for the owner and root", async () => {
    const { c, fh } = await file(0o666);
    const time = { seconds: 1, useconds: 0 };
    for (const sattr of [{ mode: 0o600 }, { atime: time }, { mtime: time }, { gid: BOB.gid }]) {
      expect((await c.setattr(fh, sattr, bob)).status).toBe(NfsStat.Perm);
    }
    expect((await c.setattr(fh, { mode: 0o604, mtime: time }, alice)).status).toBe(0);
  });

  it("to our own time is for who may write", async () => {
    const { c, fh } = await file(0o666);
    const now = { seconds: 0, useconds: 1_000_000 };
    expect((await c.setattr(fh, { atime: now, mtime: now }, bob)).status).toBe(0);
    await c.setattr(fh, { mode: 0o644 });
    expect((await c.setattr(fh, { atime: now, mtime: now }, bob)).status).toBe(NfsStat.Perm);
  });

  it("gives files away for root only, and to groups of the owner", async () => {
    const { c, fh } = await file(0o6755);
    expect((await c.setattr(fh, { uid: 7 }, alice)).status).toBe(NfsStat.Perm);
    expect((await c.setattr(fh, { uid: ALICE.uid }, alice)).status).toBe(0);
    expect((await c.setattr(fh, { gid: 9 }, alice)).status).toBe(NfsStat.Perm);
    const { attributes } = await c.setattr(fh, { gid: 7 }, alice);
    expect([attributes.gid, attributes.mode & 0o7777]).toEqual([7, 0o755]);
    expect((await c.setattr(fh, { uid: 7, gid: 9 }, root)).attributes.uid).toBe(7);
  });

  it("gives no set-group-id bit of a group that is not the owner's", async () => {
    const { c, fh } = await file(0o755);
    await c.setattr(fh, { gid: 9 }, root);
    expect((await c.setattr(fh, { mode: 0o2755 }, alice)).attributes.mode & 0o7777).toBe(0o755);
  });
});

describe("rules of an export", () => {
  it("squash root, and root's group", async () => {
    const { c, fh } = await file(0o600, { rootSquash: true });
    expect((await c.read(fh, 0, 10, root)).status).toBe(NfsStat.Acces);
    expect((await c.setattr(fh, { mode: 0o666 }, root)).status).toBe(NfsStat.Perm);
  });

  it("a squashed root makes files of nobody's, and uses no group 0", async () => {
    const c = await NfsClient.open({ rootSquash: true });
    // The root of the tree is of root: nobody may write there until a test opens it.
    expect((await c.create(c.root, "f", {}, root)).status).toBe(NfsStat.Acces);
    await c.tree.change(c.tree.root, { mode: 0o777 });
    const { attributes } = await c.create(c.root, "f", { uid: 0, gid: 0 }, root);
    expect([attributes.uid, attributes.gid]).toEqual([65_534, 65_534]);
    await c.tree.change(c.tree.root, { mode: 0o770 });
    for (const unix of [
      { ...BOB, gid: 0 },
      { ...BOB, groups: [0] },
    ]) {
      expect((await c.lookup(c.root, "f", { unix })).status).toBe(NfsStat.Acces);
    }
  });

  it("refuse unprivileged ports, and tell so once in a while", async () => {
    const c = await NfsClient.open({ privilegedPorts: true });
    const high = { unix: ROOT_USER, srcPort: 1_024 };
    expect((await c.getattr(c.root, high)).status).toBe(NfsStat.Acces);
    expect((await c.getattr(c.root, high)).status).toBe(NfsStat.Acces);
    expect((await c.getattr(c.root)).status).toBe(0);
    expect(c.rack.journal.entries()).toMatchObject([
      { protocol: "nfs", machine: "v100", outcome: "refused", event: "a call from port 1024" },
    ]);
    expect(c.rack.context.counters.get("nfs", "unprivileged-port")).toBe(2);
    c.rack.clock.advance(60_000);
    await c.getattr(c.root, high);
    expect(c.rack.journal.entries()).toHaveLength(2);
  });
});

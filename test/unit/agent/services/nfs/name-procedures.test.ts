import { describe, expect, it } from "vitest";
import { NfsFtype, NfsMode, NfsStat } from "../../../../../protocols/nfs/constants.ts";
import { NfsClient } from "../../../../support/nfs-client.ts";
import { pattern } from "../../../../support/test-site.ts";

describe("CREATE", () => {
  it("makes a file that LOOKUP finds", async () => {
    const c = await NfsClient.open();
    const made = await c.create(c.root, "f", { mode: 0o100640 });
    expect([made.status, made.attributes.mode, made.attributes.size]).toEqual([0, 0o100640, 0]);
    expect((await c.lookup(c.root, "f")).fh).toEqual(made.fh);
  });

  it("takes a file that is there, and cuts it only when it is told a size", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "f", { mode: 0o644 });
    await c.write(fh, 0, pattern(10));
    const kept = await c.create(c.root, "f", { mode: 0o600 });
    expect([kept.status, kept.attributes.size, kept.attributes.mode]).toEqual([0, 10, 0o100644]);
    expect(kept.fh).toEqual(fh);
    expect((await c.create(c.root, "f", { size: 0 })).attributes.size).toBe(0);
  });

  it("says EXIST of what is no file", async () => {
    const c = await NfsClient.open();
    await c.mkdir(c.root, "d");
    await c.symlink(c.root, "l", "x");
    expect((await c.create(c.root, "d")).status).toBe(NfsStat.Exist);
    expect((await c.create(c.root, "l")).status).toBe(NfsStat.Exist);
  });

  it("takes what another call has made meanwhile", async () => {
    const c = await NfsClient.open();
    c.tree.slow = true;
    const [a, b] = await Promise.all([c.create(c.root, "f"), c.create(c.root, "f")]);
    expect([a.status, b.status]).toEqual([0, 0]);
    expect(a.fh).toEqual(b.fh);
  });

  it.each([NfsMode.Chr, NfsMode.Blk, NfsMode.Fifo, NfsMode.Sock])(
    "makes nothing of type %o",
    async (type) => {
      const c = await NfsClient.open();
      expect((await c.create(c.root, "x", { mode: type | 0o600 })).status).toBe(NfsStat.Perm);
      expect((await c.lookup(c.root, "x")).status).toBe(NfsStat.NoEnt);
    },
  );

  it("of a size that there is no room for is refused", async () => {
    const c = await NfsClient.open();
    expect((await c.create(c.root, "f", { size: 600_000 })).status).toBe(NfsStat.Dquot);
  });
});

describe("MKDIR and RMDIR", () => {
  it("make and remove a directory", async () => {
    const c = await NfsClient.open();
    const { status, fh, attributes } = await c.mkdir(c.root, "d", { mode: 0o40750 });
    expect([status, attributes.type, attributes.mode]).toEqual([0, NfsFtype.Dir, 0o40750]);
    expect((await c.lookup(fh, "..")).fh).toEqual(c.root);
    expect((await c.mkdir(c.root, "d")).status).toBe(NfsStat.Exist);
    await c.create(fh, "f");
    expect(await c.rmdir(c.root, "d")).toBe(NfsStat.NotEmpty);
    await c.remove(fh, "f");
    expect(await c.rmdir(c.root, "d")).toBe(0);
    expect((await c.getattr(fh)).status).toBe(NfsStat.Stale);
  });

  it("a directory in one with the set-group-id bit has its group and the bit", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.mkdir(c.root, "d", { mode: 0o2775, gid: 55 });
    const { attributes } = await c.mkdir(fh, "e", { mode: 0o755 });
    expect([attributes.mode & 0o7777, attributes.gid]).toEqual([0o2755, 55]);
    expect((await c.create(fh, "f", { mode: 0o644 })).attributes.gid).toBe(55);
  });
});

describe("REMOVE", () => {
  it("removes files and links, not directories", async () => {
    const c = await NfsClient.open();
    await c.create(c.root, "f");
    await c.symlink(c.root, "l", "f");
    await c.mkdir(c.root, "d");
    expect(await c.remove(c.root, "f")).toBe(0);
    expect(await c.remove(c.root, "l")).toBe(0);
    expect(await c.remove(c.root, "f")).toBe(NfsStat.NoEnt);
    expect(await c.remove(c.root, "d")).toBe(NfsStat.IsDir);
    expect(await c.rmdir(c.root, "f")).toBe(NfsStat.NoEnt);
  });
});

describe("RENAME", () => {
  it("moves over a file, and into another directory", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "a");
    await c.create(c.root, "b");
    const d = await c.mkdir(c.root, "d");
    expect(await c.rename([c.root, "a"], [c.root, "b"])).toBe(0);
    expect((await c.lookup(c.root, "b")).fh).toEqual(fh);
    expect(await c.rename([c.root, "b"], [d.fh, "c"])).toBe(0);
    expect((await c.lookup(d.fh, "c")).fh).toEqual(fh);
    expect(await c.rename([c.root, "b"], [d.fh, "c"])).toBe(NfsStat.NoEnt);
  });

  it("moves no directory into itself", async () => {
    const c = await NfsClient.open();
    const d = await c.mkdir(c.root, "d");
    expect(await c.rename([c.root, "d"], [d.fh, "e"])).toBe(NfsStat.Perm);
  });
});

describe("LINK and SYMLINK", () => {
  it("give a file another name", async () => {
    const c = await NfsClient.open();
    const { fh } = await c.create(c.root, "a");
    expect(await c.link(fh, c.root, "b")).toBe(0);
    expect((await c.lookup(c.root, "b")).fh).toEqual(fh);
    expect((await c.getattr(fh)).attributes.nlink).toBe(2);
    expect(await c.link(fh, c.root, "b")).toBe(NfsStat.Exist);
    expect(await c.link(c.root, c.root, "c")).toBe(NfsStat.IsDir);
  });

  it("make a link of any text but none", async () => {
    const c = await NfsClient.open();
    expect(await c.symlink(c.root, "l", "../../é/x")).toBe(0);
    const { attributes } = await c.lookup(c.root, "l");
    expect([attributes.type, attributes.mode]).toEqual([NfsFtype.Lnk, 0o120777]);
    expect(await c.symlink(c.root, "l", "x")).toBe(NfsStat.Exist);
    expect(await c.symlink(c.root, "m", "")).toBe(NfsStat.Inval);
    expect(await c.symlink(c.root, "m", "a\0b")).toBe(NfsStat.Inval);
  });
});

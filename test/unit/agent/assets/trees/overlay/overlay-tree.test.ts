import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { TextContent } from "../../../../../../agent/assets/text-content.ts";
import { AssetTree } from "../../../../../../agent/assets/trees/asset-tree.ts";
import { DirectoryTree } from "../../../../../../agent/assets/trees/directory-tree.ts";
import { FakeSlot } from "../../../../../support/fake-slots.ts";
import { ok, overlay } from "./fixture.ts";

const FILES = { "etc/rc": "rc", "etc/hosts": "hosts", "bin/sh": "sh", motd: "hello" };

describe("OverlayTree, of names", () => {
  it("shows what the lower tree has, by the lower tree's numbers", async () => {
    const o = await overlay(FILES);
    const lower = await DirectoryTree.open(o.lowerDir, o.chunks);
    const etc = await ok(lower.lookup(lower.root, "etc"));
    expect(await o.list()).toEqual(["bin", "etc", "motd"]);
    expect(await o.id("etc/rc")).toBe(await ok(lower.lookup(etc, "rc")));
    expect(await o.text("etc/rc")).toBe("rc");
    expect(o.tree.parent(await o.id("etc/rc"))).toBe(await o.id("etc"));
    expect(o.tree.parent(await o.id("etc"))).toBe(o.tree.root);
  });

  it("makes files that the lower directory never sees", async () => {
    const o = await overlay(FILES);
    await o.put("etc/new", "mine");
    expect(await o.text("etc/new")).toBe("mine");
    expect(await o.list("etc")).toEqual(["hosts", "new", "rc"]);
    expect(readdirSync(path.join(o.lowerDir, "etc"))).toEqual(["hosts", "rc"]);
    expect(await o.files.create("etc/rc", 0o600)).toBe("exists");
  });

  it("never calls a file by a name that a client gave", async () => {
    const o = await overlay();
    await o.put("evil", "x");
    const dir = o.overlays.filesOf("sun1/sun", 1);
    for (const name of readdirSync(dir)) expect(name).toMatch(/^[0-9a-f]{8}$/);
  });

  it("hides what was removed, and its handle is stale", async () => {
    const o = await overlay(FILES);
    const rc = await o.id("etc/rc");
    await ok(o.files.remove("etc/rc"));
    expect(await o.files.stat("etc/rc")).toBe("no-entry");
    expect(await o.list("etc")).toEqual(["hosts"]);
    expect(await o.tree.attributes(rc)).toBe("stale");
    expect(await o.tree.writable.write(rc, 0, Buffer.from("x"))).toBe("stale");
    expect(readFileSync(path.join(o.lowerDir, "etc/rc"), "utf8")).toBe("rc");
  });

  it("gives a name that was removed to a file of another number", async () => {
    const o = await overlay(FILES);
    const before = await o.id("motd");
    await ok(o.files.remove("motd"));
    await o.put("motd", "other");
    expect(await o.id("motd")).not.toBe(before);
    expect(await o.text("motd")).toBe("other");
    await ok(o.files.remove("motd"));
    expect(await o.files.stat("motd")).toBe("no-entry");
  });

  it("takes a directory for empty whose lower names are all removed", async () => {
    const o = await overlay(FILES);
    expect(await o.files.rmdir("etc")).toBe("not-empty");
    await ok(o.files.remove("etc/rc"));
    await ok(o.files.remove("etc/hosts"));
    await ok(o.files.rmdir("etc"));
    expect(await o.list()).toEqual(["bin", "motd"]);
  });

  it("makes a directory anew that has nothing of the one before", async () => {
    const o = await overlay(FILES);
    await ok(o.files.remove("bin/sh"));
    await ok(o.files.rmdir("bin"));
    await ok(o.files.mkdir("bin", 0o755));
    writeFileSync(path.join(o.lowerDir, "bin/late"), "late");
    expect(await o.list("bin")).toEqual([]);
    await o.reopen();
    expect(await o.list("bin")).toEqual([]);
  });

  it("renames a directory of the lower tree with all that is in it", async () => {
    const o = await overlay({ "a/b/c": "deep", "a/x": "x" });
    await o.put("a/b/own", "own");
    const deep = await o.id("a/b/c");
    await ok(o.files.rename("a", "z"));
    expect(await o.list()).toEqual(["z"]);
    expect(await o.list("z/b")).toEqual(["c", "own"]);
    expect(await o.id("z/b/c")).toBe(deep);
    expect(await o.text("z/b/own")).toBe("own");
    await o.put("z/b/more", "more");
    await o.reopen();
    expect(await o.list("z/b")).toEqual(["c", "more", "own"]);
  });

  it("does not move a directory into itself", async () => {
    const o = await overlay({ "a/b/c": "deep" });
    expect(await o.files.rename("a", "a/b/z")).toBe("not-permitted");
    expect(await o.files.rename("a/b", "a")).toBe("not-empty");
    expect(await o.list("a/b")).toEqual(["c"]);
  });

  it("replaces a file, and an empty directory, by a rename", async () => {
    const o = await overlay(FILES);
    const rc = await o.id("etc/rc");
    const hosts = await o.id("etc/hosts");
    await ok(o.files.rename("etc/rc", "etc/hosts"));
    expect(await o.id("etc/hosts")).toBe(rc);
    expect(await o.tree.attributes(hosts)).toBe("stale");
    await ok(o.files.mkdir("one", 0o700));
    await ok(o.files.mkdir("two", 0o700));
    await ok(o.files.rename("one", "two"));
    expect(await o.list()).toEqual(["bin", "etc", "motd", "two"]);
    expect(await o.files.rename("two", "motd")).toBe("not-a-directory");
    expect(await o.files.rename("motd", "two")).toBe("is-a-directory");
  });

  it("links files of the layer and of the lower tree", async () => {
    const o = await overlay(FILES);
    await ok(o.files.link("motd", "etc/motd"));
    await ok(o.files.write("etc/motd", 0, Buffer.from("HE")));
    expect(await o.text("motd")).toBe("HEllo");
    expect(await o.id("motd")).toBe(await o.id("etc/motd"));
    expect((await ok(o.files.stat("motd"))).nlink).toBe(2);
    await ok(o.files.remove("motd"));
    expect((await ok(o.files.stat("etc/motd"))).nlink).toBe(1);
    expect(await o.text("etc/motd")).toBe("HEllo");
    expect(await o.files.link("etc", "etc2")).toBe("not-permitted");
  });

  it("keeps two names of a lower file one file when it is written to", async () => {
    const o = await overlay({ one: "text" });
    linkSync(path.join(o.lowerDir, "one"), path.join(o.lowerDir, "two"));
    await ok(o.files.write("one", 0, Buffer.from("T")));
    expect(await o.text("two")).toBe("Text");
    await ok(o.files.remove("one"));
    expect((await ok(o.files.stat("two"))).nlink).toBe(1);
    await o.reopen();
    expect(await o.text("two")).toBe("Text");
  });

  it("keeps symbolic links as they are", async () => {
    const o = await overlay();
    symlinkSync("../etc", path.join(o.lowerDir, "old"));
    await ok(o.files.symlink("new", "/dev/ä"));
    expect(await o.files.readlink("new")).toEqual({ target: "/dev/ä" });
    expect((await ok(o.files.stat("new"))).size).toBe(7);
    await ok(o.files.rename("old", "older"));
    expect(await o.files.readlink("older")).toEqual({ target: "../etc" });
    expect(await o.files.readlink("nothing")).toBe("no-entry");
  });

  it("counts subdirectories as links, those of the lower tree too", async () => {
    const o = await overlay({ "a/b/c": "deep" });
    const nlink = async (): Promise<number> => (await ok(o.files.stat("a"))).nlink;
    expect(await nlink()).toBe(3);
    await ok(o.files.mkdir("a/d", 0o755));
    expect(await nlink()).toBe(4);
    await ok(o.files.rename("a/b", "b"));
    expect(await nlink()).toBe(3);
    await ok(o.files.rmdir("a/d"));
    expect(await nlink()).toBe(2);
  });

  it("dates a directory when a name in it changes", async () => {
    const o = await overlay(FILES);
    utimesSync(path.join(o.lowerDir, "etc"), 1_000, 1_000);
    const etc = await o.id("etc");
    expect((await ok(o.tree.attributes(etc))).mtimeMs).toBe(1_000_000);
    const before = Date.now();
    await ok(o.files.remove("etc/rc"));
    const { mtimeMs, ctimeMs } = await ok(o.tree.attributes(etc));
    expect(mtimeMs).toBeGreaterThanOrEqual(before);
    expect(ctimeMs).toBe(mtimeMs);
  });

  it("refuses names that are none", async () => {
    const o = await overlay();
    const place = (name: string) => ({ directory: o.tree.root, name });
    for (const name of ["", ".", "..", "a/b", "a\0b"]) {
      expect(await o.tree.writable.create(place(name), {})).toBe("not-permitted");
    }
    expect(await o.tree.writable.create(place("ä".repeat(128)), {})).toBe("name-too-long");
    expect(await o.tree.writable.create({ directory: 4_711, name: "a" }, {})).toBe("stale");
  });

  it("lets one of many win who make the same name at once", async () => {
    const o = await overlay(FILES);
    const place = { directory: await o.id("etc"), name: "lock" };
    const results = await Promise.all(
      Array.from({ length: 20 }, () => o.tree.writable.create(place, {})),
    );
    expect(results.filter((result) => result === "exists")).toHaveLength(19);
  });
});

describe("OverlayTree, when the lower tree changes underneath", () => {
  it("shows what is new there, and keeps what the layer changed", async () => {
    const o = await overlay(FILES);
    await ok(o.files.write("etc/rc", 0, Buffer.from("RC")));
    await ok(o.files.remove("motd"));
    rmSync(path.join(o.lowerDir, "etc/rc"));
    for (const name of ["etc/rc", "etc/late", "motd"]) {
      writeFileSync(path.join(o.lowerDir, name), "late");
    }
    expect(await o.text("etc/rc")).toBe("RC");
    expect(await o.text("etc/late")).toBe("late");
    expect(await o.files.stat("motd")).toBe("no-entry");
    await o.reopen();
    expect(await o.text("etc/rc")).toBe("RC");
  });

  it("keeps what is in a directory that is gone, or another one", async () => {
    const o = await overlay(FILES);
    await o.put("etc/own", "own");
    rmSync(path.join(o.lowerDir, "etc"), { recursive: true });
    expect(await o.list("etc")).toEqual(["own"]);
    expect(await o.text("etc/own")).toBe("own");
    // It is given the number that the first one had.
    mkdirSync(path.join(o.lowerDir, "between"));
    mkdirSync(path.join(o.lowerDir, "etc"));
    writeFileSync(path.join(o.lowerDir, "etc/new"), "new");
    await o.reopen();
    expect(await o.list("etc")).toEqual(["new", "own"]);
    expect(await o.text("etc/new")).toBe("new");
  });

  it("keeps its own version of an asset when there is a newer one", async () => {
    const rc = new FakeSlot("rc", new TextContent("rc", "first", 1_000));
    const hosts = new FakeSlot("hosts", new TextContent("hosts", "first", 1_000));
    const lower = new AssetTree(
      "sun",
      new Map([
        ["etc/rc", rc],
        ["etc/hosts", hosts],
      ]),
    );
    const o = await overlay({}, lower);
    await ok(o.files.write("etc/rc", 0, Buffer.from("FI")));
    expect(await o.text("etc/hosts")).toBe("first");
    rc.become(new TextContent("rc", "second", 2_000));
    hosts.become(new TextContent("hosts", "second", 2_000));
    expect(await o.text("etc/rc")).toBe("FIrst");
    expect(await o.text("etc/hosts")).toBe("second");
    expect(await o.list("etc")).toEqual(["hosts", "rc"]);
  });
});

describe("OverlayTree, of files", () => {
  it("copies a lower file at its first write, keeping its number and what it is", async () => {
    const o = await overlay({ big: new Uint8Array(300_000).fill(7) });
    const file = path.join(o.lowerDir, "big");
    const before = lstatSync(file);
    const id = await o.id("big");
    await ok(o.files.write("big", 100_000, Buffer.from("abc")));
    expect(await o.id("big")).toBe(id);
    const stat = await ok(o.tree.attributes(id));
    expect([stat.size, stat.mode, stat.uid]).toEqual([300_000, before.mode & 0o7777, before.uid]);
    const octets = await ok(o.files.read("big", 99_999, 5));
    expect([...octets]).toEqual([7, 97, 98, 99, 7]);
    expect(readFileSync(file)[100_000]).toBe(7);
  });

  it("changes mode, owner and times without copying the octets", async () => {
    const o = await overlay({ big: new Uint8Array(300_000).fill(7) });
    const id = await o.id("big");
    const change = { mode: 0o600, uid: 5, gid: 6, atimeMs: 1_000, mtimeMs: 2_000 };
    await ok(o.tree.writable.change(id, change));
    await o.reopen();
    expect(await o.tree.attributes(id)).toMatchObject({ ...change, size: 300_000 });
    expect(o.tree.writable.space().free).toBeGreaterThan(o.quota - 10_000);
    expect((await ok(o.files.read("big", 0, 10))).length).toBe(10);
    await ok(o.files.write("big", 0, Buffer.from("x")));
    const { atimeMs, mode, uid } = await ok(o.tree.attributes(id));
    expect([atimeMs, mode, uid]).toEqual([1_000, 0o600, 5]);
  });

  it("cuts off and lengthens, with zeros", async () => {
    const o = await overlay({ text: "abcdef" });
    await ok(o.files.truncate("text", 3));
    await ok(o.files.truncate("text", 6));
    expect(await o.text("text")).toBe("abc\0\0\0");
    await ok(o.files.truncate("text", 0));
    expect(await o.text("text")).toBe("");
    expect(await o.files.truncate("", 0)).toBe("is-a-directory");
  });

  it("has a swap file of a gigabyte that costs no disk", async () => {
    const o = await overlay();
    await ok(o.files.create("swap", 0o600));
    await ok(o.files.write("swap", 2 ** 30 - 1, Buffer.from([1])));
    expect((await ok(o.files.stat("swap"))).size).toBe(2 ** 30);
    expect(o.tree.writable.space().free).toBeGreaterThan(1e9 - 50_000);
    expect([...(await ok(o.files.read("swap", 2 ** 30 - 2, 9)))]).toEqual([0, 1]);
  });

  it("reads what was written, however often both happen at once", async () => {
    const o = await overlay();
    await o.put("log", "");
    const id = await o.id("log");
    const line = Buffer.alloc(1_000, "x");
    for (let i = 0; i < 20; i++) {
      const [, before] = await Promise.all([
        ok(o.tree.writable.write(id, i * 1_000, line)),
        ok(o.files.read("log", 0, 100_000)),
      ]);
      expect(before.length).toBeGreaterThanOrEqual(i * 1_000);
      expect((await ok(o.files.read("log", 0, 100_000))).length).toBe((i + 1) * 1_000);
    }
  });

  it("goes on reading a file that is cut off meanwhile", async () => {
    const o = await overlay();
    await o.put("text", "x".repeat(20_000));
    const content = await ok(o.tree.content(await o.id("text")));
    await ok(o.files.truncate("text", 10));
    const octets = await content.load(1);
    expect(octets.length).toBe(8_192);
    expect(content.peek(1)).toBeDefined();
    expect(octets.every((octet) => octet === 0)).toBe(true);
  });

  it("has numbers of its own for lower nodes whose numbers it would give itself", async () => {
    const o = await overlay();
    const lower = await DirectoryTree.open(o.lowerDir, o.chunks);
    const file = 0xf000_0000;
    const facts = { ...(await ok(lower.attributes(lower.root))), nlink: 1, size: 3 };
    o.lower = {
      fsid: 1,
      root: 0xf000_0001,
      writable: undefined,
      attributes: (id) =>
        id === file ? { ...facts, kind: "file" } : { ...facts, kind: "directory" },
      lookup: (_, name) => (name === "high" ? file : "no-entry"),
      readlink: () => "not-a-symlink",
      list: () => [{ name: "high", fileid: file }],
      parent: () => 0xf000_0001,
      content: () => new TextContent("high", "abc", 0),
      waitsFor: () => undefined,
    };
    await o.open();
    const id = await o.id("high");
    expect(await ok(o.tree.list(o.tree.root))).toEqual([{ name: "high", fileid: id }]);
    expect(o.tree.parent(id)).toBe(o.tree.root);
    await o.put("own", "own");
    expect(await o.id("own")).not.toBe(id);
    await o.reopen();
    expect(await o.id("high")).toBe(id);
    expect(await o.text("high")).toBe("abc");
    await ok(o.files.write("high", 0, Buffer.from("A")));
    expect(await o.text("high")).toBe("Abc");
    await ok(o.files.remove("high"));
    expect(await o.list()).toEqual(["own"]);
  });
});

import { describe, expect, it } from "vitest";
import { gather } from "../../../../../../agent/assets/content.ts";
import { borrowRange, type Loan } from "../../../../../../agent/assets/loan.ts";
import { ImageTree } from "../../../../../../agent/assets/trees/image/image-tree.ts";
import { AgentError } from "../../../../../../agent/errors.ts";
import { ChunkedContent, tar } from "../../../../../support/archive-octets.ts";
import { FakeSlot } from "../../../../../support/fake-slots.ts";
import { contentOf, find, namesIn, textAt, textOf, treeOf } from "./walk.ts";

const OLD = new ChunkedContent(tar({ name: "etc/rc", text: "old" }), "a".repeat(64));
const NEW = new ChunkedContent(
  tar({ name: "etc/rc", text: "new" }, { name: "etc/motd", text: "hello" }),
  "b".repeat(64),
);
const LARGE = tar(
  { name: "first", text: "1".repeat(700) },
  { name: "large", text: Array.from({ length: 3_000 }, (_, i) => i % 10).join("") },
  { name: "empty" },
);

describe("ImageTree", () => {
  it("has the same numbers after a restart", async () => {
    const before = new ImageTree(new FakeSlot("root", OLD));
    const after = new ImageTree(new FakeSlot("root", OLD));
    const rc = await find(before, "etc/rc");
    expect(after.fsid).toBe(before.fsid);
    // A client that was here before us asks by number, and has looked nothing up.
    expect(await after.attributes(rc)).toMatchObject({ kind: "file", size: 3 });
    expect(await find(after, "etc/rc")).toBe(rc);
    expect(after.parent(rc)).toBe(await find(after, "etc"));
    expect(after.parent(await find(after, ""))).toBe(await find(after, ""));
    expect(rc).toBeLessThan(2 ** 31);
  });

  it("leads to the newest version, and goes on serving the one before", async () => {
    const slot = new FakeSlot("root", OLD);
    const tree = new ImageTree(slot);
    const top = await find(tree, "");
    slot.become(NEW);
    expect(await textOf(tree, "etc/rc")).toBe("new");
    expect(await find(tree, "")).not.toBe(top);
    const old = await tree.content(await find(tree, "etc/rc", top));
    if (typeof old === "string") throw new Error(old);
    expect(await textAt(old, 0, 3)).toBe("old");
    expect(await namesIn(tree, "etc")).toEqual(["rc", "motd"]);
    expect(tree.list(await find(tree, "etc", top))).toHaveLength(1);
  });

  it("says that an old version is stale when the cache has it no more", async () => {
    const old = new ChunkedContent(tar({ name: "rc", text: "x".repeat(9_000) }), "c".repeat(64));
    const slot = new FakeSlot("root", old);
    const tree = new ImageTree(slot);
    const top = await find(tree, "");
    const rc = await contentOf(tree, "rc");
    slot.become(NEW);
    await find(tree, "");
    old.failure = new AgentError("E_ASSET_DAMAGED", "it is no longer in the cache");
    await expect(textAt(rc, 0, 9_000)).rejects.toThrow("no longer");
    expect(await tree.attributes(top)).toBe("stale");
    expect(await tree.lookup(top, "rc")).toBe("stale");
  });

  it("is not stale because the version that is served cannot be read just now", async () => {
    const content = new ChunkedContent(tar({ name: "rc", text: "x".repeat(9_000) }));
    const tree = new ImageTree(new FakeSlot("root", content));
    const rc = await contentOf(tree, "rc");
    content.failure = new AgentError("E_ASSET_DAMAGED", "it is no longer in the cache");
    await expect(textAt(rc, 0, 9_000)).rejects.toThrow("no longer");
    expect(tree.attributes(await find(tree, "rc"))).toMatchObject({ kind: "file" });
  });

  it("waits for an image that is being fetched, and says so", async () => {
    const slot = new FakeSlot("root", OLD);
    slot.wait("fetching root.tar (1 of 2 MB)");
    const tree = new ImageTree(slot);
    tree.prepare();
    expect(tree.waitsFor()).toBe("fetching root.tar (1 of 2 MB)");
    const top = tree.mountPoint();
    const rc = tree.lookup(tree.root, "etc");
    expect(top).toBeInstanceOf(Promise);
    slot.become(OLD);
    expect(await top).toBe(await find(tree, ""));
    expect(await rc).toBe(await find(tree, "etc"));
    expect(tree.waitsFor()).toBeUndefined();
    // From then on nothing costs a turn of the event loop.
    expect(tree.mountPoint()).toBe(await top);
  });

  it("makes one index however many ask, and only reads what it needs for that", async () => {
    const content = new ChunkedContent(tar({ name: "a", text: "x".repeat(50_000) }, { name: "b" }));
    const tree = new ImageTree(new FakeSlot("root", content));
    await Promise.all([find(tree, "a"), find(tree, "b"), find(tree, "a")]);
    expect(content.reads).toEqual([0, 49, 50]);
    expect(content.cache.loans).toBe(0);
  });

  it("tries again what could not be read, and not what is no image", async () => {
    const content = new ChunkedContent(tar({ name: "a", text: "a" }));
    content.failure = new AgentError("E_ASSET_READ", "the disk is gone");
    const slot = new FakeSlot("root", content);
    const problems: string[] = [];
    const tree = new ImageTree(slot, { problem: ({ code }) => problems.push(code) });
    expect(await tree.mountPoint()).toBe("io");
    // A handle from before is not stale for that.
    expect(await tree.attributes(0x1234_5678)).toBe("io");
    content.failure = undefined;
    expect(await textOf(tree, "a")).toBe("a");
    expect(await tree.attributes(0x1234_5678)).toBe("stale");
    slot.become(new ChunkedContent(new Uint8Array(600), "d".repeat(64)));
    expect(problems).toEqual(["E_ASSET_READ", "E_ASSET_READ"]);
  });

  it("refuses what cannot be had, and is there when it can", async () => {
    const slot = new FakeSlot("root", new AgentError("E_STORE_MISSING", "no such object"));
    const tree = new ImageTree(slot);
    expect(tree.mountPoint()).toBe("io");
    expect(tree.lookup(tree.root, "etc")).toBe("io");
    slot.become(OLD);
    expect(await textOf(tree, "etc/rc")).toBe("old");
  });

  it("leads nowhere by other names", async () => {
    const { tree } = treeOf(tar({ name: "etc/rc" }));
    for (const name of ["..", ".", "", "constructor", "etc/rc"]) {
      expect(await tree.lookup(await find(tree, ""), name)).toBe("no-entry");
    }
    expect(tree.lookup(await find(tree, "etc/rc"), "x")).toBe("not-a-directory");
    expect(tree.list(await find(tree, "etc/rc"))).toBe("not-a-directory");
    expect(tree.content(await find(tree, "etc"))).toBe("is-a-directory");
    expect(tree.readlink(await find(tree, "etc"))).toBe("not-a-symlink");
  });

  it("lets others have their turn while it reads an image of many files", async () => {
    const entries = Array.from({ length: 30_000 }, (_, i) => ({ name: `d${i % 100}/f${i}` }));
    const { tree } = treeOf(tar(...entries));
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    expect(await namesIn(tree, "d7")).toHaveLength(300);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  }, 30_000);
});

describe("a file of an image", () => {
  it("is lent in the image's own chunks, wherever it begins", async () => {
    const { tree, content } = treeOf(LARGE);
    const large = await contentOf(tree, "large");
    const digits = Array.from({ length: 3_000 }, (_, i) => i % 10).join("");
    for (const [at, len] of [
      [0, 3_000],
      [0, 1],
      [500, 1_024],
      [2_999, 1],
      [1_000, 2_000],
    ] as const) {
      expect(await textAt(large, at, len)).toBe(digits.slice(at, at + len));
      const pieces: Uint8Array[] = [];
      const loans: Loan[] = [];
      expect(borrowRange(large, at, len, pieces, loans)).toBe(-1);
      expect(Buffer.concat(pieces).toString()).toBe(digits.slice(at, at + len));
      expect(loans.map(({ octets }) => octets)).toContain(
        content.peek(Math.floor((512 + 1_024 + 512 + at) / 1_024)),
      );
      for (const loan of loans) loan.giveBack();
    }
    expect(content.cache.loans).toBe(0);
  });

  it("ends where it ends, and not where the image goes on", async () => {
    const { tree } = treeOf(LARGE);
    const large = await contentOf(tree, "large");
    await textAt(large, 2_000, 1_000);
    expect(() => gather(large, 2_999, 2, [])).toThrow("past the end");
    expect(() => borrowRange(large, 3_000, 1, [], [])).toThrow("past the end");
    const empty = await contentOf(tree, "empty");
    expect(empty.size).toBe(0);
    expect(gather(empty, 0, 0, [])).toBe(-1);
  });

  it("counts as the image when it is read", async () => {
    const { tree } = treeOf(LARGE);
    const { etag, name } = await contentOf(tree, "large");
    expect(etag).toMatch(/^a{64}-/);
    expect(name).toBe("/large");
    expect((await contentOf(tree, "first")).etag).not.toBe(etag);
  });
});

import { linkSync, lstatSync, renameSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import { DirectoryTree } from "../../../../../agent/assets/trees/directory-tree.ts";
import { NodeIndex } from "../../../../../agent/assets/trees/node-index.ts";
import { type Database, openDatabase } from "../../../../../agent/state/database.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const open: Database[] = [];

afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});

async function restart(dir: string, before?: NodeIndex, max?: number): Promise<NodeIndex> {
  await before?.close();
  for (const database of open.splice(0)) await database.close();
  const database = openDatabase({ dir: path.join(dir, "db") });
  open.push(database);
  return new NodeIndex(database, max);
}

function treeOf(dir: string, index: NodeIndex): Promise<DirectoryTree> {
  return DirectoryTree.open(path.join(dir, "root"), new ChunkCache(1_000, 0), undefined, index);
}

async function find(tree: DirectoryTree, name: string): Promise<number> {
  let at = tree.root;
  for (const part of name.split("/")) {
    const next = await tree.lookup(at, part);
    if (typeof next === "string") throw new Error(`${name}: ${next}`);
    at = next;
  }
  return at;
}

describe("NodeIndex", () => {
  it("remembers over a restart where nodes were, and forgets what is not there", async () => {
    const dir = tempDir();
    const first = await restart(dir);
    first.note(1, 7, "etc/rc");
    first.note(1, 8, "etc/motd");
    first.note(2, 7, "other");
    const second = await restart(dir, first);
    expect(second.path(1, 7)).toBe("etc/rc");
    expect(second.path(2, 7)).toBe("other");
    second.forget(1, 7);
    second.note(1, 8, "etc/issue");
    expect(second.path(1, 7)).toBeUndefined();
    const third = await restart(dir, second);
    expect(third.path(1, 7)).toBeUndefined();
    expect(third.path(1, 8)).toBe("etc/issue");
  });

  it("has no more nodes than it may, and those it has may change", async () => {
    const dir = tempDir();
    const first = await restart(dir, undefined, 100);
    for (let i = 1; i <= 1_200; i++) first.note(1, i, `f${i}`);
    const second = await restart(dir, first, 100);
    expect(second.path(1, 100)).toBe("f100");
    expect(second.path(1, 101)).toBeUndefined();
    second.note(1, 5, "g5");
    expect((await restart(dir, second)).path(1, 5)).toBe("g5");
  });

  it("holds no more than some while nothing can be written", async () => {
    const dir = tempDir();
    const index = await restart(dir);
    for (let i = 1; i <= 20_000; i++) index.note(1, i, "x");
    expect(index.path(1, 16_384)).toBe("x");
    expect(index.path(1, 16_385)).toBeUndefined();
    await index.close();
  });

  it("is nothing without a database", async () => {
    const index = new NodeIndex();
    index.note(1, 7, "etc/rc");
    index.forget(1, 7);
    expect(index.path(1, 7)).toBeUndefined();
    await index.close();
  });
});

describe("a directory with an index", () => {
  it("finds a handle from before a restart without walking through the rest", async () => {
    const dir = tempDir({ "root/a/b/deep": "x", "root/z/other": "y" });
    const first = await restart(dir);
    const before = await treeOf(dir, first);
    const deep = await find(before, "a/b/deep");
    const after = await treeOf(dir, await restart(dir, first));
    expect(await after.attributes(deep)).toMatchObject({ kind: "file", size: 1 });
    const b = await find(before, "a/b");
    expect(after.parent(deep)).toBe(b);
    // Nobody looked at z: a walk would have come by.
    expect(after.parent(lstatSync(path.join(dir, "root/z")).ino)).toBeUndefined();
  });

  it("searches for what was moved, and remembers where it is now", async () => {
    const dir = tempDir({ "root/a/file": "x", "root/z/other": "y" });
    const first = await restart(dir);
    const before = await treeOf(dir, first);
    const file = await find(before, "a/file");
    renameSync(path.join(dir, "root/a/file"), path.join(dir, "root/z/moved"));
    const second = await restart(dir, first);
    const after = await treeOf(dir, second);
    expect(await after.attributes(file)).toMatchObject({ size: 1 });
    expect(second.path(after.fsid, file)).toBe("z/moved");
  });

  it("forgets what is gone", async () => {
    const dir = tempDir({ "root/a/file": "x" });
    const first = await restart(dir);
    const before = await treeOf(dir, first);
    const file = await find(before, "a/file");
    rmSync(path.join(dir, "root/a"), { recursive: true });
    const second = await restart(dir, first);
    expect(await (await treeOf(dir, second)).attributes(file)).toBe("stale");
    expect(second.path(before.fsid, file)).toBeUndefined();
  });

  it("does not follow a link that took a directory's place", async () => {
    const dir = tempDir({ "root/a/file": "x" });
    const first = await restart(dir);
    const before = await treeOf(dir, first);
    const file = await find(before, "a/file");
    renameSync(path.join(dir, "root/a"), path.join(dir, "outside"));
    symlinkSync(path.join(dir, "outside"), path.join(dir, "root/a"));
    expect(await (await treeOf(dir, await restart(dir, first))).attributes(file)).toBe("stale");
  });

  it("writes one name of a file that has two, however often both are looked up", async () => {
    const dir = tempDir({ "root/a": "x" });
    linkSync(path.join(dir, "root/a"), path.join(dir, "root/b"));
    const index = await restart(dir);
    const tree = await treeOf(dir, index);
    const file = await find(tree, "a");
    await find(tree, "b");
    expect(index.path(tree.fsid, file)).toBe("a");
  });
});

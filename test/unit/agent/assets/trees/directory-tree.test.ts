import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import type { Content } from "../../../../../agent/assets/content.ts";
import { DirectoryTree } from "../../../../../agent/assets/trees/directory-tree.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { pattern } from "../../../../support/test-site.ts";
import { octetsOf } from "../contents.ts";

const BIG = pattern(2_500);

async function open(dir: string): Promise<DirectoryTree> {
  return DirectoryTree.open(dir, new ChunkCache(1_000, 100_000));
}

function folder(): string {
  const dir = tempDir({
    "root/etc/rc": "rc",
    "root/big": BIG,
    "root/a/b/c/deep": "x",
    secret: "s",
  });
  symlinkSync("../secret", path.join(dir, "root/link"));
  symlinkSync("..", path.join(dir, "root/up"));
  return path.join(dir, "root");
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

async function content(tree: DirectoryTree, name: string): Promise<Content> {
  const found = await tree.content(await find(tree, name));
  if (typeof found === "string") throw new Error(found);
  return found;
}

describe("DirectoryTree", () => {
  it("gives the octets of a file", async () => {
    const tree = await open(folder());
    expect([...(await octetsOf(await content(tree, "big")))]).toEqual([...BIG]);
  });

  it("says what nodes are", async () => {
    const tree = await open(folder());
    const attributes = await tree.attributes(await find(tree, "big"));
    expect(attributes).toMatchObject({ kind: "file", size: 2_500, nlink: 1 });
    expect(await tree.attributes(tree.root)).toMatchObject({ kind: "directory" });
    expect(await tree.attributes(await find(tree, "link"))).toMatchObject({ kind: "symlink" });
  });

  it("lists names in order", async () => {
    const tree = await open(folder());
    const list = await tree.list(tree.root);
    if (typeof list === "string") throw new Error(list);
    expect(list.map((e) => e.name)).toEqual(["a", "big", "etc", "link", "up"]);
    expect(list[1]?.fileid).toBe(await find(tree, "big"));
  });

  it("follows no symbolic link: the client gets its text", async () => {
    const tree = await open(folder());
    const link = await find(tree, "link");
    expect(await tree.readlink(link)).toEqual({ target: "../secret" });
    expect(await tree.content(link)).toBe("io");
    const up = await find(tree, "up");
    expect(await tree.lookup(up, "secret")).toBe("not-a-directory");
    expect(await tree.list(up)).toBe("not-a-directory");
    expect(await tree.readlink(tree.root)).toBe("not-a-symlink");
  });

  it.each(["..", ".", "", "../secret", "etc/rc", "etc\0"])(
    "does not take %j for a name",
    async (name) => {
      const tree = await open(folder());
      expect(await tree.lookup(tree.root, name)).toBe("no-entry");
    },
  );

  it("knows parents, and the root as its own", async () => {
    const tree = await open(folder());
    const etc = await find(tree, "etc");
    expect(tree.parent(await find(tree, "etc/rc"))).toBe(etc);
    expect(tree.parent(etc)).toBe(tree.root);
    expect(tree.parent(tree.root)).toBe(tree.root);
  });

  it("knows devices, pipes and sockets", async () => {
    const dev = await open("/dev");
    expect(await dev.attributes(await find(dev, "null"))).toMatchObject({
      kind: "character",
      rdev: 0x0103,
    });
    expect(await dev.content(await find(dev, "null"))).toBe("io");
    const dir = folder();
    execFileSync("mkfifo", [path.join(dir, "pipe")]);
    const server = createServer().listen(path.join(dir, "socket"));
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const tree = await open(dir);
    expect(await tree.attributes(await find(tree, "pipe"))).toMatchObject({ kind: "fifo" });
    expect(await tree.attributes(await find(tree, "socket"))).toMatchObject({ kind: "socket" });
  });

  it("finds handles from before a restart, and their parents", async () => {
    const dir = folder();
    const before = await open(dir);
    const deep = await find(before, "a/b/c/deep");
    const c = await find(before, "a/b/c");
    const after = await open(dir);
    expect(after.root).toBe(before.root);
    expect(after.fsid).toBe(before.fsid);
    expect(await after.attributes(deep)).toMatchObject({ kind: "file", size: 1 });
    expect(after.parent(deep)).toBe(c);
  });

  it("calls what is gone stale, and what took its name another node", async () => {
    const dir = folder();
    const tree = await open(dir);
    const rc = await find(tree, "etc/rc");
    rmSync(path.join(dir, "etc/rc"));
    expect(await tree.attributes(rc)).toBe("stale");
    writeFileSync(path.join(dir, "other"), "new");
    renameSync(path.join(dir, "other"), path.join(dir, "etc/rc"));
    expect(await tree.attributes(await find(tree, "etc/rc"))).toMatchObject({ size: 3 });
  });

  it("never leaves the folder when a folder inside becomes a link", async () => {
    const dir = folder();
    const tree = await open(dir);
    const etc = await find(tree, "etc");
    rmSync(path.join(dir, "etc"), { recursive: true });
    symlinkSync("..", path.join(dir, "etc"));
    // The file system may give the link the number of the folder.
    expect(await tree.lookup(etc, "secret")).toMatch(/^(stale|not-a-directory)$/);
    expect(await tree.list(etc)).toMatch(/^(stale|not-a-directory)$/);
  });

  it.each([
    ["grows", (file: string) => appendFileSync(file, "more")],
    ["shrinks", (file: string) => truncateSync(file, 1_200)],
    [
      "is replaced",
      (file: string) => {
        writeFileSync(`${file}.new`, BIG);
        renameSync(`${file}.new`, file);
      },
    ],
    [
      "becomes a link",
      (file: string) => {
        renameSync(file, `${file}.old`);
        symlinkSync(`${file}.old`, file);
      },
    ],
  ])("mixes no versions of a file that %s while it is read", async (_, change) => {
    const dir = folder();
    const tree = await open(dir);
    const big = await content(tree, "big");
    await big.load(0);
    change(path.join(dir, "big"));
    await expect(big.load(1)).rejects.toMatchObject({
      code: expect.stringMatching(/^E_ASSET_(CHANGED|MISSING)$/) as string,
    });
    expect(big.peek(1)).toBeUndefined();
  });

  it("answers a folder that is removed while it is listed", async () => {
    const dir = folder();
    const tree = await open(dir);
    const a = await find(tree, "a");
    const listing = tree.list(a);
    rmSync(path.join(dir, "a"), { recursive: true });
    expect(["stale", "io", ""]).toContain(String(await listing));
  });

  it("is not a folder that is missing, or a file", async () => {
    const dir = folder();
    await expect(open(path.join(dir, "none"))).rejects.toMatchObject({ code: "E_ASSET_MISSING" });
    await expect(open(path.join(dir, "big"))).rejects.toMatchObject({ code: "E_ASSET_MISSING" });
  });

  it("may itself be given as a link", async () => {
    const dir = folder();
    mkdirSync(path.join(dir, "../x"));
    symlinkSync(dir, path.join(dir, "../x/root"));
    expect((await open(path.join(dir, "../x/root"))).root).toBe((await open(dir)).root);
  });
});

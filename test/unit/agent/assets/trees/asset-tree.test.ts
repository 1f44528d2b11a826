import { describe, expect, it } from "vitest";
import { TextContent } from "../../../../../agent/assets/text-content.ts";
import { AssetTree } from "../../../../../agent/assets/trees/asset-tree.ts";

const content = (text: string, mtimeMs = 1_000): TextContent =>
  new TextContent(text, text, mtimeMs);
const FILES = new Map([
  ["netbsd", content("kernel")],
  ["etc/rc", content("rc", 9_000)],
  ["etc/rc.d/net", content("net")],
]);
const tree = new AssetTree("sun", FILES);

function find(path: string): number {
  let at = tree.root;
  for (const name of path.split("/")) {
    const next = tree.lookup(at, name);
    if (typeof next === "string") throw new Error(`${path}: ${next}`);
    at = next;
  }
  return at;
}

describe("AssetTree", () => {
  it("finds files and folders by name", () => {
    expect(tree.content(find("netbsd"))).toBe(FILES.get("netbsd"));
    expect(tree.content(find("etc/rc.d/net"))).toBe(FILES.get("etc/rc.d/net"));
    expect(tree.content(find("etc"))).toBe("is-a-directory");
    expect(tree.lookup(tree.root, "rc")).toBe("no-entry");
    expect(tree.lookup(tree.root, "..")).toBe("no-entry");
    expect(tree.lookup(tree.root, "constructor")).toBe("no-entry");
    expect(tree.lookup(find("netbsd"), "x")).toBe("not-a-directory");
  });

  it("knows each node's parent, and of the root's that it is its own", () => {
    expect(tree.parent(find("etc/rc.d"))).toBe(find("etc"));
    expect(tree.parent(tree.root)).toBe(tree.root);
    expect(tree.parent(1)).toBeUndefined();
  });

  it("lists folders", () => {
    expect(tree.list(find("etc"))).toEqual([
      { name: "rc", fileid: find("etc/rc") },
      { name: "rc.d", fileid: find("etc/rc.d") },
    ]);
    expect(tree.list(find("netbsd"))).toBe("not-a-directory");
  });

  it("says what a node is", () => {
    expect(tree.attributes(find("netbsd"))).toMatchObject({
      kind: "file",
      mode: 0o444,
      size: 6,
      mtimeMs: 1_000,
    });
    expect(tree.attributes(tree.root)).toMatchObject({
      kind: "directory",
      mode: 0o555,
      mtimeMs: 9_000,
    });
  });

  it("calls a number of nobody stale", () => {
    expect(tree.attributes(4)).toBe("stale");
    expect(tree.lookup(4, "x")).toBe("stale");
    expect(tree.list(4)).toBe("stale");
    expect(tree.content(4)).toBe("stale");
    expect(tree.readlink(4)).toBe("stale");
    expect(tree.readlink(tree.root)).toBe("not-a-symlink");
  });

  it("numbers nodes the same after a restart, and trees apart", () => {
    const again = new AssetTree("sun", FILES);
    expect(again.fsid).toBe(tree.fsid);
    expect(again.root).toBe(tree.root);
    expect(again.lookup(again.root, "netbsd")).toBe(find("netbsd"));
    expect(new AssetTree("moon", FILES).fsid).not.toBe(tree.fsid);
  });

  it("gives every node a number of its own", () => {
    const many = new Map(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, content("x")]));
    const big = new AssetTree("big", many);
    const list = big.list(big.root);
    if (typeof list === "string") throw new Error(list);
    expect(new Set(list.map((e) => e.fileid)).size).toBe(5_000);
  });
});

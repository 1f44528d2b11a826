import { describe, expect, it } from "vitest";
import { TextContent } from "../../../../../agent/assets/text-content.ts";
import { AssetTree } from "../../../../../agent/assets/trees/asset-tree.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { FakeSlot } from "../../../../support/fake-slots.ts";

const content = (text: string, mtimeMs = 1_000): TextContent =>
  new TextContent(text, text, mtimeMs);
const slot = (text: string, mtimeMs?: number): FakeSlot =>
  new FakeSlot(text, content(text, mtimeMs));
const FILES = new Map([
  ["netbsd", slot("kernel")],
  ["etc/rc", slot("rc", 9_000)],
  ["etc/rc.d/net", slot("net")],
]);
const tree = new AssetTree("sun", FILES);

function find(path: string): number {
  let at = tree.root;
  for (const name of path.split("/")) {
    const next = tree.lookup(at, name);
    if (typeof next !== "number") throw new Error(`${path}: ${next}`);
    at = next;
  }
  return at;
}

describe("AssetTree", () => {
  it("finds files and folders by name", () => {
    expect(tree.content(find("netbsd"))).toBe(FILES.get("netbsd")?.current());
    expect(tree.content(find("etc/rc.d/net"))).toBe(FILES.get("etc/rc.d/net")?.current());
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
    const many = new Map(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, slot("x")]));
    const big = new AssetTree("big", many);
    const list = big.list(big.root);
    if (typeof list === "string") throw new Error(list);
    expect(new Set(list.map((e) => e.fileid)).size).toBe(5_000);
  });
});

describe("AssetTree, whose assets come and change", () => {
  const GONE = new AgentError("E_ASSET_MISSING", "gone");
  function treeOf(...slots: FakeSlot[]): AssetTree {
    return new AssetTree("sun", new Map(slots.map((one) => [one.name, one])));
  }

  it("answers LOOKUP of what is being fetched when it is there", async () => {
    const kernel = slot("netbsd");
    const state = kernel.current();
    kernel.wait("fetching it");
    const waiting = treeOf(kernel);
    expect(waiting.list(waiting.root)).toMatchObject([{ name: "netbsd" }]);
    expect(waiting.waitsFor(waiting.root, "netbsd")).toBe("fetching it");
    expect(waiting.waitsFor(waiting.root, "other")).toBeUndefined();
    const found = waiting.lookup(waiting.root, "netbsd");
    expect(found).toBeInstanceOf(Promise);
    if ("waiting" in state) throw new Error("not there");
    kernel.become(state);
    const fileid = await found;
    expect(waiting.content(Number(fileid))).toBe(state);
    expect(waiting.waitsFor(waiting.root, "netbsd")).toBeUndefined();
    expect(fileid).toBe(treeOf(slot("netbsd")).lookup(waiting.root, "netbsd"));
  });

  it("answers LOOKUP of what could not be fetched after all", async () => {
    const kernel = slot("netbsd");
    kernel.wait();
    const waiting = treeOf(kernel);
    const found = waiting.lookup(waiting.root, "netbsd");
    kernel.become(GONE);
    expect(await found).toBe("no-entry");
  });

  it("has no name for what cannot be had, until it can", () => {
    const kernel = new FakeSlot("netbsd", GONE);
    const holed = treeOf(kernel, slot("rc"));
    expect(holed.lookup(holed.root, "netbsd")).toBe("no-entry");
    expect(holed.list(holed.root)).toMatchObject([{ name: "rc" }]);
    kernel.become(content("netbsd"));
    expect(holed.lookup(holed.root, "netbsd")).toBeTypeOf("number");
    expect(holed.list(holed.root)).toMatchObject([{ name: "netbsd" }, { name: "rc" }]);
  });

  it("gives a new version a number of its own, and goes on serving the old one to who has begun", () => {
    const kernel = slot("netbsd");
    const changing = treeOf(kernel);
    const old = Number(changing.lookup(changing.root, "netbsd"));
    const before = changing.content(old);
    kernel.become(content("netbsd, longer"));
    const fresh = Number(changing.lookup(changing.root, "netbsd"));
    expect(fresh).not.toBe(old);
    expect(changing.content(old)).toBe(before);
    expect(changing.attributes(old)).toMatchObject({ size: 6 });
    expect(changing.attributes(fresh)).toMatchObject({ size: 14 });
    expect(changing.parent(old)).toBe(changing.root);
    kernel.become(content("netbsd"));
    expect(changing.lookup(changing.root, "netbsd")).toBe(old);
  });

  it("forgets old versions at last", () => {
    const kernel = slot("netbsd");
    const changing = treeOf(kernel);
    const first = Number(changing.lookup(changing.root, "netbsd"));
    for (const text of ["b", "c", "d"]) {
      kernel.become(content(text));
      changing.lookup(changing.root, "netbsd");
    }
    expect(changing.attributes(first)).toBe("stale");
  });

  it("knows the handle of a client that has it from before a restart, though the file came later", () => {
    const handle = Number(treeOf(slot("netbsd")).lookup(tree.root, "netbsd"));
    const kernel = new FakeSlot("netbsd", GONE);
    const again = treeOf(kernel);
    expect(again.attributes(handle)).toBe("stale");
    kernel.become(content("netbsd"));
    expect(again.attributes(handle)).toMatchObject({ size: 6 });
  });
});

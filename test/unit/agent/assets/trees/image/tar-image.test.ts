import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { paxHeader, tar, tarEntry } from "../../../../../support/archive-octets.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";
import { attributesOf, find, namesIn, textOf, treeOf } from "./walk.ts";

const LONG = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}`;
const FIXTURES = new URL("../../treatment/fixtures/", import.meta.url);

describe("a tar image", () => {
  it("is a tree with modes, owners and times as it says", async () => {
    const { tree } = treeOf(
      tar(
        { name: "./", type: "5", mode: "0000755" },
        { name: "./etc/", type: "5", mode: "0001777", uid: "0000012" },
        { name: "./etc/passwd", text: "root", gid: "0000144", mtime: "00000000310" },
        { name: "./bin", type: "2", linkname: "usr/bin" },
      ),
    );
    expect(await namesIn(tree, "")).toEqual(["etc", "bin"]);
    expect(await attributesOf(tree, "etc")).toMatchObject({
      kind: "directory",
      mode: 0o1777,
      uid: 10,
      nlink: 2,
    });
    expect(await attributesOf(tree, "etc/passwd")).toMatchObject({
      kind: "file",
      mode: 0o644,
      gid: 100,
      size: 4,
      mtimeMs: 200_000,
    });
    expect(await textOf(tree, "etc/passwd")).toBe("root");
    expect(await attributesOf(tree, "bin")).toMatchObject({ kind: "symlink", size: 7 });
    expect(tree.readlink(await find(tree, "bin"))).toEqual({ target: "usr/bin" });
  });

  it("has devices and pipes with the numbers that NFS clients know", async () => {
    const { tree } = treeOf(
      tar(
        { name: "dev/console", type: "3", dev: ["0000005", "0000001"] },
        { name: "dev/sda", type: "4", dev: ["0000010", "0000400"] },
        { name: "dev/initctl", type: "6" },
      ),
    );
    expect(await attributesOf(tree, "dev/console")).toMatchObject({
      kind: "character",
      rdev: 0x501,
    });
    expect(await attributesOf(tree, "dev/sda")).toMatchObject({ kind: "block", rdev: 0x10_0800 });
    expect(await attributesOf(tree, "dev/initctl")).toMatchObject({ kind: "fifo" });
    expect(tree.content(await find(tree, "dev/console"))).toBe("io");
  });

  it("makes directories that have no entry, and keeps what is in one that has a later one", async () => {
    const { tree } = treeOf(
      tar({ name: "usr/lib/libc", text: "c" }, { name: "usr", type: "5", mode: "0000700" }),
    );
    expect(await attributesOf(tree, "usr")).toMatchObject({ mode: 0o700, nlink: 3 });
    expect(await attributesOf(tree, "usr/lib")).toMatchObject({ kind: "directory", mode: 0o755 });
    expect(await textOf(tree, "usr/lib/libc")).toBe("c");
  });

  it("gives a name to what has it last", async () => {
    const { tree } = treeOf(
      tar({ name: "a", text: "first" }, { name: "b", text: "b" }, { name: "a", text: "second" }),
    );
    expect(await textOf(tree, "a")).toBe("second");
    expect(await namesIn(tree, "")).toEqual(["a", "b"]);
  });

  it("knows hard links as one file", async () => {
    const { tree } = treeOf(
      // An old tar says the size of the file, and nothing follows.
      tar(
        { name: "a", text: "one" },
        { name: "d/b", type: "1", linkname: "./a", size: "00000000003" },
      ),
    );
    expect(await find(tree, "d/b")).toBe(await find(tree, "a"));
    expect(await attributesOf(tree, "a")).toMatchObject({ nlink: 2 });
    expect(await textOf(tree, "d/b")).toBe("one");
  });

  it("puts what is below a link where that leads", async () => {
    const { tree } = treeOf(
      tar(
        { name: "usr/lib", type: "5" },
        { name: "lib", type: "2", linkname: "/usr/lib" },
        { name: "lib/libc", text: "c" },
      ),
    );
    expect(await textOf(tree, "usr/lib/libc")).toBe("c");
  });

  it("takes long names of GNU and everything of pax", async () => {
    const { tree } = treeOf(
      tar(
        tarEntry({ name: "././@LongLink", type: "L", text: `${LONG}\0`, magic: "ustar  \0" }),
        { name: LONG.slice(0, 99), text: "gnu", magic: "ustar  \0" },
        paxHeader({ uid: "70000" }, "g"),
        paxHeader({ path: "ü/x", mtime: "7.25", gid: "3", size: "3" }),
        { name: "nothing", text: "pax", size: "00000000000" },
        paxHeader({ linkpath: LONG }),
        { name: "link", type: "2" },
        { name: "c", prefix: "a/b", text: "ustar" },
      ),
    );
    expect(await textOf(tree, LONG)).toBe("gnu");
    expect(await attributesOf(tree, "ü/x")).toMatchObject({ uid: 70_000, gid: 3, mtimeMs: 7_250 });
    expect(await textOf(tree, "ü/x")).toBe("pax");
    expect(tree.readlink(await find(tree, "link"))).toEqual({ target: LONG });
    expect(await textOf(tree, "a/b/c")).toBe("ustar");
  });

  it.each(["gnu", "ustar", "pax", "v7"])("is read as GNU tar writes it: %s", async (format) => {
    const dir = tempDir();
    mkdirSync(`${dir}/root/etc`, { recursive: true });
    writeFileSync(`${dir}/root/etc/rc`, "x".repeat(3_000));
    symlinkSync("etc/rc", `${dir}/root/rc`);
    execFileSync("tar", ["-C", `${dir}/root`, `--format=${format}`, "-cf", `${dir}/root.tar`, "."]);
    const { tree } = treeOf(readFileSync(`${dir}/root.tar`));
    expect(await textOf(tree, "etc/rc")).toBe("x".repeat(3_000));
    expect([...(await namesIn(tree, ""))].sort()).toEqual(["etc", "rc"]);
  });

  it.each([
    ["is cut short in a", tar({ name: "a", text: "x".repeat(2_000) }).subarray(0, 1_536)],
    ["is cut short in a header", tar({ name: "a", text: "x" }).subarray(0, 1_100)],
    ["a header is not one", Buffer.concat([tarEntry({ name: "a" }), Buffer.alloc(512, 7)])],
    ["a header's number is not one", tar({ name: "a", size: "8" })],
    ["a header's number is not one", tar({ name: "a", size: "\x80\xff\xff\xff\xff\xff\xff\xff" })],
    ["is cut short in a", tar({ name: "a", size: "77777777777" })],
    ["the size of an entry is not a number", tar({ name: "a", size: "\xff".repeat(12) })],
    ["an extended header of 8589934591", tar({ name: "a", type: "x", size: "77777777777" })],
    ["a pax header is not one", tar({ name: "a", type: "x", text: "999 path=x\n" })],
    ["a pax header is not one", tar({ name: "a", type: "x", text: "0 path=x\n" })],
    ["an owner of a", tar(paxHeader({ uid: "4294967296" }), { name: "a" })],
    ["leads out of it", tar({ name: "a/../../etc/passwd", text: "x" })],
    ["NUL", tar(paxHeader({ path: "a\0b" }), { name: "a" })],
    ["more than 255 octets", tar(paxHeader({ path: "n".repeat(256) }), { name: "a" })],
    ["more than 4096 octets", tar(paxHeader({ path: "n/".repeat(2_100) }), { name: "a" })],
    ["no such file before it", tar({ name: "a", type: "1", linkname: "b" })],
    ["no such file before it", tar({ name: "a", type: "1", linkname: "a" })],
    ["what is above that is no directory", tar({ name: "a", text: "x" }, { name: "a/b" })],
    [
      "links in a circle",
      tar(
        { name: "a", type: "2", linkname: "b" },
        { name: "b", type: "2", linkname: "a" },
        { name: "a/x" },
      ),
    ],
    ["which is sparse", readFileSync(new URL("sparse.tar", FIXTURES))],
    ["which is sparse", readFileSync(new URL("sparse-pax.tar", FIXTURES))],
  ])("is refused: %s", async (why, octets) => {
    const { tree, problems } = treeOf(octets);
    expect(await tree.mountPoint()).toBe("io");
    expect(problems.map(({ code }) => code)).toEqual(["E_TREE_IMAGE"]);
    expect(problems[0]?.message).toContain(why);
    expect(await tree.attributes(tree.root)).toBe("io");
    expect(problems).toHaveLength(1);
  });

  it("is cut off at any octet without a throw that is no refusal", async () => {
    const whole = tar({ name: "etc/rc", text: "rc" }, paxHeader({ path: "x" }), { name: "y" });
    for (let len = 0; len < whole.length - 1_024; len += 37) {
      const { tree, problems } = treeOf(whole.subarray(0, len));
      await tree.mountPoint();
      for (const { code } of problems) expect(code).toBe("E_TREE_IMAGE");
    }
  });

  it("has no more nodes than are allowed", async () => {
    const entries = Array.from({ length: 60 }, (_, i) => ({ name: `f${i}` }));
    const { tree, problems } = treeOf(tar(...entries), 50);
    expect(await tree.mountPoint()).toBe("io");
    expect(problems[0]?.message).toContain("more than 50 files and directories");
  });
});

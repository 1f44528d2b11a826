import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cpio, tar } from "../../../../../support/archive-octets.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";
import { attributesOf, find, namesIn, textOf, treeOf } from "./walk.ts";

const FIXTURES = new URL("../../treatment/fixtures/", import.meta.url);
/** As Debian's initramfs-tools pack one, microcode in an archive of its own before it. */
const INITRAMFS = Buffer.concat([
  cpio(
    { name: "kernel", mode: 0o40755 },
    { name: "kernel/x86/microcode/GenuineIntel.bin", text: "microcode" },
  ),
  Buffer.alloc(700),
  cpio(
    { name: ".", mode: 0o40755, mtime: 77 },
    { name: "bin", mode: 0o120777, text: "usr/bin" },
    { name: "dev", mode: 0o40755 },
    { name: "dev/console", mode: 0o20600, rdev: [5, 1] },
    { name: "dev/log", mode: 0o140666 },
    { name: "usr", mode: 0o40755 },
    { name: "usr/bin", mode: 0o40755 },
    { name: "usr/bin/busybox", mode: 0o100755, inode: 9, links: 2, text: "" },
    { name: "usr/bin/sh", mode: 0o100755, inode: 9, links: 2, text: "#!" },
    { name: "init", mode: 0o104755, uid: 1, gid: 2, text: "x".repeat(2_000) },
  ),
]);

describe("a cpio image", () => {
  it("is a tree as the kernel makes one of an initramfs", async () => {
    const { tree } = treeOf(INITRAMFS);
    expect(await namesIn(tree, "")).toEqual(["kernel", "bin", "dev", "usr", "init"]);
    expect(await textOf(tree, "kernel/x86/microcode/GenuineIntel.bin")).toBe("microcode");
    expect(await textOf(tree, "init")).toBe("x".repeat(2_000));
    expect(await attributesOf(tree, "init")).toMatchObject({ mode: 0o4755, uid: 1, gid: 2 });
    expect(tree.readlink(await find(tree, "bin"))).toEqual({ target: "usr/bin" });
    expect(await attributesOf(tree, "dev/console")).toMatchObject({
      kind: "character",
      rdev: 0x501,
    });
    expect(await attributesOf(tree, "dev/log")).toMatchObject({ kind: "socket" });
    expect((await attributesOf(tree, "")).mtimeMs).toBe(77_000);
  });

  it("has the octets of hard links with any of the names", async () => {
    const { tree } = treeOf(INITRAMFS);
    expect(await textOf(tree, "usr/bin/busybox")).toBe("#!");
    expect(await find(tree, "usr/bin/busybox")).toBe(await find(tree, "usr/bin/sh"));
    expect(await attributesOf(tree, "usr/bin/sh")).toMatchObject({ nlink: 2, mode: 0o755 });
  });

  it("does not join inodes of different archives", async () => {
    const one = cpio({ name: "a", inode: 5, links: 2, text: "a" });
    const two = cpio({ name: "b", inode: 5, links: 2, text: "b" });
    const { tree } = treeOf(Buffer.concat([one, two]));
    expect(await textOf(tree, "a")).toBe("a");
    expect(await textOf(tree, "b")).toBe("b");
  });

  it.each(["newc", "crc", "odc"])("is read as GNU cpio writes it: %s", async (format) => {
    const dir = tempDir();
    mkdirSync(`${dir}/etc`);
    writeFileSync(`${dir}/etc/rc`, "rc".repeat(1_000));
    linkSync(`${dir}/etc/rc`, `${dir}/rc`);
    const input = "etc\netc/rc\nrc\n";
    const octets = execFileSync("cpio", ["--quiet", "-o", "-H", format], { cwd: dir, input });
    const { tree } = treeOf(octets);
    expect(await textOf(tree, "rc")).toBe("rc".repeat(1_000));
    expect(await textOf(tree, "etc/rc")).toBe("rc".repeat(1_000));
  });

  it.each([
    ["is cut short", INITRAMFS.subarray(0, INITRAMFS.length - 600)],
    ["is cut short in a", cpio({ name: "a", size: 0xffff_ffff })],
    ["is cut short in a name", cpio({ name: "a", text: "x" }).subarray(0, 111)],
    ["has something else at octet", Buffer.concat([cpio({ name: "a" }), Buffer.from("garbage!")])],
    ["nobody knows what a is", cpio({ name: "a", mode: 0o170000 })],
    ["leads out of it", cpio({ name: "../a" })],
    ["a link of 5000 octets", cpio({ name: "a", mode: 0o120777, text: "x".repeat(5_000) })],
    ["compressed with gzip at octet", Buffer.concat([cpio({ name: "a" }), gzipSync("x")])],
  ])("is refused: %s", async (why, octets) => {
    const { tree, problems } = treeOf(octets);
    expect(await tree.mountPoint()).toBe("io");
    expect(problems.map(({ code }) => code)).toEqual(["E_TREE_IMAGE"]);
    expect(`${problems[0]?.message}`).toContain(why);
  });
});

describe("an image that is no archive", () => {
  it.each([
    ["decompress: gzip", gzipSync(tar({ name: "a" }))],
    ["decompress: xz", readFileSync(new URL("sample.tar.xz", FIXTURES))],
    ["unsquashfs", Buffer.concat([Buffer.from("hsqs"), Buffer.alloc(2_000)])],
    ["Make it a tar", Buffer.from("anything else")],
    ["Make it a tar", Buffer.alloc(0)],
  ])("is refused with a cure: %s", async (cure, octets) => {
    const { tree, problems } = treeOf(octets);
    expect(await tree.mountPoint()).toBe("io");
    expect(problems[0]?.code).toBe("E_TREE_IMAGE");
    expect(problems[0]?.cure).toContain(cure);
  });
});

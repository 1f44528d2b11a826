import { describe, expect, it } from "vitest";
import { deviceNumber, type NodeKind } from "../../../../../agent/assets/trees/tree.ts";
import { fattrOf } from "../../../../../agent/services/nfs/attributes.ts";

const NODE = { mode: 0o640, nlink: 1, uid: 1, gid: 2, size: 0, atimeMs: 0, mtimeMs: 0, ctimeMs: 0 };

describe("a node's attributes in NFSv2", () => {
  it.each<[NodeKind, number, number, number]>([
    ["file", 1, 0o100640, 0],
    ["directory", 2, 0o040640, 0],
    ["block", 3, 0o060640, 0x801],
    ["character", 4, 0o020640, 0x801],
    ["symlink", 5, 0o120640, 0],
    ["socket", 6, 0o140640, 0],
    // Linux and NetBSD make a pipe of this; the RFC has none.
    ["fifo", 4, 0o020640, 0xffff_ffff],
  ])("%s is type %i", (kind, type, mode, rdev) => {
    const device = kind === "block" || kind === "character" ? { rdev: deviceNumber(8, 1) } : {};
    expect(fattrOf({ ...NODE, kind, ...device }, 1, 2)).toMatchObject({ type, mode, rdev });
  });

  it("has device numbers as Linux and the BSDs take them apart", () => {
    expect(deviceNumber(5, 1)).toBe(0x0000_0501);
    expect(deviceNumber(8, 256)).toBe(0x0010_0800);
    expect(deviceNumber(0xfff, 0xf_ffff)).toBe(0xffff_ffff);
  });
});

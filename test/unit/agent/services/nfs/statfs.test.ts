import { describe, expect, it } from "vitest";
import { statfsOf } from "../../../../../agent/services/nfs/statfs.ts";
import { NfsClient } from "../../../../support/nfs-client.ts";

const GIB = 2 ** 30;

describe("statfsOf", () => {
  it.each([
    [10 * 4_096, 4 * 4_096, 4_096, 10, 4],
    [10 * 4_096 + 1, 4_095, 4_096, 11, 0],
    [0, 0, 4_096, 0, 0],
    [4_096, -1, 4_096, 1, 0],
    [4_096, 1e12, 4_096, 1, 1],
    // 2^31 - 1 blocks of 4096 are the most that a signed number holds.
    [8_192 * GIB - 4_096, 0, 4_096, 0x7fff_ffff, 0],
    [8_192 * GIB, 4_096 * GIB, 8_192, 0x4000_0000, 0x2000_0000],
    [2 ** 50, 2 ** 49, 2 ** 20, 2 ** 30, 2 ** 29],
  ])("%d octets, %d of them free: blocks of %d, %d of them, %d free", (total, free, ...want) => {
    const { bsize, blocks, bfree, bavail } = statfsOf({ total, free });
    expect([bsize, blocks, bfree]).toEqual(want);
    expect(bavail).toBe(bfree);
  });
});

describe("STATFS", () => {
  it("tells the room of a tree", async () => {
    const c = await NfsClient.open();
    c.tree.room = { total: 40_960, free: 8_192 };
    const { status, tsize, bsize, blocks, bfree } = await c.statfs();
    expect([status, tsize, bsize, blocks, bfree]).toEqual([0, 8_192, 4_096, 10, 2]);
  });
});

import { describe, expect, it } from "vitest";
import { BOARDS } from "../../../boards/all.ts";

describe("BOARDS", () => {
  it("have ids of their own", () => {
    const ids = BOARDS.map((b) => b.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual([
      "raspberry-pi-zero-2-w",
      "raspberry-pi-4b",
      "raspberry-pi-5",
      "generic-arm64",
      "generic-x64",
    ]);
  });

  it("claim each device tree model and each processor once", () => {
    const models = BOARDS.flatMap((b) => b.match.deviceTreeCompatible ?? []);
    const archs = BOARDS.flatMap((b) => b.match.arch ?? []);
    expect(new Set(models).size).toBe(models.length);
    expect(new Set(archs).size).toBe(archs.length);
  });

  it.each(BOARDS)("$id is named by dashed lower-case words and can be recognised", (board) => {
    expect(board.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    const { deviceTreeCompatible = [], arch = [] } = board.match;
    expect(deviceTreeCompatible.length + arch.length).toBeGreaterThan(0);
    for (const model of deviceTreeCompatible) expect(model).toMatch(/^[a-z]+,[a-z0-9-]+$/);
  });

  it.each(BOARDS)("$id takes at most half of its memory, chunks in flight included", (board) => {
    const { heapMiB, chunkCacheMiB, chunkKiB, transfers } = board.budgets;
    // Chunks come out of the cache, so two for every transfer must fit into it.
    expect((2 * chunkKiB * transfers) / 1_024).toBeLessThanOrEqual(chunkCacheMiB);
    expect(heapMiB + chunkCacheMiB).toBeLessThanOrEqual(board.memoryMiB / 2);
  });

  it.each(BOARDS)("$id has an interface to the rack first", (board) => {
    expect(board.nics[0]?.kind).toMatch(/^(wired|adapter)$/);
  });
});

import os from "node:os";
import { describe, expect, it } from "vitest";
import { nodeHost } from "../../../../agent/boards/node-host.ts";

describe("nodeHost", () => {
  it("knows its memory, never more than there is", () => {
    const { memoryMiB } = nodeHost();
    expect(memoryMiB).toBeGreaterThan(16);
    expect(memoryMiB).toBeLessThanOrEqual(os.totalmem() / 2 ** 20);
  });

  it("reads files, and takes one that is not there for none", () => {
    const host = nodeHost();
    expect(host.readText("/proc/self/comm")).toMatch(/\n$/);
    expect(host.readText("/proc/device-tree/none")).toBeUndefined();
    expect(host.arch).toBe(os.arch());
  });
});

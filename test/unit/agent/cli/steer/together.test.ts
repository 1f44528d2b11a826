import { describe, expect, it } from "vitest";
import { together } from "../../../../../agent/cli/steer/together.ts";
import { settle } from "../../../../support/eventually.ts";

describe("together", () => {
  it("does no more at once than it may, and keeps the order", async () => {
    const open: (() => void)[] = [];
    let most = 0;
    let busy = 0;
    const done = together([1, 2, 3, 4, 5], 2, async (n) => {
      busy += 1;
      most = Math.max(most, busy);
      await new Promise<void>((resolve) => open.push(resolve));
      busy -= 1;
      return n * 10;
    });
    for (let i = 0; i < 5; i++) {
      await settle();
      open.pop()?.();
    }
    expect(await done).toEqual([10, 20, 30, 40, 50]);
    expect(most).toBe(2);
  });

  it("begins nothing more after a failure, and waits for what had begun", async () => {
    const ended: number[] = [];
    const begun: number[] = [];
    const done = together([1, 2, 3, 4], 2, async (n) => {
      begun.push(n);
      if (n === 1) throw new Error("one");
      await settle();
      ended.push(n);
    });
    await expect(done).rejects.toThrow("one");
    expect([begun, ended]).toEqual([[1, 2], [2]]);
  });
});

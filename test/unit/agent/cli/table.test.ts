import { describe, expect, it } from "vitest";
import { type Column, tableLines } from "../../../../agent/cli/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "NAME", least: 6 },
  { title: "SIZE", right: true },
  { title: "STATE" },
];

describe("tableLines", () => {
  it("makes columns as wide as what is in them, without blanks at the end", () => {
    expect(tableLines(COLUMNS, [["rack7", "6 MB", "ok"]], 80)).toEqual([
      "NAME   SIZE  STATE",
      "rack7  6 MB  ok",
    ]);
    expect(tableLines(COLUMNS, [["a", "12 MB", "ok"]], 80)[1]).toBe("a     12 MB  ok");
  });

  it("cuts what may be cut until all fits, and no line is ever wider", () => {
    const [, row = ""] = tableLines(COLUMNS, [["a-long-name-of-a-machine", "6 MB", "served"]], 24);
    expect(row).toBe("a-long-na…  6 MB  served");
    for (const line of tableLines(COLUMNS, [["x".repeat(90), "y".repeat(90), "z"]], 40)) {
      expect([...line].length).toBeLessThanOrEqual(40);
    }
  });

  it("counts characters and not their UTF-16 units", () => {
    expect(tableLines(COLUMNS, [["räck😀", "1", "s"]], 80)[1]).toBe("räck😀     1  s");
  });
});

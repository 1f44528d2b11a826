import { describe, expect, it } from "vitest";
import { FixedSlot } from "../../../../agent/assets/fixed-slot.ts";
import { TextContent } from "../../../../agent/assets/text-content.ts";
import { FileTable, normaliseName } from "../../../../agent/plan/file-table.ts";

describe("normaliseName", () => {
  it.each([
    ["boot/x", "boot/x"],
    ["/boot/x", "boot/x"],
    ["//boot//x", "boot/x"],
    ["boot\\x", "boot/x"],
    ["\\\\boot\\/x", "boot/x"],
    ["./boot/./x/", "boot/x"],
    ["C0A84D15.SUN4M", "C0A84D15.SUN4M"],
    ["...", "..."],
    ["a..b", "a..b"],
    ["with space", "with space"],
    ["%2e%2e/x", "%2e%2e/x"],
  ])("brings %j to %j", (asked, name) => {
    expect(normaliseName(asked)).toBe(name);
  });

  it.each([
    "",
    "/",
    "//",
    ".",
    "..",
    "../x",
    "a/../b",
    "a\\..\\b",
    "a/..",
    "a\0b",
    "x".repeat(1_025),
  ])("refuses %j", (asked) => {
    expect(normaliseName(asked)).toBeUndefined();
  });
});

describe("FileTable", () => {
  it("keeps the first file of a name", () => {
    const table = new FileTable();
    const slot = (name: string): FixedSlot => new FixedSlot(name, new TextContent(name, name, 0));
    const [a, b] = [slot("a"), slot("b")];
    expect(table.add("x", a)).toBe(true);
    expect(table.add("x", b)).toBe(false);
    expect(table.get("x")).toBe(a);
    expect(table.get("constructor")).toBeUndefined();
    expect(table.names).toEqual(["x"]);
  });
});

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
    ["C:\\boot\\x", "boot/x"],
    ["d:/boot/x", "boot/x"],
    ["C:x", "C:x"],
    ["boot/C:/x", "boot/C:/x"],
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
    "C:\\..\\x",
    "C:/",
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

  it("finds a name in any case when it is asked so, and the very name first", () => {
    const table = new FileTable();
    const slot = new FixedSlot("a", new TextContent("a", "a", 0));
    for (const name of ["Boot/BCD", "boot/bcd", "pxelinux.0"]) table.add(name, slot);
    expect(table.inAnyCase("boot/bcd")).toBe("boot/bcd");
    expect(table.inAnyCase("BOOT/BCD")).toBe("Boot/BCD");
    expect(table.inAnyCase("PXELINUX.0")).toBe("pxelinux.0");
    expect(table.inAnyCase("pxelinux")).toBeUndefined();
    expect(table.get("PXELINUX.0")).toBeUndefined();
  });
});

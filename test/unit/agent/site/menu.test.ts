import { describe, expect, it } from "vitest";
import type { BootMenu } from "../../../../agent/site/site.ts";
import { siteChanges } from "../../../../agent/site/site-changes.ts";
import { encodePxeVendor, pxeMenu } from "../../../../protocols/dhcp/pxe.ts";
import { profile, table } from "./problem-table.ts";
import { site } from "./site-text.ts";

const FILES = "files: { f: a, g: a }";
const TIMEOUT_CURE =
  "write whole seconds from 0s to 254s, as in 5s; or never, to wait for a choice";
const ITEMS_CURE = "say what there is to choose: items: [{ name: TEXT, boot: FILE }, …]";
const SHOWN_CURE = "write printable ASCII, on one line";
const TOO_LONG =
  '5:31 the menu of profile "p" does not fit the 255 octets of option 43 / shorten its prompt or the names of its items, or leave some of them out';
const menu = (text: string): string => profile(`${FILES}, menu: { ${text} }`);

function read(text: string): BootMenu | undefined {
  return site(menu(text)).profiles.get("p")?.menu;
}

describe("a boot menu of a profile", () => {
  it("has prompt, timeout and items, each with a file or without", () => {
    const text = "prompt: 'Press F8', timeout: 5s, items: [{ name: Debian }, { name: G, boot: g }]";
    expect(read(text)).toEqual({
      prompt: { text: "Press F8", timeoutS: 5 },
      items: [{ name: "Debian" }, { name: "G", boot: "g" }],
    });
  });

  it.each([
    ["", 10],
    ["timeout: 0s, ", 0],
    ["timeout: 254 s, ", 254],
    ["timeout: never, ", 255],
  ])("with %j waits for %d", (text, timeoutS) => {
    expect(read(`${text}items: [{ name: x }]`)?.prompt).toEqual({
      text: "Press F8 for the menu",
      timeoutS,
    });
  });

  it("may be as long as option 43", () => {
    const items = (len: number): string => `prompt: x, items: [{ name: ${"y".repeat(len)} }]`;
    const fits = Array.from({ length: 300 }, (_, i) => i + 1).filter((len) =>
      encodePxeVendor(pxeMenu(0, { timeoutS: 10, text: "x" }, ["y".repeat(len)])),
    );
    const longest = Math.max(...fits);
    // 255 without 3 of sub-option 6, 9 of 8, 4 of 10, 5 of 9 and the end.
    expect(longest).toBe(233);
    expect(read(items(longest))).toBeDefined();
    expect(() => read(items(longest + 1))).toThrow("does not fit");
  });

  it("is told of where it changes", () => {
    const before = site(menu("items: [{ name: x }]"));
    const after = site(menu("timeout: never, items: [{ name: x, boot: f }, { name: y }]"));
    const lines = siteChanges(before, after).join("\n");
    expect(lines).toContain("menu.timeout: 10 s → never");
    expect(lines).toContain("menu.items.1: x → x: f");
    expect(lines).toContain("menu.items.2 added: y");
  });
});

table("menus that are none", [
  ["no items", menu("timeout: 5s"), `5:31 menu of profile "p" has no items / ${ITEMS_CURE}`],
  ["an empty list", menu("items: []"), `5:39 menu of profile "p" has no items / ${ITEMS_CURE}`],
  [
    "one item that is not in a list",
    menu("items: { name: x }"),
    "5:46 a map where a list belongs / write it in brackets: […]",
  ],
  [
    "an item without a name",
    menu("items: [{ name: x }, { boot: f }]"),
    '5:60 item 2 of the menu of profile "p" has no name / write what stands in the menu: name: TEXT',
  ],
  [
    "an unknown file",
    menu("items: [{ name: x, boot: h }]"),
    '5:64 item 1 of the menu of profile "p" names no file of it: "h" / did you mean "f"?',
  ],
  [
    "an unknown key",
    menu("items: [{ name: x, file: f }]"),
    '5:58 unknown key "file" in item 1 of the menu of profile "p" / known here: name, boot',
  ],
  [
    "letters that no ROM has",
    menu("prompt: 'Menü', items: [{ name: x }]"),
    `5:47 "Menü" is not a text that a ROM can show / ${SHOWN_CURE}`,
  ],
  [
    "nothing but blanks",
    menu("items: [{ name: ' ' }]"),
    `5:55 " " is not a text that a ROM can show / ${SHOWN_CURE}`,
  ],
  [
    "a time without a unit",
    menu("timeout: 5, items: [{ name: x }]"),
    `5:48 the number 5 has no unit / ${TIMEOUT_CURE}`,
  ],
  [
    "the same in quotes",
    menu("timeout: '5', items: [{ name: x }]"),
    `5:48 "5" has no unit / ${TIMEOUT_CURE}`,
  ],
  [
    "too long a time",
    menu("timeout: 255s, items: [{ name: x }]"),
    `5:48 "255s" is not a time for a boot menu / ${TIMEOUT_CURE}`,
  ],
  [
    "another unit",
    menu("timeout: 1m, items: [{ name: x }]"),
    `5:48 "1m" is not a time for a boot menu / ${TIMEOUT_CURE}`,
  ],
  ["too much for option 43", menu(`items: [${"{ name: x }, ".repeat(30)}]`), TOO_LONG],
  ["a prompt alone too long", menu(`prompt: ${"x".repeat(250)}, items: [{ name: x }]`), TOO_LONG],
]);

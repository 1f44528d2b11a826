import { describe, expect, it } from "vitest";
import type { MachineRun } from "../../../../../agent/cli/lab/machine-run.ts";
import { endToWidth, toWidth, wantsColour } from "../../../../../agent/cli/lab/paint.ts";
import { barCell, screenLines, shortName, stepText } from "../../../../../agent/cli/lab/screen.ts";
import { run, START_MS, step, transfer } from "./runs.ts";

const HEAD = { title: "pilotlight lab", elapsedMs: 3_900 };

function busy(): MachineRun {
  const r = run();
  for (let i = 0; i < 40; i++) r.takeEvent(step(i * 10, "tftp", `block ${i} ${"x".repeat(90)}`));
  r.takeEvent(transfer(1_390, 3_000_000, 6_000_000));
  return r;
}

describe("screenLines", () => {
  it.each([
    [80, 24],
    [80, 7],
    [99, 50],
    [100, 24],
    [160, 60],
    [20, 4],
    [100, 1],
  ])("fits a terminal of %d columns and %d rows", (columns, rows) => {
    const lines = screenLines(HEAD, [busy(), busy()], { columns, rows }, false);
    expect(lines.length).toBeLessThanOrEqual(Math.max(rows - 1, 2));
    for (const line of lines) expect([...line].length).toBeLessThan(Math.max(columns, 41));
  });

  it("sets machines side by side from 100 columns on", () => {
    const wide = screenLines(HEAD, [busy(), busy()], { columns: 100, rows: 24 }, false);
    expect(wide.filter((line) => /v100 .* │ v100/.test(line))).toHaveLength(1);
    const narrow = screenLines(HEAD, [busy(), busy()], { columns: 99, rows: 24 }, false);
    expect(narrow.filter((line) => line.startsWith("v100"))).toHaveLength(2);
    expect(narrow.join("")).not.toContain("│");
  });

  it("shows the last steps and the transfers' bars", () => {
    const lines = screenLines(HEAD, [busy()], { columns: 80, rows: 10 }, false);
    expect(lines[0]).toMatch(/^pilotlight lab +3 s$/);
    expect(lines[2]).toMatch(/^v100 {2}Sun Fire V100, NetBSD {2}booting/);
    expect(lines.slice(3, -1).map((line) => /block (\d+)/.exec(line)?.[1])).toEqual([
      "35",
      "36",
      "37",
      "38",
      "39",
    ]);
    expect(lines.at(-1)).toMatch(/^netbsd +━+─+ 3\.00 MB\/6\.00 MB 3\.00 MB\/s$/);
  });

  it("colours only when told to", () => {
    const size = { columns: 120, rows: 24 };
    expect(screenLines(HEAD, [busy()], size, false).join("")).not.toContain("\x1b");
    expect(screenLines(HEAD, [busy()], size, true).join("")).toContain("\x1b[1m");
  });
});

describe("barCell", () => {
  it("is half full half way, full at the end, and empty while the size is unknown", () => {
    const bars = [transfer(0, 5, 10), transfer(0, 10, 10, true), transfer(0, 5, null)].map((e) => {
      const r = run();
      r.takeEvent(e);
      const [t] = r.transfers;
      return t ? barCell(t, 70).text : "";
    });
    expect(bars[0]).toContain("━─");
    expect(bars[1]).not.toContain("─");
    expect(bars[2]).not.toContain("━");
    expect(bars.map((b) => b.length)).toEqual([70, 70, 70]);
  });
});

describe("texts", () => {
  it("times are seconds since power on", () => {
    const plain = { protocol: "rarp", text: "who?", tone: "plain" } as const;
    expect(stepText({ ...plain, timeMs: START_MS + 12_345 }, START_MS)).toBe(
      " 12.35 rarp       who?",
    );
    expect(stepText({ ...plain, timeMs: START_MS - 5, tone: "agent" }, START_MS)).toBe(
      "  0.00 rarp       ← who?",
    );
  });

  it("are cut to the width", () => {
    expect(toWidth("abc", 5)).toBe("abc  ");
    expect(toWidth("abcdef", 5)).toBe("abcd…");
    expect(toWidth("abcdef", 0)).toBe("");
    expect(endToWidth("abcdef", 5)).toBe("…cdef");
    expect(endToWidth("abc", 5)).toBe("abc  ");
  });

  it("files are named by their last part", () => {
    expect(shortName("http://172.24.42.150/kernel")).toBe("kernel");
    expect(shortName("AC182A33")).toBe("AC182A33");
    expect(shortName("/")).toBe("/");
  });

  it("colours are for terminals, and not with NO_COLOR", () => {
    expect(wantsColour(true, {})).toBe(true);
    expect(wantsColour(false, {})).toBe(false);
    expect(wantsColour(true, { NO_COLOR: "1" })).toBe(false);
    expect(wantsColour(true, { NO_COLOR: "" })).toBe(true);
    expect(wantsColour(true, { TERM: "dumb" })).toBe(false);
  });
});

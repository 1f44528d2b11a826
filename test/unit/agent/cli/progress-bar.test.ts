import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { bar, barLine, LiveLines } from "../../../../agent/cli/progress-bar.ts";

describe("a bar", () => {
  it.each([
    [0, "────"],
    [0.5, "━━──"],
    [1, "━━━━"],
    [7, "━━━━"],
    [-1, "────"],
  ])("%d", (share, text) => {
    expect(bar(share, 4)).toBe(text);
  });

  it.each([10, 20, 40, 60, 79, 200])("fills exactly %i columns", (width) => {
    const line = { name: "a-name-that-is-rather-long", octets: 1e6, total: 4e6, rate: 1e5 };
    expect([...barLine(line, width)]).toHaveLength(width);
    expect([...barLine({ name: "x", octets: 0 }, width)]).toHaveLength(width);
  });
});

describe("lines on a terminal", () => {
  function terminal(isTTY: boolean): { out: NodeJS.WriteStream; text: () => string } {
    const stream = new PassThrough();
    let text = "";
    stream.on("data", (piece: Buffer) => {
      text += piece.toString();
    });
    const out = Object.assign(stream, { isTTY, columns: 20, rows: 4 });
    return { out: out as unknown as NodeJS.WriteStream, text: () => text };
  }

  it("are drawn again in place, cut to its size, and wiped away", () => {
    const { out, text } = terminal(true);
    const live = new LiveLines(out, false);
    live.draw([
      { text: "x".repeat(30), style: "bar" },
      { text: "two", style: "plain" },
    ]);
    expect(text()).toBe(`\x1b[?25l${"x".repeat(18)}…\x1b[K\ntwo\x1b[K\n\x1b[J`);
    const before = text().length;
    const many = ["1", "2", "3", "4", "5"].map((t) => ({ text: t, style: "plain" as const }));
    live.draw(many);
    live.draw(many);
    expect(text().slice(before)).toBe("\x1b[2A\r1\x1b[K\n2\x1b[K\n3\x1b[K\n\x1b[J");
    live.close(true);
    live.close(true);
    expect(text().endsWith("\x1b[3A\r\x1b[J\x1b[?25h")).toBe(true);
  });

  it("are not drawn anywhere else", () => {
    const { out, text } = terminal(false);
    const live = new LiveLines(out, true);
    live.draw([{ text: "x", style: "bar" }]);
    live.close(true);
    expect(text()).toBe("");
  });
});

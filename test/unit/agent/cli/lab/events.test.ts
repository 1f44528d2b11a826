import { describe, expect, it } from "vitest";
import {
  LineSplitter,
  parseJournalEntry,
  parseSimEvent,
} from "../../../../../agent/cli/lab/events.ts";
import { entry, step, transfer } from "./runs.ts";

function split(...pieces: string[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.feed(piece);
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  it("gives out lines however they were cut", () => {
    expect(split("one\ntw", "o\r\n", "", "\nthree")).toEqual(["one", "two", "", "three"]);
    expect(split("one\n")).toEqual(["one"]);
  });

  it("gives out a line without an end in parts", () => {
    const lines = split("x".repeat(70_000), "y\nz\n");
    expect(lines.map((l) => l.length)).toEqual([70_000, 1, 1]);
  });
});

describe("parseSimEvent", () => {
  it("takes each kind", () => {
    const head = { time: "2026-01-02T03:04:05.006Z", machine: "00:03:ba:5b:ae:b3" };
    const events = [
      step(1, "rarp", "who?"),
      transfer(2, 512, null),
      transfer(3, 1024, 1024, true),
      { ...head, kind: "booted", octets: 7 },
      { ...head, kind: "failed", stage: "tftp", reason: "no answer" },
    ];
    for (const e of events) expect(parseSimEvent(JSON.stringify(e))).toEqual(e);
  });

  it.each([
    "",
    "who is there?",
    "{",
    "[]",
    "{}",
    JSON.stringify({ ...step(1, "rarp", "who?"), time: "yesterday" }),
    JSON.stringify({ ...step(1, "rarp", "who?"), stage: undefined }),
    JSON.stringify({ ...step(1, "rarp", "who?"), kind: "rumour" }),
    JSON.stringify({ ...transfer(1, 1, 1), octets: "1" }),
    JSON.stringify({ ...transfer(1, 1, 1), octets: -1 }),
    JSON.stringify({ ...transfer(1, 1, 1), total: "1" }),
    JSON.stringify({ ...transfer(1, 1, 1), done: undefined }),
  ])("leaves %s", (line) => {
    expect(parseSimEvent(line)).toBeUndefined();
  });
});

describe("parseJournalEntry", () => {
  it("takes an entry", () => {
    expect(parseJournalEntry(JSON.stringify(entry(5, {})))).toEqual(entry(5, {}));
  });

  it.each([
    "ready",
    "{}",
    JSON.stringify({ ...entry(5, {}), time: "soon" }),
    JSON.stringify({ ...entry(5, {}), decision: undefined }),
    JSON.stringify({ ...entry(5, {}), machine: 5 }),
    JSON.stringify({ ...entry(5, {}), octets: null }),
  ])("leaves %s", (line) => {
    expect(parseJournalEntry(line)).toBeUndefined();
  });
});

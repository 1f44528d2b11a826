import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../../../../agent/log/journal.ts";
import { octetsText, timelineLine } from "../../../../agent/log/timeline.ts";

const ENTRY: JournalEntry = {
  time: "2026-01-02T12:27:36.120Z",
  machine: "v100",
  mac: "00:03:ba:5b:ae:b3",
  address: "172.24.42.51",
  family: "openfirmware",
  protocol: "rarp",
  event: "who is 00:03:ba:5b:ae:b3?",
  decision: "its address in the site",
  reply: "you are 172.24.42.51",
  outcome: "answered",
  octets: 28,
  ms: 1.2,
  file: null,
  total: null,
};

describe("timelineLine", () => {
  it("says when, who, how, what and why", () => {
    expect(timelineLine(ENTRY)).toBe(
      "12:27:36.120 v100         rarp       → who is 00:03:ba:5b:ae:b3?: you are 172.24.42.51 (its address in the site)",
    );
  });

  it.each([
    [{ machine: null }, "00:03:ba:5b:ae:b3 "],
    [{ machine: null, mac: null }, "172.24.42.51 "],
    [{ machine: null, mac: null, address: null }, "agent        "],
  ])("names the peer by what is known: %j", (part, who) => {
    expect(timelineLine({ ...ENTRY, ...part }).slice(13)).toMatch(new RegExp(`^${who}`));
  });

  it("says of silence that there was no answer", () => {
    const line = timelineLine({ ...ENTRY, reply: null, outcome: "silent" });
    expect(line).toContain("· who is 00:03:ba:5b:ae:b3?: no answer (");
  });

  it("says how much of a transfer went in which time", () => {
    const done = { ...ENTRY, event: "read x", reply: null, octets: 49_200_000, ms: 3_100 };
    expect(timelineLine({ ...done, outcome: "done", total: 49_200_000 })).toContain(
      "✓ read x: 49.2 MB in 3.10 s (",
    );
    expect(timelineLine({ ...done, outcome: "failed", total: 98_000_000 })).toContain(
      "✗ read x: 49.2 MB of 98.0 MB in 3.10 s (",
    );
    expect(timelineLine({ ...done, outcome: "done", ms: 61_400 })).toContain("in 61 s");
  });
});

describe("octetsText", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1.00 kB"],
    [9_994, "9.99 kB"],
    [9_996, "10.0 kB"],
    [99_960, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [4.2e9, "4.20 GB"],
    [7e15, "7000 TB"],
  ])("%d is %s", (octets, text) => {
    expect(octetsText(octets)).toBe(text);
  });
});

import { describe, expect, it } from "vitest";
import { Journal, type JournalEntry, type JournalNote } from "../../../../agent/log/journal.ts";
import { ip } from "../../../support/test-site.ts";

const SILENT: JournalNote = {
  protocol: "dhcp",
  mac: "02:00:00:00:00:01",
  event: "DISCOVER",
  decision: "not known",
  outcome: "silent",
};

function journal(limit = 10): { journal: Journal; pass: (ms: number) => void } {
  let nowMs = 1_700_000_000_000;
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { journal: new Journal(limit, () => nowMs), pass };
}

describe("Journal", () => {
  it("fills in what a note leaves out", () => {
    const { journal: j } = journal();
    j.note({ protocol: "rarp", event: "who?", decision: "because", outcome: "answered" });
    expect(j.entries()).toEqual([
      {
        time: "2023-11-14T22:13:20.000Z",
        machine: null,
        mac: null,
        address: null,
        family: null,
        protocol: "rarp",
        event: "who?",
        decision: "because",
        reply: null,
        outcome: "answered",
        octets: 0,
        ms: 0,
        file: null,
        total: null,
      },
    ]);
  });

  it("writes addresses as text and milliseconds to a tenth", () => {
    const { journal: j } = journal();
    j.note({ ...SILENT, address: ip("172.24.42.51"), ms: 1.2345, outcome: "answered" });
    expect(j.entries()[0]).toMatchObject({ address: "172.24.42.51", ms: 1.2 });
  });

  it("keeps the newest entries up to its limit", () => {
    const { journal: j } = journal(3);
    for (let i = 0; i < 10; i++) j.note({ ...SILENT, outcome: "answered", event: `e${i}` });
    expect(j.entries().map((e) => e.event)).toEqual(["e7", "e8", "e9"]);
  });

  it("tells progress to followers but does not keep it", () => {
    const { journal: j } = journal();
    const seen: JournalEntry[] = [];
    const end = j.follow((step) => seen.push(step.entry()));
    j.note({ ...SILENT, outcome: "progress" });
    expect(j.entries()).toEqual([]);
    expect(seen).toHaveLength(1);
    end();
    j.note({ ...SILENT, outcome: "done" });
    expect(seen).toHaveLength(1);
  });

  it("replaces control and direction characters in every text, and cuts long ones", () => {
    const { journal: j } = journal();
    const evil = "a\x1b[2J\n\x9b\u202eb";
    const note = { ...SILENT, outcome: "done", event: evil, decision: evil, reply: evil } as const;
    j.note({ ...note, file: evil });
    const clean = "a\ufffd[2J\ufffd\ufffd\ufffdb";
    const [entry] = j.entries();
    expect(entry).toMatchObject({ event: clean, decision: clean, reply: clean, file: clean });
    j.note({ ...SILENT, outcome: "done", event: "x".repeat(10_000) });
    expect(j.entries()[1]?.event).toBe(`${"x".repeat(299)}…`);
  });

  it("enters a repeated silence once a minute and says how often it came since when", () => {
    const { journal: j, pass } = journal();
    for (let i = 0; i < 5; i++) {
      j.note(SILENT);
      pass(10_000);
    }
    expect(j.entries()).toHaveLength(1);
    pass(3_600_000);
    j.note(SILENT);
    expect(j.entries()).toHaveLength(2);
    expect(j.entries()[1]?.decision).toBe("not known (4 more since 22:13:20)");
    pass(60_000);
    j.note(SILENT);
    expect(j.entries()[2]?.decision).toBe("not known");
  });

  it("tells silences apart by protocol, peer and reason", () => {
    const { journal: j } = journal();
    j.note(SILENT);
    j.note({ ...SILENT, mac: "02:00:00:00:00:02" });
    j.note({ ...SILENT, protocol: "tftp" });
    j.note({ ...SILENT, decision: "other" });
    j.note({ ...SILENT, event: "another event of the same peer" });
    expect(j.entries()).toHaveLength(4);
  });

  it("never holds back what was answered", () => {
    const { journal: j } = journal();
    for (let i = 0; i < 3; i++) j.note({ ...SILENT, outcome: "answered" });
    expect(j.entries()).toHaveLength(3);
  });

  it("forgets the oldest of very many silent peers", () => {
    const { journal: j } = journal(5_000);
    const peer = (i: number): JournalNote => ({ ...SILENT, machine: "v100", mac: `peer ${i}` });
    for (let i = 0; i <= 1_024; i++) j.note(peer(i));
    j.note(peer(1_024));
    expect(j.entries()).toHaveLength(1_025);
    j.note(peer(0));
    expect(j.entries()).toHaveLength(1_026);
  });
});

describe("a flood of strangers", () => {
  it("costs a fixed number of entries a minute, and says so", () => {
    let nowMs = 0;
    const journal = new Journal(1_000, () => nowMs);
    const stranger = (i: number): void =>
      journal.note({
        protocol: "dhcp",
        mac: `02:00:00:00:00:${i}`,
        event: "DISCOVER",
        decision: "not a machine of this site",
        outcome: "silent",
      });
    for (let i = 0; i < 5_000; i++) stranger(i);
    expect(journal.entries()).toHaveLength(60);
    expect(journal.entries().at(-1)).toMatchObject({
      protocol: "agent",
      machine: null,
      event: "60 questions of strangers within a minute",
    });
    nowMs = 60_000;
    stranger(9_999);
    expect(journal.entries()).toHaveLength(61);
  });
});

describe("steps of machines that a rule lets in", () => {
  it("take a tenth of the journal in a minute and no more, and it says so", () => {
    const { journal: j, pass } = journal(100);
    const admitted = (): number =>
      Array.from({ length: 50 }, () => j.admitsGuest()).filter(Boolean).length;
    expect(admitted()).toBe(9);
    expect(j.entries().map((e) => e.event)).toEqual([
      "10 steps of machines that a rule lets in within a minute",
    ]);
    pass(60_000);
    expect(admitted()).toBe(9);
  });

  it("leave the questions of strangers their own share", () => {
    const { journal: j } = journal(100);
    for (let i = 0; i < 50; i++) j.admitsGuest();
    j.note(SILENT);
    expect(j.entries().at(-1)).toMatchObject({ mac: SILENT.mac });
  });
});

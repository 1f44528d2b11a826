import { describe, expect, it } from "vitest";
import { BootActivity } from "../../../../agent/log/boot-activity.ts";
import { Journal, type JournalNote } from "../../../../agent/log/journal.ts";

function setUp(): {
  activity: BootActivity;
  note: (machine: string | undefined, more?: Partial<JournalNote>) => void;
  pass: (ms: number) => void;
} {
  let nowMs = 1_000;
  const journal = new Journal(10, () => nowMs);
  const activity = new BootActivity(journal, () => nowMs);
  const note = (machine: string | undefined, more: Partial<JournalNote> = {}): void =>
    journal.note({
      protocol: "tftp",
      event: "read x",
      decision: "has it",
      outcome: "progress",
      machine,
      ...more,
    });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { activity, note, pass };
}

describe("BootActivity", () => {
  it("is a machine that was served something within half a minute", () => {
    const { activity, note, pass } = setUp();
    expect(activity.running()).toBe(false);
    note("v100");
    pass(20_000);
    note("minipc");
    expect(activity.machines()).toEqual(["v100", "minipc"]);
    pass(10_000);
    expect(activity.machines()).toEqual(["minipc"]);
    pass(20_000);
    expect(activity.running()).toBe(false);
  });

  it("is none who got no answer, no stranger, and not the agent itself", () => {
    const { activity, note } = setUp();
    note("v100", { outcome: "silent" });
    note(undefined);
    note("v100", { protocol: "agent" });
    expect(activity.running()).toBe(false);
  });

  it("is over after half an hour for a machine that never pauses: it runs from its root", () => {
    const { activity, note, pass } = setUp();
    for (let s = 0; s < 30 * 60; s += 10) {
      note("v100", { protocol: "nfs" });
      expect(activity.running()).toBe(true);
      pass(10_000);
    }
    note("v100", { protocol: "nfs" });
    expect(activity.running()).toBe(false);
    pass(30_000);
    note("v100");
    expect(activity.running()).toBe(true);
  });

  it("hears nothing after it was stopped", () => {
    const { activity, note } = setUp();
    activity.stop();
    note("v100");
    expect(activity.running()).toBe(false);
  });

  it("remembers a bounded number of machines", () => {
    const { activity, note } = setUp();
    for (let i = 0; i < 5_000; i++) note(`m${i}`);
    expect(activity.machines()).toHaveLength(4_096);
    expect(activity.machines()[0]).toBe("m904");
  });
});

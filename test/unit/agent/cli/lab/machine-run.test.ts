import { describe, expect, it } from "vitest";
import type { SimEvent } from "../../../../../agent/cli/lab/events.ts";
import { at, entry, MAC, run, START_MS, step, transfer } from "./runs.ts";

const booted = (ms: number): SimEvent => ({
  time: at(ms),
  machine: MAC,
  kind: "booted",
  octets: 9,
});
const failed = (ms: number): SimEvent => ({
  time: at(ms),
  machine: MAC,
  kind: "failed",
  stage: "nfs",
  reason: "truncated READ",
});

describe("MachineRun", () => {
  it("counts from the firmware's first word to its last", () => {
    const r = run();
    expect(r.verdict).toBe("waiting");
    r.takeEvent(step(0, "rarp", "who is it?"));
    expect(r.verdict).toBe("booting");
    r.takeEvent(step(20, "rarp", "I am 172.24.42.51"));
    r.takeEvent(booted(1_500));
    expect(r).toMatchObject({ verdict: "booted", finished: true, stepCount: 2, octets: 9 });
    expect([r.startMs, r.endMs]).toEqual([START_MS, START_MS + 1_500]);
  });

  it("puts the agent's side where its time belongs, though it comes later", () => {
    const r = run();
    r.takeEvent(step(0, "rarp", "who is it?"));
    r.takeEvent(step(20, "rarp", "I am 172.24.42.51"));
    r.takeJournal(entry(10, {}));
    expect(r.steps.map((s) => s.text)).toEqual([
      "who is it?",
      "you are 172.24.42.51",
      "I am 172.24.42.51",
    ]);
    expect(r.steps.map((s) => s.tone)).toEqual(["plain", "agent", "plain"]);
  });

  it("says why the agent was silent", () => {
    const r = run();
    const note = { outcome: "silent", reply: null, decision: "dhcp is off" } as const;
    expect(r.takeJournal(entry(10, note))).toMatchObject({
      text: "silent: who is 00:03:ba:5b:ae:b3?: dhcp is off",
      tone: "bad",
    });
  });

  it("takes entries by its name or its MAC only, and no transfers", () => {
    const r = run();
    expect(r.takeJournal(entry(1, { machine: null }))).toBeDefined();
    expect(r.takeJournal(entry(1, { mac: null }))).toBeDefined();
    expect(r.takeJournal(entry(1, { machine: "minipc", mac: "00:11:22:33:44:55" }))).toBe(
      undefined,
    );
    expect(r.takeJournal(entry(1, { outcome: "done" }))).toBeUndefined();
    expect(r.takeJournal(entry(1, { outcome: "progress" }))).toBeUndefined();
  });

  it("keeps one transfer a file, from the step before it", () => {
    const r = run();
    r.takeEvent(step(0, "mount", "mounted"));
    r.takeEvent(step(100, "nfs", "reading netbsd"));
    r.takeEvent(transfer(300, 1_000, 4_000));
    r.takeEvent(transfer(500, 4_000, 4_000, true));
    expect(r.transfers).toEqual([
      {
        file: "netbsd",
        protocol: "nfs",
        startMs: START_MS + 100,
        octets: 4_000,
        total: 4_000,
        done: true,
        endMs: START_MS + 500,
      },
    ]);
    // The same name once more is another transfer, which began when the first had ended.
    r.takeEvent(transfer(700, 1_000, 4_000));
    expect(r.transfers[1]).toMatchObject({ startMs: START_MS + 500, octets: 1_000, done: false });
  });

  it("keeps the first reason of a failure, and what had been loaded", () => {
    const r = run();
    r.takeEvent(transfer(5, 700, null));
    r.takeEvent(failed(10));
    r.fail("its firmware ended", START_MS + 20);
    expect(r).toMatchObject({ verdict: "failed", reason: "nfs: truncated READ", octets: 700 });
  });

  it("can still fail after it booted: a file was never asked for", () => {
    const r = run();
    r.takeEvent(booted(5));
    r.takeEvent(failed(6));
    expect(r.verdict).toBe("failed");
  });

  it("lets no control characters through to a terminal", () => {
    const r = run();
    r.takeEvent(step(0, "rarp", "a\x1b[2Jb\u202ec"));
    r.takeEvent({ ...transfer(1, 1, 1), file: "x\r\ny" } as SimEvent);
    r.fail("\x07", START_MS);
    expect(r.steps[0]?.text).toBe("a\ufffd[2Jb\ufffdc");
    expect(r.transfers[0]?.file).toBe("x\ufffd\ufffdy");
    expect(r.reason).toBe("\ufffd");
  });
});

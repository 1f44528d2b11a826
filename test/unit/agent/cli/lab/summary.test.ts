import { expect, it } from "vitest";
import type { SimEvent } from "../../../../../agent/cli/lab/events.ts";
import { labResult, summaryLines } from "../../../../../agent/cli/lab/summary.ts";
import { at, MAC, run, step } from "./runs.ts";

const booted: SimEvent = { time: at(2_130), machine: MAC, kind: "booted", octets: 6_100_940 };

it("is a table of what every machine did", () => {
  const r = run();
  r.takeEvent(step(0, "rarp", "who?"));
  r.takeEvent(booted);
  const result = labResult([r], null);
  expect(result.booted).toBe(true);
  expect(summaryLines(result, false)).toEqual([
    "machine  firmware      steps   octets    time  verdict",
    "v100     openfirmware      1  6.10 MB  2.13 s  booted",
  ]);
});

it("says what failed, and where the journal is", () => {
  const good = run();
  good.takeEvent(booted);
  const bad = run();
  bad.takeEvent(step(0, "rarp", "who?"));
  const result = labResult([good, bad], "/tmp/journal.jsonl");
  expect(result.booted).toBe(false);
  expect(result.machines[1]).toMatchObject({ verdict: "failed", reason: "it did not finish" });
  expect(summaryLines(result, false).slice(-2)).toEqual([
    "v100 failed: it did not finish",
    "The agent's journal says why: /tmp/journal.jsonl",
  ]);
});

import type { SimEvent } from "../../../../../agent/cli/lab/events.ts";
import { MachineRun } from "../../../../../agent/cli/lab/machine-run.ts";
import type { JournalEntry } from "../../../../../agent/log/journal.ts";

/** The second at which machines of these tests are powered on. */
export const START_MS: number = Date.parse("2026-01-02T03:04:05.000Z");

export const MAC = "00:03:ba:5b:ae:b3";

export function at(ms: number): string {
  return new Date(START_MS + ms).toISOString();
}

export function run(): MachineRun {
  return new MachineRun("v100", "Sun Fire V100, NetBSD", "openfirmware", MAC);
}

export function step(ms: number, stage: string, text: string): SimEvent {
  return { time: at(ms), machine: MAC, kind: "step", stage, text };
}

export function transfer(ms: number, octets: number, total: number | null, done = false): SimEvent {
  const head = { time: at(ms), machine: MAC, kind: "transfer" } as const;
  return { ...head, file: "netbsd", protocol: "nfs", octets, total, done };
}

export function entry(ms: number, fields: Partial<JournalEntry>): JournalEntry {
  return {
    time: at(ms),
    machine: "v100",
    mac: MAC,
    address: null,
    family: null,
    protocol: "rarp",
    event: "who is 00:03:ba:5b:ae:b3?",
    decision: "its address in the site",
    reply: "you are 172.24.42.51",
    outcome: "answered",
    octets: 60,
    ms: 0,
    file: null,
    total: null,
    ...fields,
  };
}

import { octetsText } from "../../log/timeline.ts";
import type { MachineRun } from "./machine-run.ts";
import { paint } from "./paint.ts";

/** The lab's result; with `--json` the last line, `kind` "result". */
export interface LabResult {
  readonly kind: "result";
  readonly booted: boolean;
  readonly machines: readonly MachineResult[];
  /** The agent's journal, JSON lines; kept only when something failed. */
  readonly journal: string | null;
}

/** One machine's line of the table. */
export interface MachineResult {
  readonly machine: string;
  readonly firmware: string;
  readonly steps: number;
  readonly octets: number;
  readonly ms: number;
  readonly verdict: "booted" | "failed";
  /** Why it failed. */
  readonly reason: string | null;
}

/** The result of runs that have ended; one that has not counts as failed. */
export function labResult(runs: readonly MachineRun[], journal: string | null): LabResult {
  const machines = runs.map((run): MachineResult => {
    const booted = run.verdict === "booted";
    return {
      machine: run.name,
      firmware: run.firmware,
      steps: run.stepCount,
      octets: run.octets,
      ms: run.endMs - run.startMs,
      verdict: booted ? "booted" : "failed",
      reason: booted ? null : run.reason || "it did not finish",
    };
  });
  return { kind: "result", booted: machines.every((m) => m.reason === null), machines, journal };
}

const HEAD = ["machine", "firmware", "steps", "octets", "time", "verdict"] as const;
/** Figures stand to the right. */
const RIGHT: readonly boolean[] = [false, false, true, true, true, false];

/** The table, and under it what failed and where to read why. */
export function summaryLines(result: LabResult, colour: boolean): string[] {
  const rows = result.machines.map((m) => [
    m.machine,
    m.firmware,
    String(m.steps),
    octetsText(m.octets),
    `${(m.ms / 1000).toFixed(2)} s`,
    m.verdict,
  ]);
  const widths = HEAD.map((title, i) =>
    Math.max(title.length, ...rows.map((r) => (r[i] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => (RIGHT[i] ? c.padStart(widths[i] ?? 0) : c.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  const lines = [paint(line(HEAD), "title", colour)];
  result.machines.forEach((m, i) => {
    lines.push(paint(line(rows[i] ?? []), m.reason === null ? "good" : "bad", colour));
  });
  for (const m of result.machines) {
    if (m.reason !== null) lines.push(paint(`${m.machine} failed: ${m.reason}`, "bad", colour));
  }
  if (result.journal !== null) lines.push(`The agent's journal says why: ${result.journal}`);
  return lines;
}

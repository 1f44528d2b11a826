import { AgentError } from "../../errors.ts";
import { printable } from "../../log/printable.ts";
import { type Column, tableLines } from "../table.ts";
import { wrapped } from "../words.ts";
import type { TrialEnd } from "./trial.ts";

/** What became of a change at one agent. */
export interface Outcome {
  /** As the agent calls itself; where it was not reached, as it was asked for. */
  readonly agent: string;
  readonly fingerprint?: string;
  readonly serial?: number;
  /**
   * `running`, `returned`, `lost`: as a trial ends. `failed`: it was not begun, or broke. `good`: only looked at.
   * `left`: not begun, since another failed or the operator did not want it.
   */
  readonly result: TrialEnd["result"] | "failed" | "good" | "left";
  readonly changes?: readonly string[];
  /** Why it returned or is lost; what is wrong with an agent that runs it. */
  readonly reasons?: readonly string[];
  readonly error?: AgentError;
}

const COLUMNS: readonly Column[] = [
  { title: "AGENT", least: 12 },
  { title: "SERIAL", right: true },
  { title: "RESULT", least: 20 },
];
const WIDTH = 80;

const WORDS: Readonly<Record<Outcome["result"], string>> = {
  running: "runs it",
  returned: "went back",
  lost: "unknown",
  failed: "failed",
  good: "would take it",
  left: "left as it is",
};

/** The outcome of what an agent refused, or could not be asked. Throws anything but an AgentError. */
export function failedOutcome(
  error: unknown,
  about: Pick<Outcome, "agent" | "fingerprint">,
): Outcome {
  if (!(error instanceof AgentError)) throw error;
  return { ...about, result: "failed", error };
}

/** Whether a command with these outcomes failed. */
export function anyFailed(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ result }) => !["running", "good", "left"].includes(result));
}

/** A table of 80 columns, and below it what there is to say of single agents. */
export function outcomeLines(outcomes: readonly Outcome[]): readonly string[] {
  const rows = outcomes.map((o) => [o.agent, serialCell(o), resultCell(o)]);
  const lines = [...tableLines(COLUMNS, rows, WIDTH)];
  for (const { agent, error, reasons = [] } of outcomes) {
    if (error === undefined && reasons.length === 0) continue;
    lines.push("", `${agent}:`);
    for (const reason of reasons) lines.push(...wrapped(`  ${printable(reason)}`, WIDTH, 4));
    if (error) {
      // Some messages are laid out in lines of their own.
      for (const line of `${error.code}: ${error.message}`.split("\n")) {
        lines.push(...wrapped(`  ${printable(line)}`, WIDTH, 4));
      }
      lines.push(...wrapped(`  ${printable(error.cure)}`, WIDTH, 2));
    }
  }
  return lines;
}

/** An outcome as JSON has it. */
export function outcomeJson({ error, ...rest }: Outcome): unknown {
  if (error === undefined) return rest;
  const { code, message, cure } = error;
  return { ...rest, error: { code, message, cure } };
}

function serialCell({ serial }: Outcome): string {
  return serial === undefined ? "-" : String(serial);
}

function resultCell({ result, error, reasons = [] }: Outcome): string {
  if (error) return `${WORDS[result]}: ${error.code}`;
  return result === "running" && reasons.length > 0 ? "runs it, but is degraded" : WORDS[result];
}

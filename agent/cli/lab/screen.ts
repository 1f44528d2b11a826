import { octetsText } from "../../log/timeline.ts";
import { barLine } from "../progress-bar.ts";
import type { MachineRun, TimelineStep, Transfer } from "./machine-run.ts";
import { type Cell, paint, toWidth } from "./paint.ts";

/** Where the screen is drawn. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What stands above the machines. */
export interface ScreenHead {
  readonly title: string;
  readonly elapsedMs: number;
}

const SIDE_BY_SIDE = 100;
const NARROWEST = 40;
const MAX_BARS = 5;
const GUTTER = " │ ";

/**
 * The live screen as lines, at most `rows - 1` of them and none wider than `columns`.
 *
 *     pilotlight lab: rack7                                    3 s
 *
 *     v100  Sun Fire V100, NetBSD      │ minipc  mini PC, PXE and iPXE
 *      0.01 rarp     who is 00:03:…    │  0.02 dhcp     DISCOVER
 *     netbsd      ━━━━━────  3.1 of 6 MB │ …
 */
export function screenLines(
  head: ScreenHead,
  runs: readonly MachineRun[],
  size: ScreenSize,
  colour: boolean,
): string[] {
  const columns = Math.max(size.columns - 1, NARROWEST);
  const lines = [headLine(head, columns, colour), ""];
  const height = Math.max(size.rows - 1 - lines.length, 0);
  if (columns + 1 >= SIDE_BY_SIDE) {
    const width = Math.floor((columns - GUTTER.length * (runs.length - 1)) / runs.length);
    const stacks = runs.map((run) => machineCells(run, width, height));
    const tallest = Math.max(0, ...stacks.map((s) => s.length));
    for (let i = 0; i < tallest; i++) {
      const row = stacks.map((s) => s[i] ?? { text: " ".repeat(width), style: "plain" as const });
      lines.push(row.map((cell) => paint(cell.text, cell.style, colour)).join(GUTTER));
    }
    return lines;
  }
  const each = Math.floor(height / Math.max(runs.length, 1));
  for (const run of runs) {
    for (const cell of machineCells(run, columns, each)) {
      lines.push(paint(cell.text, cell.style, colour));
    }
  }
  return lines;
}

function headLine({ title, elapsedMs }: ScreenHead, width: number, colour: boolean): string {
  const clock = `${Math.floor(elapsedMs / 1000)} s`;
  return `${paint(toWidth(title, width - clock.length), "title", colour)}${clock}`;
}

/** One machine in exactly `height` lines: title, the last steps, and a bar for each of the last files. */
export function machineCells(run: MachineRun, width: number, height: number): Cell[] {
  if (height <= 0) return [];
  const cells: Cell[] = [titleCell(run, width)];
  const bars = run.transfers.slice(-Math.min(MAX_BARS, Math.floor((height - 1) / 2)));
  const room = height - 1 - (height > 2 ? bars.length : 0);
  const steps = room > 0 ? run.steps.slice(-room) : [];
  for (const step of steps) cells.push(stepCell(step, run.startMs, width));
  while (cells.length < room + 1) cells.push({ text: " ".repeat(width), style: "plain" });
  if (height > 2) for (const t of bars) cells.push(barCell(t, width));
  return cells;
}

function titleCell(run: MachineRun, width: number): Cell {
  const style = run.verdict === "booted" ? "good" : run.verdict === "failed" ? "bad" : "title";
  return { text: toWidth(`${run.name}  ${run.title}  ${run.verdict}`, width), style };
}

/** "  0.012 tftp       asking 172.24.42.150 for AC182A33"; what the agent said is set off by an arrow. */
function stepCell(step: TimelineStep, startMs: number, width: number): Cell {
  return { text: toWidth(stepText(step, startMs), width), style: step.tone };
}

/** A step as one line, with the seconds since the machine was powered on. */
export function stepText(step: TimelineStep, startMs: number): string {
  const seconds = (Math.max(step.timeMs - startMs, 0) / 1000).toFixed(2).padStart(6);
  const mark = step.tone === "agent" ? "← " : "";
  return `${seconds} ${step.protocol.padEnd(10)} ${mark}${step.text}`;
}

/** "netbsd        ━━━━━━━─────  3.14 of 6.00 MB  9.81 MB/s"; without a known size the bar is empty until the end. */
export function barCell(t: Transfer, width: number): Cell {
  const ms = t.endMs - t.startMs;
  const line = {
    name: shortName(t.file),
    octets: t.octets,
    total: t.total ?? undefined,
    rate: ms > 0 ? (t.octets * 1000) / ms : 0,
    done: t.done,
  };
  return { text: barLine(line, width), style: "bar" };
}

/** Octets a second; nothing yet when no time has passed. */
export function rate(t: Transfer): string {
  const ms = t.endMs - t.startMs;
  return ms > 0 ? `${octetsText((t.octets * 1000) / ms)}/s` : "";
}

/** The last segment of a URL or path. */
export function shortName(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1) || file;
}

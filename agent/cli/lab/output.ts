import type { JournalEntry } from "../../log/journal.ts";
import { octetsText } from "../../log/timeline.ts";
import type { CommandHost } from "../host.ts";
import type { SimEvent } from "./events.ts";
import { LiveScreen } from "./live-screen.ts";
import type { MachineRun, TimelineStep } from "./machine-run.ts";
import { paint, wantsColour } from "./paint.ts";
import { rate, shortName, stepText } from "./screen.ts";
import { type LabResult, summaryLines } from "./summary.ts";

/** Where the lab tells what happens: a live screen, plain lines, or JSON lines. */
export interface LabOutput {
  /** The machines are powered on. */
  start(title: string, runs: readonly MachineRun[], nowMs: number): void;
  event(run: MachineRun, event: SimEvent, step: TimelineStep | undefined): void;
  journal(run: MachineRun | undefined, entry: JournalEntry, step: TimelineStep | undefined): void;
  /** A step that neither firmware nor agent told of. */
  note(run: MachineRun, step: TimelineStep | undefined): void;
  /** Also after an interruption, then without a result. */
  end(result: LabResult | undefined): void;
}

/** The output that fits the terminal and the options. */
export function labOutput(host: CommandHost, json: boolean): LabOutput {
  if (json) return new JsonOutput(host.stdout);
  const { TERM } = host.env;
  return host.stdout.isTTY && TERM !== "dumb"
    ? new ScreenOutput(host)
    : new PlainOutput(host.stdout);
}

/** One JSON object a line: `kind` is "firmware", "journal" or "result". */
class JsonOutput implements LabOutput {
  private readonly out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.out = out;
  }

  start(): void {}

  event(run: MachineRun, event: SimEvent): void {
    this.line({ kind: "firmware", machine: run.name, event });
  }

  journal(_run: MachineRun | undefined, entry: JournalEntry): void {
    this.line({ kind: "journal", entry });
  }

  note(): void {}

  end(result: LabResult | undefined): void {
    if (result) this.line(result);
  }

  private line(value: object): void {
    this.out.write(`${JSON.stringify(value)}\n`);
  }
}

/** Long enough for the other pipes to be read, too short to be noticed. */
const SETTLE_MS = 50;

/**
 * One line a step, one a finished transfer, then the table.
 *
 * What firmware and agent say comes by different pipes: lines wait a moment and are put in the order of their times.
 */
export class PlainOutput implements LabOutput {
  private readonly out: NodeJS.WritableStream;
  private readonly pending: { run: MachineRun; step: TimelineStep }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private width = 0;

  constructor(out: NodeJS.WritableStream) {
    this.out = out;
  }

  start(title: string, runs: readonly MachineRun[]): void {
    this.width = Math.max(0, ...runs.map((run) => run.name.length));
    this.out.write(`${title}\n`);
  }

  event(run: MachineRun, event: SimEvent, step: TimelineStep | undefined): void {
    if (event.kind === "transfer" && event.done) {
      const transfer = run.transfers.at(-1);
      const speed = transfer && rate(transfer) ? `, ${rate(transfer)}` : "";
      const text = `loaded ${shortName(event.file)}: ${octetsText(event.octets)}${speed}`;
      const { protocol } = event;
      this.note(run, { timeMs: Date.parse(event.time), protocol, text, tone: "plain" });
    }
    this.note(run, step);
  }

  journal(run: MachineRun | undefined, _entry: JournalEntry, step: TimelineStep | undefined): void {
    if (run) this.note(run, step);
  }

  note(run: MachineRun, step: TimelineStep | undefined): void {
    if (!step) return;
    this.pending.push({ run, step });
    this.timer ??= setTimeout(() => this.flush(), SETTLE_MS);
  }

  end(result: LabResult | undefined): void {
    this.flush();
    if (result) this.out.write(`\n${summaryLines(result, false).join("\n")}\n`);
    else this.out.write("interrupted\n");
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pending.sort((a, b) => a.step.timeMs - b.step.timeMs);
    for (const { run, step } of this.pending) {
      this.out.write(`${run.name.padEnd(this.width)} ${stepText(step, run.startMs)}\n`);
    }
    this.pending.length = 0;
  }
}

class ScreenOutput implements LabOutput {
  private readonly out: NodeJS.WriteStream;
  private readonly colour: boolean;
  private screen: LiveScreen | undefined;

  constructor(host: CommandHost) {
    this.out = host.stdout;
    this.colour = wantsColour(true, host.env);
  }

  start(title: string, runs: readonly MachineRun[], nowMs: number): void {
    this.screen = new LiveScreen(this.out, title, runs, nowMs, this.colour);
  }

  event(): void {}

  journal(): void {}

  note(): void {}

  end(result: LabResult | undefined): void {
    this.screen?.close();
    const lines = result
      ? summaryLines(result, this.colour)
      : [paint("interrupted", "bad", this.colour)];
    this.out.write(`\n${lines.join("\n")}\n`);
  }
}

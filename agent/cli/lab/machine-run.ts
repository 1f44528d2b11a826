import type { JournalEntry } from "../../log/journal.ts";
import type { SimEvent } from "./events.ts";

/** How a timeline line is meant: plain, the agent's side of it, good news, or bad. */
export type Tone = "plain" | "agent" | "good" | "bad";

/** One line of a machine's timeline. */
export interface TimelineStep {
  readonly timeMs: number;
  readonly protocol: string;
  readonly text: string;
  readonly tone: Tone;
}

/** One file on its way. Times are ms since 1970; `endMs` is that of the last news. */
export interface Transfer {
  readonly file: string;
  readonly protocol: string;
  readonly startMs: number;
  readonly octets: number;
  readonly total: number | null;
  readonly done: boolean;
  readonly endMs: number;
}

export type Verdict = "waiting" | "booting" | "booted" | "failed";

const MAX_STEPS = 500;

/**
 * What is known of one machine's boot, from its firmware's events and from the agent's journal.
 *
 * The two come through different pipes, so a step is put where its time belongs. Texts are cleaned of control characters:
 * a file name may come from anywhere, and goes to a terminal.
 */
export class MachineRun {
  readonly name: string;
  readonly title: string;
  readonly firmware: string;
  readonly mac: string;
  readonly steps: TimelineStep[] = [];
  readonly transfers: Transfer[] = [];
  /** Steps that the firmware told of, and octets it loaded. */
  stepCount = 0;
  octets = 0;
  /** Times of the firmware's first and last word, ms since 1970. */
  startMs = 0;
  endMs = 0;
  verdict: Verdict = "waiting";
  /** Why it failed. */
  reason = "";

  constructor(name: string, title: string, firmware: string, mac: string) {
    this.name = name;
    this.title = title;
    this.firmware = firmware;
    this.mac = mac;
  }

  get finished(): boolean {
    return this.verdict === "booted" || this.verdict === "failed";
  }

  /** Takes an event of the firmware; returns the step it led to, if any. */
  takeEvent(event: SimEvent): TimelineStep | undefined {
    if (this.verdict === "failed") return undefined;
    const timeMs = Date.parse(event.time);
    if (this.verdict === "waiting") {
      this.verdict = "booting";
      this.startMs = timeMs;
    }
    this.endMs = Math.max(this.endMs, timeMs);
    switch (event.kind) {
      case "step":
        this.stepCount += 1;
        return this.add(timeMs, event.stage, event.text, "plain");
      case "transfer":
        this.takeTransfer(event, timeMs);
        return undefined;
      case "booted":
        this.verdict = "booted";
        this.octets = event.octets;
        return this.add(timeMs, "boot", "booted", "good");
      case "failed":
        this.octets = this.transfers.reduce((sum, t) => sum + t.octets, 0);
        return this.fail(`${event.stage}: ${event.reason}`, timeMs);
      default:
        return undefined;
    }
  }

  /** Takes an entry of the agent's journal about this machine. Reports of a transfer under way are the firmware's. */
  takeJournal(entry: JournalEntry): TimelineStep | undefined {
    if (entry.machine !== this.name && entry.mac !== this.mac) return undefined;
    if (entry.outcome === "progress" || entry.outcome === "done") return undefined;
    const answered = entry.outcome === "answered";
    const text = answered
      ? (entry.reply ?? entry.event)
      : `${entry.outcome}: ${entry.event}: ${entry.decision}`;
    return this.add(Date.parse(entry.time), entry.protocol, text, answered ? "agent" : "bad");
  }

  /** Ends the run with the first reason given; one that had booted can still fail, as when a file was never asked for. */
  fail(reason: string, timeMs: number): TimelineStep | undefined {
    if (this.verdict === "failed") return undefined;
    if (this.verdict === "waiting") this.startMs = timeMs;
    this.verdict = "failed";
    this.reason = clean(reason);
    this.endMs = Math.max(this.endMs, timeMs);
    return this.add(timeMs, "boot", `failed: ${reason}`, "bad");
  }

  private takeTransfer(event: SimEvent & { kind: "transfer" }, timeMs: number): void {
    const file = clean(event.file);
    const { protocol, octets, total, done } = event;
    const found = this.transfers.findIndex((t) => !t.done && t.file === file);
    const startMs = this.transfers[found]?.startMs ?? this.transferStart(timeMs);
    const transfer = { file, protocol, startMs, octets, total, done, endMs: timeMs };
    if (found >= 0) this.transfers[found] = transfer;
    else this.transfers.push(transfer);
  }

  /** The first report comes when a part has been loaded already: the transfer began with the step before it. */
  private transferStart(timeMs: number): number {
    const step = this.steps.findLast((s) => s.tone === "plain" && s.timeMs <= timeMs);
    return Math.max(step?.timeMs ?? this.startMs, this.transfers.at(-1)?.endMs ?? 0);
  }

  private add(timeMs: number, protocol: string, text: string, tone: Tone): TimelineStep {
    const step = { timeMs, protocol: clean(protocol), text: clean(text), tone };
    const after = this.steps.findLastIndex((s) => s.timeMs <= timeMs);
    this.steps.splice(after + 1, 0, step);
    if (this.steps.length > MAX_STEPS) this.steps.shift();
    return step;
  }
}

function clean(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}

import type { FirmwareEvent } from "../../../firmware-sim/firmware.ts";
import type { JournalEntry } from "../../log/journal.ts";

/** What `pilotlight sim --json` prints. `time` is ISO 8601, `machine` the MAC address. */
export type SimEvent = FirmwareEvent & { readonly time: string; readonly machine: string };

/** What either stream's objects may hold, before it was looked at. */
interface Fields {
  readonly [key: string]: unknown;
  readonly time?: unknown;
  readonly machine?: unknown;
  readonly kind?: unknown;
  readonly stage?: unknown;
  readonly text?: unknown;
  readonly reason?: unknown;
  readonly file?: unknown;
  readonly protocol?: unknown;
  readonly octets?: unknown;
  readonly total?: unknown;
  readonly done?: unknown;
}

const MAX_LINE = 65_536;

/**
 * Cuts a stream into lines. A line that never ends is given out in parts of 64 Ki characters, so that a child which
 * prints rubbish costs no memory.
 */
export class LineSplitter {
  private rest = "";
  private readonly line: (text: string) => void;

  constructor(line: (text: string) => void) {
    this.line = line;
  }

  feed(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (this.rest.length > MAX_LINE) this.end();
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    const { rest } = this;
    this.rest = "";
    if (rest !== "") this.line(rest);
  }
}

/** One line of `sim --json`; undefined when it is something else. */
export function parseSimEvent(line: string): SimEvent | undefined {
  const event = parseObject(line);
  if (!event || !isText(event.time) || !isText(event.machine)) return undefined;
  if (!Number.isFinite(Date.parse(event.time))) return undefined;
  switch (event.kind) {
    case "step":
      return isText(event.stage) && isText(event.text) ? as(event) : undefined;
    case "transfer":
      return isText(event.file) &&
        isText(event.protocol) &&
        isCount(event.octets) &&
        (event.total === null || isCount(event.total)) &&
        typeof event.done === "boolean"
        ? as(event)
        : undefined;
    case "booted":
      return isCount(event.octets) ? as(event) : undefined;
    case "failed":
      return isText(event.stage) && isText(event.reason) ? as(event) : undefined;
    default:
      return undefined;
  }
}

/** One line of `serve --json`; undefined when it is something else. */
export function parseJournalEntry(line: string): JournalEntry | undefined {
  const entry = parseObject(line);
  if (!entry) return undefined;
  const texts = ["time", "protocol", "event", "decision", "outcome"];
  if (!texts.every((key) => isText(entry[key]))) return undefined;
  const nullable = ["machine", "mac", "address", "reply", "file"];
  if (!nullable.every((key) => entry[key] === null || isText(entry[key]))) return undefined;
  if (!isCount(entry.octets) || !Number.isFinite(Date.parse(String(entry.time)))) {
    return undefined;
  }
  return entry as unknown as JournalEntry;
}

function parseObject(line: string): Fields | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Fields;
  } catch {
    return undefined;
  }
}

function as(event: Fields): SimEvent {
  return event as unknown as SimEvent;
}

function isText(x: unknown): x is string {
  return typeof x === "string";
}

function isCount(x: unknown): x is number {
  return typeof x === "number" && Number.isFinite(x) && x >= 0;
}

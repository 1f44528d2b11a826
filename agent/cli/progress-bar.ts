import { octetsText } from "../log/timeline.ts";
import { type Cell, endToWidth, paint, toWidth } from "./lab/paint.ts";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_LINE_END = "\x1b[K";
/** What a terminal is that does not tell its size. */
const USUAL = { columns: 80, rows: 24 };
/** Narrower than this a bar says nothing. */
const LEAST_BAR = 4;

/** "━━━━━━━─────": `share` from 0 to 1 of `width` columns. */
export function bar(share: number, width: number): string {
  const full = Math.floor(Math.min(Math.max(share, 0), 1) * width);
  return "━".repeat(full) + "─".repeat(width - full);
}

/** How far something is. */
export interface BarLine {
  readonly name: string;
  readonly octets: number;
  /** Absent while nobody knows: then the bar is empty. */
  readonly total?: number | undefined;
  /** Octets a second; absent or 0: not shown. */
  readonly rate?: number | undefined;
  readonly done?: boolean;
}

/** "netbsd        ━━━━━━━─────  3.14 MB/6.00 MB  9.81 MB/s" in exactly `width` columns. */
export function barLine(line: BarLine, width: number): string {
  const { octets, total, rate = 0, done = false } = line;
  const amount = octetsText(octets).padStart(7);
  const of = total === undefined || done ? "" : `/${octetsText(total)}`;
  const figures = `${amount}${of} ${(rate > 0 ? `${octetsText(rate)}/s` : "").padStart(9)}`;
  const nameWidth = Math.max(Math.min(18, Math.floor(width / 3)), 1);
  const barWidth = width - nameWidth - figures.length - 2;
  const name = endToWidth(line.name, nameWidth);
  if (barWidth < LEAST_BAR) return toWidth(`${name} ${figures}`, width);
  const share = done ? 1 : total ? octets / total : 0;
  return `${name} ${bar(share, barWidth)} ${figures}`;
}

/**
 * Lines that are drawn again in place on a terminal, and nowhere else.
 *
 * What was above them stays. When they are closed the last picture stands, or is wiped away.
 */
export class LiveLines {
  private readonly out: NodeJS.WriteStream;
  private readonly colour: boolean;
  private height = 0;
  private last = "";

  constructor(out: NodeJS.WriteStream, colour: boolean) {
    this.out = out;
    this.colour = colour;
  }

  /** Whether anything is drawn at all. */
  get live(): boolean {
    return this.out.isTTY === true;
  }

  /** Columns that a line may have: the last one stays free, since some terminals wrap behind it. */
  get width(): number {
    return (this.out.columns || USUAL.columns) - 1;
  }

  /** Takes the place of the lines before; more than the terminal has rows are left out at the end. */
  draw(cells: readonly Cell[]): void {
    if (!this.live || this.out.writableNeedDrain) return; // a slow line: the next picture says it all
    const rows = (this.out.rows || USUAL.rows) - 1;
    const { width } = this;
    const picture = cells
      .slice(0, rows)
      .map(({ text, style }) => paint(cut(text, width), style, this.colour))
      .map((line) => `${line}${CLEAR_LINE_END}\n`)
      .join("");
    if (picture === this.last) return;
    this.out.write(`${this.last === "" ? HIDE_CURSOR : this.back()}${picture}${CLEAR_BELOW}`);
    this.height = Math.min(cells.length, rows);
    this.last = picture;
  }

  /** Gives the terminal back. */
  close(wipe: boolean): void {
    if (this.last === "") return;
    this.out.write(`${wipe ? `${this.back()}${CLEAR_BELOW}` : ""}${SHOW_CURSOR}`);
    this.last = "";
    this.height = 0;
  }

  private back(): string {
    return this.height > 0 ? `\x1b[${this.height}A\r` : "";
  }
}

/** The text cut to `width` columns, without filling it up. */
export function cut(text: string, width: number): string {
  return toWidth(text, width).trimEnd();
}
